"""A node that is held while somebody works on it.

The rule this file keeps: whoever leaves the block has ended the node, or knows why not. A result
completes it, an exception fails it for good, and what only stops the program (`KeyboardInterrupt`,
`SystemExit`, a cancelled task) or says that no daemon was there (`DaemonUnreachable`) does neither:
the lease runs out, and another worker gets the node.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from agentd.api import AcquireNextNodeResult, EventResult
from agentd.client import requests
from agentd.client.endings import UNSENDABLE, failure, payload
from agentd.client.heartbeats import Heartbeats, Held
from agentd.client.interrupt import Interrupt
from agentd.client.repeats import PASSING
from agentd.client.requests import Request
from agentd.client.values import value_of
from agentd.errors import (
    DaemonUnreachable,
    IllegalTransition,
    LeaseLost,
    NodeNotFound,
    RequestRefused,
    StaleLease,
    TaskNotFound,
)

GONE = (StaleLease, IllegalTransition, NodeNotFound, TaskNotFound)
"""How the daemon says that a lease is gone: it is another's, has ended, or never was."""


class Grip:
    """What both kinds of lease know: the node, and whether it is still ours.

    `context` is the context that came with the node, its payloads as `msgspec.Raw`. `result` is
    what the node will be completed with.
    """

    def __init__(self, acquired: AcquireNextNodeResult, heartbeats: Heartbeats) -> None:
        self.task_id = acquired.task_id
        self.node_id = acquired.node_id
        self.lease_id = acquired.lease_id
        self.context = acquired.context
        self.result: Any = None
        self._ids = (self.task_id, self.node_id, self.lease_id)
        node = acquired.context.node
        self._seconds = float((node.lease_expires_at or 0) - (node.acquired_at or 0))
        self._heartbeats = heartbeats
        self._held: Held | None = None
        self._why: str | None = None
        self._is_dropped = False

    @cached_property
    def payload(self) -> Any:
        """The node's `payload_schema`, decoded.

        Raises `ValueError` where Python has no such value, because of a number like 1e400, say:
        `context.node.payload_schema` has its bytes.
        """
        whose, where = f"the payload of node {self.node_id}", "lease.context.node.payload_schema"
        return value_of(self.context.node.payload_schema, whose, where)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The results of the nodes that this one depends on, decoded, by node id, in order.

        Raises `ValueError` as `payload` does: `context.completed_dependencies` has their bytes.
        """
        where = "lease.context.completed_dependencies"
        return {
            each.node_id: value_of(each.result_payload, f"the result of node {each.node_id}", where)
            for each in self.context.completed_dependencies
        }

    @property
    def is_lost(self) -> bool:
        """Whether the lease is known to be gone."""
        return self._why is not None

    def check(self) -> None:
        """Raise `LeaseLost` if the lease is known to be gone."""
        if self._why is not None:
            raise LeaseLost(self._lost())

    def _lost(self) -> str:
        return f"node {self.node_id}: {self._why}"

    def drop(self, why: str) -> None:
        """Let go of the node: nothing more is written, and it goes back when its lease runs out."""
        self._is_dropped = True
        self._release()
        self._lose(why)

    def _keep(self) -> None:
        # Whoever took the time for something else has the first heartbeat sooner. `acquired_at` is
        # in whole seconds; a wall clock that was set in between is no harm.
        age = time.time() - (self.context.node.acquired_at or 0) - 1
        self._held = self._heartbeats.keep(self._ids, self._seconds, self._lose, age)

    def _release(self) -> None:
        if self._held is not None:
            self._heartbeats.release(self._held)

    def _lose(self, why: str) -> None:
        self._why = self._why or why

    def _event(self, action_type: str, payload: Any) -> Request[EventResult]:
        return requests.commit_event(
            self.task_id,
            self.node_id,
            lease_id=self.lease_id,
            action_type=action_type,
            payload=payload,
        )

    def _ending(
        self, error: BaseException | None
    ) -> tuple[Request[EventResult] | None, Exception | None]:
        """The request that ends the node, if any, and what to raise after it.

        Raises `LeaseLost`.
        """
        if error is None:
            self.check()
            try:
                return requests.complete_node(
                    *self._ids, payload(self.result, "$.result_payload")
                ), None
            except UNSENDABLE as unsendable:
                return requests.fail_node(*self._ids, failure(unsendable)), unsendable
        if isinstance(error, LeaseLost):
            if self.is_lost and error.args == LeaseLost().args:
                error.args = (self._lost(),)  # it was raised from outside, without its reason
        elif (
            isinstance(error, Exception)
            and not isinstance(error, DaemonUnreachable)
            and not self._is_dropped
        ):
            return requests.fail_node(*self._ids, failure(error)), None
        return None, None

    def _instead(self, refusal: RequestRefused) -> Request[EventResult]:
        """What to say where the daemon does not take the result: that would be so for ever.

        Raises `refusal` where it may be over soon.
        """
        if isinstance(refusal, PASSING):
            raise refusal
        return requests.fail_node(*self._ids, failure(refusal))

    @contextmanager
    def _said(self, error: BaseException | None = None) -> Iterator[None]:
        """Around a request under the lease. What goes wrong is a note to `error`, if there is one.

        Raises `LeaseLost` where the daemon says that the lease is gone.
        """
        try:
            yield
        except (RequestRefused, DaemonUnreachable) as problem:
            if error is not None:
                error.add_note(f"node {self.node_id} could not be failed: {problem}")
            elif isinstance(problem, GONE):
                self._why = problem.message
                raise LeaseLost(self._lost()) from problem
            else:
                raise


class Lease(Grip):
    """Holds a node in a `with` block.

    Heartbeats go out from another thread at a third of the lease. At the end of the block the node
    is completed with `result`, or failed with the exception that left the block: `{"type",
    "message", "traceback"}`, or the payload of a `WorkFailed`. When the lease is gone, `LeaseLost`
    is raised in the block, between two steps of Python: a call that blocks is not interrupted. It
    is also raised at the block's end, so whoever gets through it knows that the node has ended.
    """

    def __init__(
        self,
        acquired: AcquireNextNodeResult,
        ask: Callable[[Request[EventResult]], EventResult],
        heartbeats: Heartbeats,
    ) -> None:
        super().__init__(acquired, heartbeats)
        self._ask = ask
        self._interrupt = Interrupt(LeaseLost)

    def commit(self, action_type: str, payload: Any = None) -> EventResult:
        """Journal an event about the node. Raises `LeaseLost`, or as `Client.commit_event`."""
        self.check()
        with self._said():
            return self._ask(self._event(action_type, payload))

    def _lose(self, why: str) -> None:
        super()._lose(why)
        self._interrupt.fire()

    def __enter__(self) -> Self:
        self._interrupt.arm()
        self._keep()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._interrupt.disarm()
        try:
            request, problem = self._ending(error)
            if request is not None:
                try:
                    with self._said(error):
                        self._ask(request)
                except RequestRefused as refusal:
                    self._ask(self._instead(refusal))
                    raise
            if problem is not None:
                raise problem
        finally:
            self._release()
