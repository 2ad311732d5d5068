"""A node that is held while a thread works on it.

The rule this file keeps: what `base_lease` says of a block holds for a `with` block. A lost lease
raises `LeaseLost` in the thread that holds the node, between two of its steps.
"""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from agentd.api import AcquireNextNodeResult, AddNodesResult, EventResult, NodeSpec
from agentd.client.base_lease import CHECKPOINT, BaseLease
from agentd.client.heartbeats import LeaseKeeper
from agentd.client.interrupt import ThreadInterrupt
from agentd.client.requests.request import Request
from agentd.client.steps import run
from agentd.errors import LeaseLost


class Lease(BaseLease):
    """Holds a node in a `with` block.

    Heartbeats go out from another thread at a third of the lease. At the end of the block the node
    is completed with `result`, given back where a `WorkReleased` left the block, or failed with
    what else left it: `{"type", "message", "traceback"}`, or the payload of a `WorkFailed`. When
    the lease is gone, `LeaseLost` is raised in the block, between two steps of Python: a call that
    blocks is not interrupted. It is also raised at the block's end, so whoever gets through it
    knows that the node has ended.
    """

    def __init__(
        self,
        acquired: AcquireNextNodeResult,
        ask: Callable[[Request[Any]], Any],
        heartbeats: LeaseKeeper,
    ) -> None:
        super().__init__(acquired, heartbeats)
        self._ask = ask
        self._interrupt = ThreadInterrupt(LeaseLost)

    def commit(
        self,
        action_type: str,
        payload: Any = None,
        *,
        usage: Mapping[str, int | float] | None = None,
    ) -> EventResult:
        """Journal an event about the node. Raises `LeaseLost`, or as `Client.commit_event`."""
        return run(self._commit(action_type, payload, usage), self._ask)

    def add_nodes(self, nodes: Sequence[NodeSpec | Mapping[str, Any]]) -> AddNodesResult:
        """Add nodes to the task, under the lease: see `Client.add_nodes`.

        Raises `LeaseLost`, or as `Client.add_nodes`.
        """
        return run(self._add_nodes(nodes), self._ask)

    def checkpoint(self, payload: Any) -> EventResult:
        """Leave what the next holder of the node is to go on from, in the place of the one before.

        It finds it as `lease.context.checkpoint`. Raises as `commit`.
        """
        return run(self._commit(CHECKPOINT, payload, None, checkpoint=True), self._ask)

    def _lose(self, why: str) -> None:
        super()._lose(why)
        self._interrupt.fire()

    def __enter__(self) -> Self:
        self.trace.begin(self)
        self._interrupt.arm()
        try:
            self.check()  # it may have been dropped before the block began
        except LeaseLost as lost:
            self._interrupt.disarm()
            self.trace.end(self, lost)
            raise
        self._start_heartbeats()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._interrupt.disarm()
        try:
            with self.trace.ending(self, error):
                run(self._end(error), self._ask)
        finally:
            self._stop_heartbeats()
