"""Attempts on both stores: they are numbered, end one by one, and are told of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.errors import IllegalTransition, StaleLease
from agentd.replay import check
from tests.attempts import AT, RETRY, SECONDS, acquire, hold, status
from tests.core import LEASE_MS, STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    made = Core(STORES[request.param](tmp_path))
    yield made
    assert not [*check(made.store, lambda _seq: None)], "a replay gives other rows"
    made.store.close()


# Attempts and their history


def test_attempts_are_numbered(core: Core) -> None:
    """1, 2, 3 and never twice, whatever became of them; the view has the newest."""
    task_id = core.register(spec(1, retry={**RETRY, "on_expiry": False}))
    assert status(core, task_id)["node"]["attempt"] == 0
    for number in range(1, 4):
        assert acquire(core, task_id)["attempt"] == number
        core.now += LEASE_MS
    core.do("ReleaseNode", **hold(core, task_id).params)
    assert acquire(core, task_id)["attempt"] == 5
    assert core.node(task_id, uid(1))["attempt"] == 5


def test_the_next_holder_is_told_how_earlier_attempts_ended(core: Core) -> None:
    """Oldest first, with who held it, when and how it ended, and its error."""
    task_id = core.register(spec(1, retry=RETRY, timeout_secs=400))
    core.do("FailNode", **hold(core, task_id).params, error_payload={"e": 1.50}, kind="k")
    core.now += 1_000
    core.do("ReleaseNode", **hold(core, task_id).params, reason="lunch")
    acquire(core, task_id)
    core.now += LEASE_MS
    told = acquire(core, task_id)["context"]["attempts"]
    released, expired = AT + 1, AT + 1 + LEASE_MS / 1000
    nothing = {"kind": None, "error": None}
    assert told == [
        {
            "attempt": 1,
            "owner": "w",
            "ended_at": AT,
            "how": "failed",
            "kind": "k",
            "error": {"e": 1.5},
        },
        {"attempt": 2, "owner": "w", "ended_at": released, "how": "released"}
        | {"kind": None, "error": "lunch"},
        {"attempt": 3, "owner": "w", "ended_at": expired, "how": "expired", **nothing},
    ]


def test_twenty_are_told_and_a_thousand_shown(core: Core) -> None:
    """Of more attempts the newest are told; NodeStatus has them all, and how it was completed."""
    task_id = core.register(spec(1))
    for _ in range(25):
        core.do("ReleaseNode", **hold(core, task_id).params)
    told = acquire(core, task_id)
    assert [each["attempt"] for each in told["context"]["attempts"]] == list(range(6, 26))
    lease = {name: told[name] for name in ("task_id", "node_id", "lease_id")}
    core.do("CompleteNode", **lease, result_payload="done")
    shown = status(core, task_id)
    assert [each["attempt"] for each in shown["attempts"]] == list(range(1, 27))
    assert shown["attempts"][-1] | {"ended_at": 0} == {
        "attempt": 26,
        "owner": "w",
        "ended_at": 0,
        "how": "completed",
        "kind": None,
        "error": None,
    }
    assert shown["node"] == core.node(task_id, uid(1))
    assert shown["checkpoint"] is None


def test_a_large_error_is_left_out(core: Core) -> None:
    """Over 8 KiB its size is told in its place."""
    task_id = core.register(spec(1, retry={**RETRY, "backoff_secs": 0}))
    for length in (8 * 1024 - 2, 8 * 1024 - 1):
        core.do("FailNode", **hold(core, task_id).params, error_payload="x" * length)
    errors = [each["error"] for each in acquire(core, task_id)["context"]["attempts"]]
    assert errors == ["x" * (8 * 1024 - 2), {"left_out": True, "bytes": 8 * 1024 + 1}]


def test_a_repeat_is_told_what_was_told(core: Core) -> None:
    """The context of an acquisition that is asked for again is that of then."""
    task_id = core.register(spec(1, retry=RETRY))
    core.do("ReleaseNode", **hold(core, task_id).params)
    first = acquire(core, task_id, request_id=uid(500))
    lease = {name: first[name] for name in ("task_id", "node_id", "lease_id")}
    core.do("FailNode", **lease)
    core.now += 1_000
    acquire(core, task_id)
    assert acquire(core, task_id, request_id=uid(500)) == first


# Failing, and trying again


def test_a_failure_is_tried_again(core: Core) -> None:
    """PENDING until its pause is over, and then handed out anew; the last one is final."""
    task_id = core.register(spec(1, retry={**RETRY, "max_attempts": 2}))
    answer = core.do("FailNode", **hold(core, task_id).params, error_payload=1)
    assert answer == {
        "event_id": answer["event_id"],
        "status": "PENDING",
        "attempt": 1,
        "not_before": AT + 1,
    }
    assert core.node(task_id, uid(1)) | {"updated_at": 0} == {
        **dict.fromkeys(("acquired_at", "lease_id", "lease_owner", "lease_expires_at")),
        "id": uid(1),
        "task_id": task_id,
        "status": "PENDING",
        "dependencies": [],
        "payload_schema": {},
        "result_payload": None,
        "updated_at": 0,
        "name": None,
        "priority": 0,
        "attempt": 1,
        "not_before": AT + 1,
        "usage": {},
        "blocked_by": ["not_before"],
        "retry": {"max_attempts": 2, "jitter": 0},
    }
    core.now += 999
    assert acquire(core, task_id) is None
    core.now += 1
    second = hold(core, task_id)
    assert core.node(task_id, uid(1))["not_before"] is None
    answer = core.do("FailNode", **second.params, error_payload=2)
    assert (answer["status"], answer["attempt"], answer["not_before"]) == ("FAILED", 2, None)
    assert core.node(task_id, uid(1))["result_payload"] == 2


def test_the_repeat_of_a_failure_that_was_tried_again(core: Core) -> None:
    """It is answered as the first time until the node is acquired anew."""
    task_id = core.register(spec(1, retry=RETRY))
    held = hold(core, task_id)
    answer = core.do("FailNode", **held.params, request_id=uid(500))
    records = len(core.journal())
    assert core.do("FailNode", **held.params, retryable=False) == answer
    assert len(core.journal()) == records
    core.now += 1_000
    acquire(core, task_id)
    with pytest.raises(StaleLease):
        core.do("FailNode", **held.params)
    assert core.do("FailNode", **held.params, request_id=uid(500)) == answer


def test_a_failure_is_in_the_journal(core: Core) -> None:
    """Final or not, and contexts show it; a release and a retry are listed."""
    task_id = core.register(spec(1, retry=RETRY))
    core.do("FailNode", **hold(core, task_id).params, error_payload="e")
    core.now += 1_000
    core.do("ReleaseNode", **hold(core, task_id).params, reason="r", after_secs=2)
    core.now += 2_000
    acquired = acquire(core, task_id)
    assert [(e["action_type"], e["payload"]) for e in acquired["context"]["event_journal"]] == [
        ("FAIL_NODE", {"error": "e"})
    ]
    lease = {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}
    core.do("FailNode", **lease, retryable=False)
    core.do("RetryNode", task_id=task_id, node_id=uid(1), by="me")
    events = core.do("TaskEvents", task_id=task_id)["events"][2:]
    shown = {event["action_type"]: event["payload"] for event in events}
    assert list(shown) == ["ACQUIRE_NODE", "FAIL_NODE", "RELEASE_NODE", "RETRY_NODE"]
    assert shown["RELEASE_NODE"] == {"lease_owner": "w", "reason": "r", "not_before": AT + 3}
    assert shown["RETRY_NODE"] == {"reason": None, "by": "me"}


def test_expiries_that_count_end_the_node(core: Core) -> None:
    """Without a pause between them; the payload tells the history."""
    task_id = core.register(spec(1, retry={"max_attempts": 2}))
    acquire(core, task_id)
    core.now += LEASE_MS
    assert acquire(core, task_id)["attempt"] == 2
    core.now += LEASE_MS
    core.do("settle_due", task_id=task_id)
    node = core.node(task_id, uid(1))
    assert (node["status"], node["result_payload"]["kind"]) == ("FAILED", "attempts_exhausted")
    told = node["result_payload"]["attempts"]
    assert [(each["attempt"], each["how"]) for each in told] == [(1, "expired"), (2, "expired")]
    assert status(core, task_id)["attempts"] == told


def test_a_time_out(core: Core) -> None:
    """However often it heartbeats, no lease reaches beyond the deadline, and then it has failed."""
    task_id = core.register(spec(1, retry=RETRY, timeout_secs=400, lease_secs=300))
    acquired = acquire(core, task_id)
    assert (acquired["lease_expires_at"], acquired["deadline_at"]) == (SECONDS + 300, AT + 400)
    core.now += 200_000
    lease = {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}
    assert core.do("HeartbeatNode", **lease)["lease_expires_at"] == SECONDS + 400
    core.now += 200_000
    core.do("settle_due", task_id=task_id)
    with pytest.raises(StaleLease):
        core.do("HeartbeatNode", **lease)
    shown = status(core, task_id)
    assert (shown["node"]["status"], shown["node"]["not_before"]) == ("PENDING", AT + 401)
    [attempt] = shown["attempts"]
    assert (attempt["how"], attempt["kind"]) == ("timed_out", "timeout")
    assert attempt["error"] == {"kind": "timeout", "timeout_secs": 400}


def test_a_lease_that_is_honoured_ends_at_its_deadline(core: Core) -> None:
    """The grace after an absence does not reach beyond it."""
    task_id = core.register(spec(1, timeout_secs=10), spec(2))
    hold(core, task_id)
    hold(core, task_id)
    core.now += LEASE_MS
    core.honoured = core.now
    core.do("settle_due", task_id=task_id)
    assert core.node(task_id, uid(1))["result_payload"]["kind"] == "timeout"
    assert core.node(task_id, uid(2))["status"] == "RUNNING"


def test_a_heartbeat_extends_by_what_was_asked_for(core: Core) -> None:
    """Else by what the node says, else by the node timeout."""
    task_id = core.register(spec(1), spec(2, lease_secs=7), spec(3))
    leases = [hold(core, task_id, lease_secs=9), hold(core, task_id), hold(core, task_id)]
    core.now += 1_000
    ends = [core.do("HeartbeatNode", **lease.params)["lease_expires_at"] for lease in leases]
    assert [end - SECONDS for end in ends] == [10, 8, 301]


# Given back


def test_a_node_that_is_given_back(core: Core) -> None:
    """It does not count, and has its old place."""
    task_id = core.register(spec(1, retry={"max_attempts": 1}), spec(2))
    held = hold(core, task_id)
    answer = core.do("ReleaseNode", **held.params)
    assert answer == {"event_id": answer["event_id"], "status": "PENDING", "not_before": None}
    assert core.do("ReleaseNode", **held.params) == answer
    assert hold(core, task_id).node_id == uid(1)
    with pytest.raises(StaleLease):
        core.do("ReleaseNode", **held.params)


def test_after_which_nothing_else_can_be_said(core: Core) -> None:
    """An ending of another kind is stale where the node goes on, illegal where it has ended."""
    task_id = core.register(spec(1), spec(2))
    given_back, done = hold(core, task_id), hold(core, task_id)
    core.do("ReleaseNode", **given_back.params)
    core.do("CompleteNode", **done.params)
    with pytest.raises(StaleLease):
        core.do("CompleteNode", **given_back.params)
    with pytest.raises(IllegalTransition):
        core.do("ReleaseNode", **done.params)
