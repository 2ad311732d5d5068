"""A node that is held while a task of asyncio works on it.

The rule this file keeps: what `base_lease` says of a block holds for an `async with` block. A lost
lease cancels the task that holds the node.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from agentd.api import AcquireNextNodeResult, AddNodesResult, EventResult, NodeSpec
from agentd.client.base_lease import CHECKPOINT, BaseLease
from agentd.client.heartbeats import LeaseKeeper
from agentd.client.requests.request import Request
from agentd.client.steps import run_async


class AsyncLease(BaseLease):
    """Holds a node in an `async with` block, as `Lease` does in a `with` block.

    When the lease is gone, the task that holds it is cancelled, and `LeaseLost` leaves the block.
    """

    def __init__(
        self,
        acquired: AcquireNextNodeResult,
        ask: Callable[[Request[Any]], Awaitable[Any]],
        heartbeats: LeaseKeeper,
    ) -> None:
        super().__init__(acquired, heartbeats)
        self._ask = ask
        self._task: asyncio.Task[Any] | None = None
        self._has_cancelled = False

    async def commit(
        self,
        action_type: str,
        payload: Any = None,
        *,
        usage: Mapping[str, int | float] | None = None,
    ) -> EventResult:
        """Journal an event about the node. Raises `LeaseLost`, or as `Client.commit_event`."""
        return await run_async(self._commit(action_type, payload, usage), self._ask)

    async def add_nodes(self, nodes: Sequence[NodeSpec | Mapping[str, Any]]) -> AddNodesResult:
        """Add nodes to the task, under the lease: see `Client.add_nodes`.

        Raises `LeaseLost`, or as `Client.add_nodes`.
        """
        return await run_async(self._add_nodes(nodes), self._ask)

    async def checkpoint(self, payload: Any) -> EventResult:
        """Leave what the next holder of the node is to go on from, in the place of the one before.

        It finds it as `lease.context.checkpoint`. Raises as `commit`.
        """
        return await run_async(self._commit(CHECKPOINT, payload, None, checkpoint=True), self._ask)

    def _lose(self, why: str) -> None:
        super()._lose(why)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None and not self._has_cancelled:  # a second one says "at once"
            self._has_cancelled = True
            self._task.cancel()

    def _was_our_cancel(
        self, task: "asyncio.Task[Any] | None", error: BaseException | None
    ) -> bool:
        """Whether our cancelling is what left the block, and nobody else's: as asyncio.timeout."""
        if not self._has_cancelled or task is None:
            return False
        is_last = task.uncancel() <= self._cancelled_before
        return is_last and isinstance(error, asyncio.CancelledError)

    async def __aenter__(self) -> Self:
        self.trace.begin(self)
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._cancelled_before = self._task.cancelling() if self._task else 0
        self._start_heartbeats()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        try:
            with self.trace.ending(self, error):
                if self._was_our_cancel(task, error):
                    self.check()
                await run_async(self._end(error), self._ask)
        finally:
            self._stop_heartbeats()
