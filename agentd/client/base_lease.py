"""A node that is held while somebody works on it.

The rule this file keeps: whoever leaves the block has ended the node, or knows why not. A result
completes it, a `WorkReleased` gives it back, another exception fails it, and what only stops the
program (`KeyboardInterrupt`, `SystemExit`, a cancelled task) or says that no daemon was there
(`DaemonUnreachable`) does neither: the lease runs out, and another worker gets the node. What is
said to the daemon is said here, in steps, for both kinds of lease.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from agentd.api import (
    AcquireNext,
    AcquireNextNodeResult,
    AddNodesResult,
    EndingResult,
    EventResult,
    FailNodeResult,
    LeaseRef,
    NodeSpec,
    ReleaseNodeResult,
)
from agentd.client.heartbeats import LeaseKeeper
from agentd.client.payloads import UNSENDABLE, encode_payload, failure_payload
from agentd.client.repeats import TRANSIENT
from agentd.client.requests import endings, events, growth
from agentd.client.requests.request import Request
from agentd.client.steps import Steps
from agentd.client.values import decode_value
from agentd.errors import (
    DaemonUnreachable,
    IllegalTransition,
    LeaseLost,
    NodeNotFound,
    RequestRefused,
    StaleLease,
    TaskIsCancelled,
    TaskNotFound,
    UnknownMethod,
    WorkFailed,
    WorkReleased,
)
from agentd.traces.attempt import Attempt

CHECKPOINT = "CHECKPOINT"
"""The action type of the events that checkpoints are."""

LEASE_GONE = (StaleLease, IllegalTransition, NodeNotFound, TaskNotFound, TaskIsCancelled)
"""How the daemon says that a lease is gone: it is another's, has ended, or never was."""


class BaseLease:
    """What both kinds of lease share: the node, whether it is still ours, and how it ends.

    `context` is the context that came with the node, its payloads as `msgspec.Raw`. `deadline_at`
    (Unix seconds) is when the daemon ends the attempt, or None. `result` is
    what the node will be completed with, and `usage` what that end will tell of it, by unit. Where
    `acquire_next` is set, the call that ends the node asks for the next one as well, which is
    `next` then. `ending` is what the daemon answered to the end of the node,
    `was_released` whether it was lost because somebody else gave the node back. `trace` is what
    tracers are told of the work, while the block lasts.
    """

    def __init__(self, acquired: AcquireNextNodeResult, heartbeats: LeaseKeeper) -> None:
        self.task_id = acquired.task_id
        self.node_id = acquired.node_id
        self.lease_id = acquired.lease_id
        self.context = acquired.context
        self.deadline_at = acquired.deadline_at
        self.result: Any = None
        self.usage: dict[str, int | float] = {}
        self.acquire_next: AcquireNext | None = None
        self.next: AcquireNextNodeResult | None = None
        self.ending: EventResult | None = None
        self.was_released = False
        self._ids = (self.task_id, self.node_id, self.lease_id)
        node = acquired.context.node
        self._seconds = float((node.lease_expires_at or 0) - (node.acquired_at or 0))
        self._heartbeats = heartbeats
        self._held: Any = None
        self._why_lost: str | None = None
        self._is_dropped = False
        self.trace = Attempt()

    @cached_property
    def payload(self) -> Any:
        """The node's `payload_schema`, decoded.

        Raises `ValueError` where Python has no such value, because of a number like 1e400, say:
        `context.node.payload_schema` has its bytes.
        """
        whose, where = f"the payload of node {self.node_id}", "lease.context.node.payload_schema"
        return decode_value(self.context.node.payload_schema, whose, where)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The results of the nodes that this one depends on, decoded, by node id, in order.

        Raises `ValueError` as `payload` does: `context.completed_dependencies` has their bytes.
        """
        where = "lease.context.completed_dependencies"
        return {
            each.node_id: decode_value(
                each.result_payload, f"the result of node {each.node_id}", where
            )
            for each in self.context.completed_dependencies
        }

    @property
    def has_ended(self) -> bool:
        """Whether the daemon has taken the end of the node."""
        return self.ending is not None

    @property
    def is_lost(self) -> bool:
        """Whether the lease is known to be gone."""
        return self._why_lost is not None

    def check(self) -> None:
        """Raise `LeaseLost` if the lease is known to be gone."""
        if self._why_lost is not None:
            raise LeaseLost(self._lost_message())

    def _lost_message(self) -> str:
        return f"node {self.node_id}: {self._why_lost}"

    def drop(self, why: str, *, released: bool = False) -> None:
        """Let go of the node: nothing more is written, and it goes back when its lease runs out.

        Where it was `released` it has gone back already.
        """
        self.was_released = self.was_released or released
        self._stop_heartbeats()
        self.interrupt(why)

    def interrupt(self, why: str) -> None:
        """Stop the work: nothing more is written, but the lease is kept until the block is left."""
        self._is_dropped = True
        self._lose(why)

    def _start_heartbeats(self) -> None:
        # Whoever took the time for something else has the first heartbeat sooner. `acquired_at` is
        # in whole seconds; a wall clock that was set in between is no harm.
        age = time.time() - (self.context.node.acquired_at or 0) - 1
        self._held = self._heartbeats.keep(self._ids, self._seconds, self._lose, age)

    def _stop_heartbeats(self) -> None:
        if self._held is not None:
            self._heartbeats.release(self._held)

    def _lose(self, why: str) -> None:
        self._why_lost = self._why_lost or why

    def _commit(
        self,
        action_type: str,
        payload: Any,
        usage: Mapping[str, int | float] | None,
        *,
        checkpoint: bool = False,
    ) -> Steps[EventResult]:
        self.check()
        request = events.commit_event(
            self.task_id,
            self.node_id,
            lease_id=self.lease_id,
            action_type=action_type,
            payload=payload,
            usage=usage,
            checkpoint=checkpoint,
        )
        with self._translate_errors():
            committed: EventResult = yield request
        self.trace.add_usage(usage)
        return committed

    def _add_nodes(self, nodes: Sequence[NodeSpec | Mapping[str, Any]]) -> Steps[AddNodesResult]:
        self.check()
        lease = LeaseRef(self.node_id, self.lease_id)
        request = growth.add_nodes(self.task_id, nodes, lease=lease)
        with self._translate_errors():
            added: AddNodesResult = yield request
        return added

    def _end(self, error: BaseException | None) -> Steps[None]:
        """End the node as the block ended: with `error`, or without. Raises `LeaseLost`."""
        request, problem = self._end_request(error)
        if request is not None:
            try:
                with self._translate_errors(error):
                    self._note_end((yield request))
            except RequestRefused as refusal:
                self._note_end((yield self._failure_instead(refusal)))
                raise
        if problem is not None:
            raise problem

    def _note_end(self, ended: EventResult) -> None:
        self.ending = ended
        if isinstance(ended, EndingResult):
            self.next = ended.next or None

    def _fail(
        self, payload: bytes, usage: Mapping[str, int | float] | None = None
    ) -> Request[FailNodeResult]:
        wanted = self.acquire_next
        return endings.fail_node(*self._ids, payload, usage=usage, acquire_next=wanted)

    def _fail_with(self, error: Exception) -> Request[FailNodeResult]:
        """What the work says of its own failure; of any other exception what can be said."""
        if not isinstance(error, WorkFailed):
            return self._fail(failure_payload(error), self.usage)
        return endings.fail_node(
            *self._ids,
            failure_payload(error),
            kind=error.kind,
            retryable=error.retryable,
            retry_after_secs=error.retry_after_secs,
            usage=self.usage,
            acquire_next=self.acquire_next,
        )

    def _release(self, error: WorkReleased) -> Request[ReleaseNodeResult]:
        return endings.release_node(
            *self._ids,
            reason=error.reason,
            after_secs=error.after_secs,
            acquire_next=self.acquire_next,
        )

    def _end_request(
        self, error: BaseException | None
    ) -> tuple[Request[EventResult] | None, Exception | None]:
        """The request that ends the node, if any, and what to raise after it.

        Raises `LeaseLost`.
        """
        if error is None:
            self.check()
            try:
                result = encode_payload(self.result, "$.result_payload")
            except UNSENDABLE as unsendable:
                return self._fail(failure_payload(unsendable)), unsendable
            wanted, usage = self.acquire_next, self.usage
            request = endings.complete_node(*self._ids, result, usage=usage, acquire_next=wanted)
            return request, None
        if isinstance(error, LeaseLost):
            if self.is_lost and error.args == LeaseLost().args:
                error.args = (self._lost_message(),)  # it was raised from outside, without a reason
        elif (
            isinstance(error, Exception)
            and not isinstance(error, DaemonUnreachable)
            and not self._is_dropped
        ):
            if isinstance(error, WorkReleased):
                return self._release(error), None
            return self._fail_with(error), None
        return None, None

    def _failure_instead(self, refusal: RequestRefused) -> Request[EventResult]:
        """What to say where the daemon does not take the result: that would be so for ever.

        Raises `refusal` where it may be over soon, or where an older daemon knows no release.
        """
        if isinstance(refusal, (*TRANSIENT, UnknownMethod)):
            raise refusal
        return self._fail(failure_payload(refusal))

    @contextmanager
    def _translate_errors(self, error: BaseException | None = None) -> Iterator[None]:
        """Around a request under the lease. What goes wrong is a note to `error`, if there is one.

        Raises `LeaseLost` where the daemon says that the lease is gone.
        """
        try:
            yield
        except (RequestRefused, DaemonUnreachable) as problem:
            if error is not None:
                what = "given back" if isinstance(error, WorkReleased) else "failed"
                error.add_note(f"node {self.node_id} could not be {what}: {problem}")
            elif isinstance(problem, LEASE_GONE):
                self._why_lost = problem.message
                raise LeaseLost(self._lost_message()) from problem
            else:
                raise
