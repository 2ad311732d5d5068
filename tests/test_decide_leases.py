"""What acquiring, rolling back and heartbeats decide."""

from typing import Any

import pytest
from msgspec.structs import replace

from agentd.api import HeldLease
from agentd.causes import LimitState
from agentd.decide import LeaseState, refused_heartbeat
from agentd.errors import StaleLease, TaskIsCancelled
from agentd.events import LeaseExpired, LeaseExtended, NodeAcquired, TaskCancelled
from agentd.journal import Draft
from agentd.projections import LimitRow, NodeRow
from tests.core import LEASE_MS, NOW, Ids, context, uid
from tests.given import (
    COMPLETED,
    ENDS,
    FAILED,
    HELD_AGAIN,
    LEASE,
    NODE,
    OLD_LEASE,
    OTHER_LEASE,
    PENDING,
    ROLLED_BACK,
    RUNNING,
    STATE_ROW,
    TASK,
    candidate,
    given,
    held,
    node,
    nodes,
    task,
)

FIRST_NEW_ID = Ids()()
EXPIRED = replace(RUNNING, lease_expires_at=NOW - 1)
OTHER = uid(0x2)


def acquired(node_id: str, owner: str = "anonymous") -> Draft:
    return Draft(NodeAcquired(FIRST_NEW_ID, owner, ENDS, "RUNNING"), node_id)


def rolled_back(row: NodeRow) -> Draft:
    return Draft(
        LeaseExpired(row.lease_id or "", "worker-1", row.lease_expires_at or 0, "PENDING"),
        row.node_id,
    )


# AcquireNextNode and the daemon's own settle_due


def test_a_runnable_node_is_acquired() -> None:
    """The owner gets a new lease from now until now + timeout."""
    given(candidate(PENDING)).when("AcquireNextNode", lease_owner="w").then(acquired(NODE, "w"))


def test_the_length_of_the_lease_is_the_settings() -> None:
    """A lease of no length ends at once."""
    [draft] = given(candidate(PENDING)).when("AcquireNextNode", context(lease_ms=0)).drafts()
    assert draft.event == NodeAcquired(FIRST_NEW_ID, "anonymous", NOW, "RUNNING")


def test_nothing_runnable_is_no_event() -> None:
    """Asking for a node where none is runnable changes nothing."""
    given(LeaseState("", 0)).when("AcquireNextNode").then()


def test_the_number_of_an_attempt() -> None:
    """An attempt is one acquisition, whatever became of those before."""
    given(candidate(ROLLED_BACK)).when("AcquireNextNode").then(
        Draft(NodeAcquired(FIRST_NEW_ID, "anonymous", ENDS, "RUNNING", 2), NODE)
    )


@pytest.mark.parametrize(
    "row",
    [RUNNING, COMPLETED, FAILED, replace(PENDING, waiting_on=1), replace(PENDING, not_before=NOW)],
)
def test_what_is_not_runnable_is_not_handed_out(row: NodeRow) -> None:
    """A node that runs, has ended, waits for another or for its moment."""
    given(candidate(row)).when("AcquireNextNode").then()


def test_every_expired_lease_is_rolled_back() -> None:
    """The daemon's rollback ends each lease that ran out, and hands out nothing."""
    other = replace(EXPIRED, node_id=OTHER, lease_id=OTHER_LEASE)
    given(task(expired=[EXPIRED, other])).when("settle_due", task_id=TASK).then(
        rolled_back(EXPIRED), rolled_back(other)
    )


def test_no_expired_lease_is_no_event() -> None:
    """A rollback where no lease ran out changes nothing."""
    given(task()).when("settle_due", task_id=TASK).then()


@pytest.mark.parametrize("held_by", [{"cancelled_seq": 4}, {"paused_seq": 4}, {"spent": True}])
def test_a_task_that_is_held_hands_out_nothing(held_by: dict[str, Any]) -> None:
    """Cancelled, paused, or its budget spent."""
    state = candidate(PENDING, task=replace(STATE_ROW, **held_by))
    given(state).when("AcquireNextNode").then()


def test_what_a_node_has_used_is_recorded_with_its_lease() -> None:
    """As it is at that moment."""
    [draft] = given(candidate(PENDING, used={"usd": 1})).when("AcquireNextNode").drafts()
    assert isinstance(draft.event, NodeAcquired)
    assert draft.event.usage == {"usd": 1}


LIMIT = LimitRow("gpu", 1, is_known=True, max_running=2)


def test_a_lease_takes_a_slot_of_each_limit() -> None:
    """The event names them, and what its worker offered."""
    limits = [LimitState(LIMIT), LimitState(replace(LIMIT, name="net"))]
    [draft] = (
        given(candidate(PENDING, limits=limits)).when("AcquireNextNode", labels=["b", "a"]).drafts()
    )
    assert isinstance(draft.event, NodeAcquired)
    assert (draft.event.limits, draft.event.labels) == (("gpu", "net"), ("b", "a"))


@pytest.mark.parametrize(
    ("limit", "handed_out"),
    [
        (LimitState(LIMIT), True),
        (LimitState(LimitRow("free", 99)), True),
        (LimitState(replace(LIMIT, running=2)), False),
        (LimitState(replace(LIMIT, running=3)), False),
        (LimitState(replace(LIMIT, max_running=0, running=0)), False),
        (LimitState(replace(LIMIT, closed_until=NOW + 1)), False),
        (LimitState(replace(LIMIT, closed_until=NOW)), True),
        (LimitState(replace(LIMIT, rate_count=3, rate_ms=9), NOW - 8), False),
        (LimitState(replace(LIMIT, rate_count=3, rate_ms=9), NOW - 9), True),
        (LimitState(replace(LIMIT, rate_count=3, rate_ms=9), None), True),
    ],
)
def test_a_limit_without_a_slot_hands_out_nothing(limit: LimitState, *, handed_out: bool) -> None:
    """Full, closed, or begun too often too lately; one that nobody has set does not limit."""
    beside = LimitState(LimitRow("other"))
    drafts = given(candidate(PENDING, limits=[beside, limit])).when("AcquireNextNode").drafts()
    assert bool(drafts) is handed_out


# HeartbeatNode


def test_a_heartbeat_extends_the_lease() -> None:
    """The lease ends at now + timeout, counted from the heartbeat."""
    given(node(RUNNING)).when("HeartbeatNode", context(now=NOW + 7), **held()).then(
        Draft(LeaseExtended(LEASE, ENDS + 7), NODE)
    )


def test_a_heartbeat_before_the_rollback_still_counts() -> None:
    """A lease that ran out and was not rolled back yet is extended: nobody else has the node."""
    given(node(EXPIRED)).when("HeartbeatNode", **held()).then(
        Draft(LeaseExtended(LEASE, NOW + LEASE_MS), NODE)
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, HELD_AGAIN, COMPLETED, FAILED])
def test_a_heartbeat_without_the_current_lease_is_refused(row: NodeRow) -> None:
    """Only the current holder extends a lease."""
    given(node(row)).when("HeartbeatNode", **held(OLD_LEASE)).refused(
        StaleLease, OLD_LEASE, "acquire again"
    )


def test_the_holder_of_a_rolled_back_lease_learns_when() -> None:
    """The refusal of a lease that was rolled back says so, and when it was."""
    given(node(ROLLED_BACK)).when("HeartbeatNode", **held(OLD_LEASE)).refused(
        StaleLease, OLD_LEASE, "rolled back at 2026-01-31T12:00:00.123Z", "acquire again"
    )


def test_the_loser_of_a_lease_learns_who_has_it() -> None:
    """The refusal of a lease that somebody else has now names the owner."""
    given(node(HELD_AGAIN)).when("HeartbeatNode", **held(OLD_LEASE)).refused(
        StaleLease, OLD_LEASE, NODE, "worker-1", "acquire again"
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, RUNNING, COMPLETED])
def test_no_heartbeat_in_a_cancelled_task(row: NodeRow) -> None:
    """The refusal says that the task was cancelled, whatever the lease is."""
    cancelled = replace(node(row), cancelled=TaskCancelled("no need", "me"))
    given(cancelled).when("HeartbeatNode", **held()).refused(
        TaskIsCancelled, TASK, "by me", "no need"
    )
    refusal = refused_heartbeat(cancelled, HeldLease(TASK, NODE, LEASE), context())
    assert isinstance(refusal, TaskIsCancelled)


def test_nothing_in_any_task() -> None:
    """Where any task would do and none has a node, nothing happens, and nothing is refused."""
    given(LeaseState("", 0)).when("AcquireNextNode").then()


# Several heartbeats


def test_all_that_are_current_are_extended() -> None:
    """Each lease that is still its node's lasts until now + timeout; the others do nothing."""
    state = nodes((RUNNING, LEASE), (RUNNING, OTHER_LEASE), (None, LEASE), (COMPLETED, LEASE))
    given(state).when("HeartbeatNode", leases=[]).then(
        Draft(LeaseExtended(LEASE, ENDS), NODE, task_id=TASK)
    )


@pytest.mark.parametrize("row", [PENDING, ROLLED_BACK, HELD_AGAIN, COMPLETED, FAILED, None])
def test_stale_leases_are_told_one_by_one(row: NodeRow | None) -> None:
    """Why each is not extended is what a heartbeat of its own would be refused with."""
    refusal = refused_heartbeat(node(row), HeldLease(TASK, NODE, OLD_LEASE), context())
    assert refusal is not None
    given(node(row)).when("HeartbeatNode", **held(OLD_LEASE)).refused(type(refusal), str(refusal))
