"""Where a worker's nodes come from: one task, or all tasks that have a runnable node.

The rule this file keeps: a daemon that goes away for a while is waited for, but one that never was
there is an error, and so is a task that does not exist. A question whose answer did not come is
asked again as it was: the daemon may have leased a node for it.
"""

import logging
import uuid

from agentd.api import AcquireNextNodeResult, TaskSummary
from agentd.client import AsyncClient
from agentd.client.repeats import TRANSIENT
from agentd.errors import RequestRefused
from agentd.text import printable

logger = logging.getLogger("agentd.worker")

_TASKS_PER_LIST = 16
"""Tasks that are tried before the list of them is asked for again."""


class NodeSource:
    """Acquires nodes for one owner."""

    def __init__(self, client: AsyncClient, task_id: str | None, owner: str) -> None:
        self._client = client
        self._task_id = task_id
        self._owner = owner
        self._unanswered: tuple[str, uuid.UUID] | None = None
        self._was_reached = False
        self._is_away = False
        self.is_exhausted = False
        self._last_logged = ""

    async def next(self) -> AcquireNextNodeResult | None:
        """A node, or None when nothing is runnable now.

        `is_exhausted` then says whether nothing of the task can become runnable any more. Raises
        `DaemonUnreachable` where there never was a daemon, or `TaskNotFound`.
        """
        try:
            acquired = await self._acquire()
        except TRANSIENT as error:
            if not self._was_reached:
                raise
            self._log_change("no node for now, trying again: %s", error)
            self._is_away = True
            return None
        self._was_reached, self._is_away = True, False
        if acquired is not None:
            self._last_logged = ""
        return acquired

    def log_waiting(self) -> None:
        """Log, once, that nothing is runnable, if that is why there is no node."""
        if not self._is_away:
            self._log_change("nothing is runnable now: waiting")

    def _log_change(self, words: str, *about: object) -> None:
        """Once, not at every attempt."""
        if words != self._last_logged:
            logger.info(words, *map(printable, about))
        self._last_logged = words

    async def _acquire(self) -> AcquireNextNodeResult | None:
        if (
            self._unanswered
            and (acquired := await self._repeat_acquire(*self._unanswered)) is not None
        ):
            return acquired
        if self._task_id is not None:
            acquired = await self._acquire_from(self._task_id)
            if acquired is None:
                (task,) = (await self._client.list_tasks(prefix=self._task_id)).tasks
                self.is_exhausted = task.has_ended and not await self._waits_for_moment(task)
            return acquired
        for task in await self._runnable_tasks():
            if (acquired := await self._acquire_from(task.id)) is not None:
                return acquired
        return None

    async def _waits_for_moment(self, task: TaskSummary) -> bool:
        """Whether a node waits for nothing but time, such as the pause before its next try."""
        if not task.counts.get("PENDING"):
            return False
        nodes = (await self._client.task_status(task.id)).nodes
        satisfied = {node.id for node in nodes if node.satisfies_dependents}
        return any(
            node.not_before is not None and satisfied.issuperset(node.dependencies)
            for node in nodes
        )

    async def _runnable_tasks(self) -> list[TaskSummary]:
        """The first tasks that hand out nodes; a page may be empty and lead on to them."""
        page = await self._client.list_tasks(runnable=True, limit=_TASKS_PER_LIST)
        while not page.tasks and page.next is not None:
            page = await self._client.list_tasks(
                runnable=True, limit=_TASKS_PER_LIST, before=page.next
            )
        return page.tasks

    async def _acquire_from(self, task_id: str) -> AcquireNextNodeResult | None:
        request_id = uuid.uuid4()
        self._unanswered = task_id, request_id
        acquired = await self._send_acquire(task_id, request_id)
        self._unanswered = None
        return acquired

    async def _repeat_acquire(
        self, task_id: str, request_id: uuid.UUID
    ) -> AcquireNextNodeResult | None:
        """The answer that did not come; None where its lease, which is older now, is gone."""
        acquired = await self._send_acquire(task_id, request_id)
        if acquired is not None:
            try:
                await self._client.heartbeat_node(task_id, acquired.node_id, acquired.lease_id)
            except TRANSIENT:
                raise
            except RequestRefused:
                acquired = None
        self._unanswered = None
        return acquired

    async def _send_acquire(
        self, task_id: str, request_id: uuid.UUID
    ) -> AcquireNextNodeResult | None:
        return await self._client.acquire_next_node(
            task_id, lease_owner=self._owner, request_id=request_id
        )
