"""What is due: leases that ran out, attempts whose time is over, moments that have come."""

import json
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from agentd.api import AttemptView
from agentd.decide import KnownNode, LeaseState, NamedNode, TaskState
from agentd.errors import NodeNotFound
from agentd.events import (
    LeaseExpired,
    NodeAcquired,
    NodeDue,
    NodeFailed,
    NodeSettings,
    Retry,
)
from agentd.journal import Draft
from agentd.projections import NodeRow
from tests.core import LEASE_MS, NOW, context, uid
from tests.given import LEASE, NODE, PENDING, RUNNING, STATE_ROW, TASK, candidate, given, task

ENDED = replace(RUNNING, lease_expires_at=NOW - 1)
OVER = replace(RUNNING, lease_expires_at=NOW - 1, deadline_at=NOW - 1)
TWICE = NodeSettings(retry=Retry(max_attempts=2, jitter=0), timeout_ms=60_000)
EARLIER = AttemptView(1, "w", NOW / 1000 - 60, "failed", "k", Raw(b"[1]"))
OTHER = uid(2)


def due(row: NodeRow, settings: NodeSettings, attempts: list[AttemptView] | None = None) -> Any:
    """The one event that settles it, and its payload."""
    state = TaskState(TASK, 3, STATE_ROW, [KnownNode(row, settings, attempts or [])])
    [draft] = given(state).when("settle_due", task_id=TASK).drafts()
    return draft.event, draft.payload and json.loads(draft.payload)


def test_an_expiry_that_counts() -> None:
    """With a retry it counts unless the node says otherwise; the node is PENDING at once."""
    expired = LeaseExpired(LEASE, "worker-1", NOW - 1, "PENDING", counts=True)
    assert due(ENDED, TWICE) == (expired, None)
    not_counted = NodeSettings(retry=Retry(max_attempts=1, on_expiry=False))
    assert due(ENDED, not_counted) == (replace(expired, counts=False), None)
    assert due(ENDED, NodeSettings()) == (replace(expired, counts=False), None)


def test_the_last_expiry_ends_the_node() -> None:
    """It is FAILED, and its payload tells the history, this attempt included."""
    row = replace(ENDED, attempt=2, counted=1, last_end_seq=7)
    settings = replace(TWICE, on_failure="continue")
    event, payload = due(row, settings, [EARLIER])
    assert event == NodeFailed(LEASE, "FAILED", 2, 7, "worker-1", "expired", satisfies=True)
    earlier = {"attempt": 1, "owner": "w", "ended_at": NOW / 1000 - 60}
    last = {"attempt": 2, "owner": "worker-1", "ended_at": NOW / 1000}
    assert payload == {
        "kind": "attempts_exhausted",
        "attempts": [
            {**earlier, "how": "failed", "kind": "k", "error": [1]},
            {**last, "how": "expired", "kind": None, "error": None},
        ],
    }


def test_a_history_tells_of_twenty() -> None:
    """The newest, the last one included."""
    row = replace(ENDED, attempt=21, counted=1)
    _event, payload = due(row, TWICE, [replace(EARLIER, attempt=n) for n in range(1, 21)])
    assert [each["attempt"] for each in payload["attempts"]] == list(range(2, 22))


def test_a_time_out_is_a_failure() -> None:
    """It is retried after the pause, and its kind is `timeout`."""
    event, payload = due(OVER, TWICE)
    assert event == NodeFailed(
        LEASE,
        "PENDING",
        lease_owner="worker-1",
        how="timed_out",
        kind="timeout",
        not_before=NOW + 1_000,
    )
    assert payload == {"kind": "timeout", "timeout_secs": 60}


@pytest.mark.parametrize("settings", [NodeSettings(timeout_ms=60_000), TWICE])
def test_the_last_time_out_ends_the_node(settings: NodeSettings) -> None:
    """Without attempts left it is FAILED, and its payload tells the history."""
    event, payload = due(replace(OVER, counted=1), settings)
    assert event == NodeFailed(
        LEASE, "FAILED", lease_owner="worker-1", how="timed_out", kind="timeout"
    )
    error = {"kind": "timeout", "timeout_secs": 60}
    [attempt] = payload.pop("attempts")
    assert payload == error
    assert (attempt["how"], attempt["kind"], attempt["error"]) == ("timed_out", "timeout", error)


def test_a_lease_that_ran_out_before_the_deadline_is_an_expiry() -> None:
    """Whoever was gone before its time was over did not take too long."""
    event, _payload = due(replace(OVER, lease_expires_at=NOW - 9), NodeSettings(timeout_ms=9))
    assert isinstance(event, LeaseExpired)


def test_an_honoured_lease_is_not_honoured_beyond_its_deadline() -> None:
    """The grace after an absence is for leases, not for attempts that take too long."""
    row = replace(OVER, lease_expires_at=NOW - 9)
    state = TaskState(TASK, 3, STATE_ROW, [KnownNode(row, NodeSettings(timeout_ms=9))])
    honours = context(honoured_until=NOW - 5)
    [draft] = given(state).when("settle_due", honours, task_id=TASK).drafts()
    assert isinstance(draft.event, NodeFailed)


def test_a_moment_that_has_come() -> None:
    """The node waits no longer; that is all there is to tell."""
    waiting = replace(PENDING, not_before=NOW)
    given(task(due=[waiting])).when("settle_due", task_id=TASK).then(Draft(NodeDue(), NODE))


# Leases


def lease(settings: NodeSettings, **params: Any) -> NodeAcquired:
    [draft] = given(candidate(PENDING, settings)).when("AcquireNextNode", **params).drafts()
    assert isinstance(draft.event, NodeAcquired)
    return draft.event


def test_how_long_a_lease_lasts() -> None:
    """What is asked for, else what the node says, else the node timeout."""
    settings = NodeSettings(lease_ms=7_000)
    for event, ends, lease_ms in (
        (lease(settings, lease_secs=9), NOW + 9_000, 9_000),
        (lease(settings), NOW + 7_000, 7_000),
        (lease(NodeSettings()), NOW + LEASE_MS, None),
    ):
        assert (event.lease_expires_at, event.lease_ms, event.deadline_at) == (ends, lease_ms, None)


def test_no_lease_reaches_beyond_the_deadline() -> None:
    """The first included."""
    event = lease(NodeSettings(lease_ms=7_000, timeout_ms=5_000))
    assert (event.lease_expires_at, event.deadline_at) == (NOW + 5_000, NOW + 5_000)


def test_a_node_that_is_wanted_has_to_be_there() -> None:
    """What is no UUID is a name; one that no node has is refused."""
    given(LeaseState(TASK, 0, STATE_ROW, NamedNode("b", None))).when(
        "AcquireNextNode", task_id=TASK, node_id="b"
    ).refused(NodeNotFound, TASK, "b")
