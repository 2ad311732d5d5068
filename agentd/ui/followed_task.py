"""A task that somebody looks at, followed change by change.

The rule this file keeps: reading a large task holds up no other, and nothing that happens meanwhile
is lost: changes wait until the one before them was taken.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from agentd.client import AsyncClient
from agentd.client.away import AWAY
from agentd.errors import Failure, RequestRefused
from agentd.live import Change, TaskNodes

_PAUSE_SECONDS = 0.5
"""Until it is read anew, where the daemon was away."""


class FollowedTask:
    """`tell` is told the ids of what changed: of the task first, then of its nodes."""

    def __init__(
        self,
        client: AsyncClient,
        task_id: str,
        last_seq: int,
        tell: Callable[[Iterable[str]], None],
    ) -> None:
        self._task_id = task_id
        self._tell = tell
        self._nodes = TaskNodes(client, task_id)
        self._changes: asyncio.Queue[Change] = asyncio.Queue()
        self._changes.put_nowait(Change([], last_seq, is_new=True))
        self._read: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._read.add_done_callback(_look_at_error)  # nobody may wait for it
        self._following = asyncio.create_task(self._follow())
        self.seen_at = time.monotonic()

    @property
    def has_ended(self) -> bool:
        """Whether it is followed no more: it could not be read, or is gone."""
        return self._following.done()

    def put(self, change: Change) -> None:
        """Take this change when those before it were taken."""
        self._changes.put_nowait(change)

    @property
    def is_read(self) -> bool:
        """Whether all its nodes are known."""
        return self._read.done() and not self.has_ended

    async def nodes(self) -> TaskNodes:
        """See `Lookout.task`."""
        self.seen_at = time.monotonic()
        await asyncio.shield(self._read)
        return self._nodes

    async def settle(self) -> None:
        """Wait until every change up to now is taken."""
        if not self.has_ended:
            await self._changes.join()

    def end(self) -> None:
        """Follow it no more."""
        self._following.cancel()
        self._read.cancel()

    async def _take(self, change: Change) -> frozenset[str]:
        try:
            return await self._nodes.update(change)
        finally:
            self._changes.task_done()

    async def _follow(self) -> None:
        while True:
            change = await self._changes.get()
            try:
                changed = await self._take(change)
            except AWAY as error:
                if not self._read.done():
                    self._read.set_exception(error)
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
                self.put(Change([], change.last_seq, is_new=True))
                continue
            except (Failure, RequestRefused) as error:
                if not self._read.done():
                    self._read.set_exception(error)
                self._tell([self._task_id])
                return
            if not self._read.done():
                self._read.set_result(None)
            if changed or any(each.task_id == self._task_id for each in change.events):
                self._tell([self._task_id, *changed])


def _look_at_error(read: "asyncio.Future[None]") -> None:
    if not read.cancelled():
        read.exception()
