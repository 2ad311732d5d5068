"""Where a worker's nodes come from: one task, or all tasks that have a runnable node.

The rule this file keeps: a daemon that goes away for a while is waited for, but one that never was
there is an error, and so is a task that does not exist. A question whose answer did not come is
asked again as it was: the daemon may have leased a node for it. Nothing polls, unless the daemon is
an older one.
"""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET

from agentd.api import AcquireNext, AcquireNextNodeResult, ContextScope, TaskSummary
from agentd.client import AsyncClient
from agentd.client.repeats import TRANSIENT
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.text import printable

logger = logging.getLogger("agentd.worker")

WAIT_SECONDS = 30.0
"""For how long the daemon may let a question for work wait; then it is asked anew."""

_UNREAD_SECONDS = 0.25
"""For how long an answer that was not read is waited for again."""

_TASKS_PER_LIST = 16
"""Tasks that are tried before the list of them is asked for again."""


class NodeSource:
    """Acquires nodes for one owner, who offers some labels and wants some events along."""

    def __init__(
        self,
        client: AsyncClient,
        task_id: str | None,
        owner: str,
        labels: Sequence[str] = (),
        context_scope: ContextScope = "task",
    ) -> None:
        self._client = client
        self._task_id = task_id
        self._owner = owner
        self._labels = list(labels)
        self._context_scope: ContextScope = context_scope
        self._unanswered: _Question | None = None
        self._waits: bool | None = None  # what the daemon says of itself
        self._brings_next = False
        self._was_reached = False
        self._is_away = False
        self.is_exhausted = False
        self._last_logged = ""

    @property
    def wanted(self) -> AcquireNext | None:
        """What the call that ends a node may ask for, where the daemon takes that."""
        if not self._brings_next:
            return None
        task_id = UNSET if self._task_id is None else self._task_id
        return AcquireNext(
            task_id=task_id,
            lease_owner=self._owner,
            labels=self._labels,
            context_scope=self._context_scope,
        )

    async def wait(self) -> AcquireNextNodeResult | None:
        """As `next`, as soon as there is a node; None after a while, of an older daemon at once."""
        return await self.next(WAIT_SECONDS)

    async def next(self, wait_secs: float = 0) -> AcquireNextNodeResult | None:
        """A node, or None when nothing is runnable now.

        `is_exhausted` then says whether nothing of the task can become runnable any more. Raises
        `DaemonUnreachable` where there never was a daemon, or `TaskNotFound`.
        """
        try:
            acquired = await self._acquire(wait_secs if await self._daemon_waits() else 0)
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

    async def unread(self) -> AcquireNextNodeResult | None:
        """What a question was answered that was given up before the answer was read, if anything.

        The daemon answers it again as it did. One that it has not answered it answers now, without
        a wait: nothing that is given back after this comes to it.
        """
        if self._unanswered is None:
            return None
        try:
            async with asyncio.timeout(_UNREAD_SECONDS):
                acquired = await self._send(self._unanswered._replace(wait_secs=0))
        except (TimeoutError, DaemonUnreachable, RequestRefused):
            return None
        self._unanswered = None
        return acquired

    def log_waiting(self) -> None:
        """Log, once, that nothing is runnable, if that is why there is no node."""
        if not self._is_away:
            words = "nothing is runnable now: waiting"
            if self._task_id is None:
                self._log_change(words)
            else:
                self._log_change(f"{words}; `agentd task why %s` says why", self._task_id)

    def _log_change(self, words: str, *about: object) -> None:
        """Once, not at every attempt."""
        if words != self._last_logged:
            logger.info(words, *map(printable, about))
        self._last_logged = words

    async def _acquire(self, wait_secs: float) -> AcquireNextNodeResult | None:
        if (
            self._unanswered
            and (acquired := await self._repeat_acquire(self._unanswered)) is not None
        ):
            return acquired
        if self._task_id is None and not await self._daemon_waits():
            return await self._acquire_from_first()
        acquired = await self._acquire_from(self._task_id, wait_secs)
        if acquired is None and self._task_id is not None:
            (task,) = (await self._client.list_tasks(prefix=self._task_id)).tasks
            self.is_exhausted = task.has_ended
        return acquired

    async def _acquire_from_first(self) -> AcquireNextNodeResult | None:
        """From the first task that has a node, where the daemon does not look at all of them."""
        for task in await self._runnable_tasks():
            if (acquired := await self._acquire_from(task.id)) is not None:
                return acquired
        return None

    async def _runnable_tasks(self) -> list[TaskSummary]:
        """The first tasks that hand out nodes; a page may be empty and lead on to them."""
        page = await self._client.list_tasks(runnable=True, limit=_TASKS_PER_LIST)
        while not page.tasks and page.next is not None:
            page = await self._client.list_tasks(
                runnable=True, limit=_TASKS_PER_LIST, before=page.next
            )
        return page.tasks

    async def _daemon_waits(self) -> bool:
        """Whether the daemon knows requests that wait; one that is older does not."""
        if self._waits is None:
            interface = await self._client.describe_interface()
            acquire = next(each for each in interface.methods if each.method == "AcquireNextNode")
            known = str(acquire.params)
            self._waits = "wait_secs" in known
            # What it does not know it ignores here, but would refuse together with an end.
            self._brings_next = self._waits and self._knows_what_it_says(known)
        return self._waits

    def _knows_what_it_says(self, known: str) -> bool:
        """Whether these params have all that a question says beside whose node is wanted."""
        says = {"labels": bool(self._labels), "context_scope": self._context_scope != "task"}
        return all(f"'{name}'" in known for name, is_said in says.items() if is_said)

    async def _acquire_from(
        self, task_id: str | None, wait_secs: float = 0
    ) -> AcquireNextNodeResult | None:
        question = _Question(task_id, wait_secs, str(uuid.uuid4()))
        self._unanswered = question
        acquired = await self._send(question)
        self._unanswered = None
        return acquired

    async def _repeat_acquire(self, question: "_Question") -> AcquireNextNodeResult | None:
        """The answer that did not come; None where its lease, which is older now, is gone."""
        acquired = await self._send(question)
        if acquired is not None:
            try:
                await self._client.heartbeat_node(
                    acquired.task_id, acquired.node_id, acquired.lease_id
                )
            except TRANSIENT:
                raise
            except RequestRefused:
                acquired = None
        self._unanswered = None
        return acquired

    async def _send(self, question: "_Question") -> AcquireNextNodeResult | None:
        return await self._client.acquire_next_node(
            question.task_id,
            lease_owner=self._owner,
            wait_secs=question.wait_secs,
            labels=self._labels,
            context_scope=self._context_scope,
            request_id=question.request_id,
        )


class _Question(NamedTuple):
    task_id: str | None
    wait_secs: float
    request_id: str
