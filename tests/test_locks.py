"""Resource locks: taken, kept, given back, ended by time and listed; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import replay
from agentd.errors import (
    InvalidParams,
    LockNotHeld,
    NodeNotFound,
    RequestIdReused,
    StaleLease,
    TaskIsCancelled,
    TaskNotFound,
)
from tests.core import LEASE_MS, NOW, STORES, Core, kind_of, spec, uid

KEY = "file:/repo/a.py"
SECOND = 1_000


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    assert list(replay.check(store, lambda _seq: None)) == []
    store.close()


def lock(core: Core, key: str = KEY, **params: Any) -> Any:
    """What AcquireResourceLock answers."""
    return core.do("AcquireResourceLock", resource_key=key, **params)


def release(core: Core, held: dict[str, Any], **params: Any) -> Any:
    return core.do("ReleaseResourceLock", **of(held), **params)


def of(held: dict[str, Any]) -> dict[str, Any]:
    """What its holder sends."""
    return {name: held[name] for name in ("resource_key", "lease_id")}


def listed(core: Core, **params: Any) -> list[str]:
    """The keys that are held."""
    return [each["resource_key"] for each in core.do("ListResourceLocks", **params)["locks"]]


def test_a_lock_and_its_fields(core: Core) -> None:
    """What is left out has its default; what was said comes back, metadata byte for byte."""
    found = lock(core, metadata={"b": [1.0, None], "a": 1})
    assert found == {
        "resource_key": KEY,
        "lease_id": uid(1_000_001),
        "owner": "anonymous",
        "provider": None,
        "task_id": None,
        "node_id": None,
        "metadata": {"b": [1.0, None], "a": 1},
        "acquired_at": NOW // SECOND,
        "lease_expires_at": (NOW + LEASE_MS) // SECOND,
    }
    [shown] = core.do("ListResourceLocks")["locks"]
    assert shown == {**found, "updated_at": NOW // SECOND, "mode": "exclusive"}


def test_null_counts_as_left_out(core: Core) -> None:
    """As clients of before may send it."""
    nothing = ("owner", "provider", "ttl_secs", "task_id", "node_id", "mode", "wait_secs")
    found = lock(core, "", **dict.fromkeys(nothing))
    assert (found["resource_key"], found["owner"]) == ("", "anonymous")


def test_one_holder_at_a_time(core: Core) -> None:
    """Another gets null, the same owner too, until it is given back."""
    held = lock(core, owner="me")
    assert lock(core, owner="me") is None
    assert lock(core, "dir:/repo", owner="you", wait_secs=60) is None
    assert release(core, held) == {"ok": True}
    assert lock(core, "dir:/repo", owner="you")["owner"] == "you"


def test_shared_locks_are_held_together(core: Core) -> None:
    """Any number of them, but no exclusive one beside them."""
    one, other = lock(core, mode="shared"), lock(core, "dir:/repo", mode="shared")
    assert lock(core) is None
    release(core, one)
    assert lock(core) is None
    release(core, other)
    assert lock(core) is not None
    assert lock(core, mode="shared") is None


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"resource_key": "file:../a"}, r"\$\.resource_key.*no `\.\.`"),
        ({"resource_key": "x" * 4_097}, "resource_key"),
        ({}, "resource_key"),
        ({"resource_key": "a", "ttl_secs": 0}, "ttl_secs"),
        ({"resource_key": "a", "ttl_secs": 315_360_001}, "ttl_secs"),
        ({"resource_key": "a", "mode": "mine"}, "mode"),
        ({"resource_key": "a", "wait_secs": 61}, "wait_secs"),
        ({"resource_key": "a", "ttl": 5}, "ttl_secs"),
        ({"resource_key": "a", "node_lease_id": uid(1)}, "task_id"),
        ({"resource_key": "a", "node_lease_id": uid(1), "task_id": uid(1)}, "node_id"),
    ],
)
def test_bad_params(core: Core, params: dict[str, Any], fault: str) -> None:
    """The message names the field."""
    with pytest.raises(InvalidParams, match=fault):
        core.do("AcquireResourceLock", **params)


# Its time


def test_a_lock_lives_for_its_ttl(core: Core) -> None:
    """Without grace; what has ended is in nobody's way, and the sweeper says so, too."""
    core.honoured = NOW + 10 * SECOND
    held = lock(core, ttl_secs=10)
    core.now += 10 * SECOND - 1
    assert lock(core) is None
    assert listed(core) == [KEY]
    core.now += 1
    assert listed(core) == []
    counts = core.do("Metrics")["database"]
    assert (counts["active_resource_locks"], counts["expired_resource_locks"]) == (0, 1)
    assert lock(core, "dir:/repo", ttl_secs=5)["lease_id"] != held["lease_id"]
    assert [each.kind for each in core.journal()] == ["LockAcquired", "LockExpired", "LockAcquired"]
    core.now += 5 * SECOND
    core.do("expire_locks")
    core.do("expire_locks")
    assert core.journal()[-1].kind == "LockExpired"
    assert len(core.journal()) == 4


def test_a_heartbeat_has_it_last(core: Core) -> None:
    """From now on, for the ttl that is said, or for the node timeout."""
    held = lock(core, ttl_secs=10)
    core.now += 9 * SECOND
    params = {**of(held), "ttl_secs": 20}
    assert core.do("HeartbeatResourceLock", **params) == {
        "ok": True,
        "lease_expires_at": (core.now + 20 * SECOND) // SECOND,
    }
    core.now += 19 * SECOND
    assert lock(core) is None
    ends = core.do("HeartbeatResourceLock", **of(held))["lease_expires_at"]
    assert ends == (core.now + LEASE_MS) // SECOND
    [shown] = core.do("ListResourceLocks")["locks"]
    assert (shown["updated_at"], shown["lease_expires_at"]) == (core.now // SECOND, ends)


def test_what_has_ended_is_not_kept_alive(core: Core) -> None:
    """Even when nobody took it since; but it may be given back, once."""
    held = lock(core, ttl_secs=1)
    core.now += SECOND
    with pytest.raises(LockNotHeld, match="ended at 2026"):
        core.do("HeartbeatResourceLock", **of(held))
    assert release(core, held) == {"ok": True}
    for method in ("HeartbeatResourceLock", "ReleaseResourceLock"):
        with pytest.raises(LockNotHeld):
            core.do(method, **of(held))


@pytest.mark.parametrize("of_task", [False, True])
def test_what_the_daemon_has_ended_may_be_given_back(core: Core, *, of_task: bool) -> None:
    """Once, as long as nobody took it since: who holds it need not know how late it is."""
    named = {"task_id": core.register(spec(1))} if of_task else {}
    held = lock(core, ttl_secs=1, **named)
    core.now += SECOND
    core.do("expire_locks")
    with pytest.raises(LockNotHeld):
        core.do("HeartbeatResourceLock", **of(held))
    with pytest.raises(LockNotHeld):
        release(core, {**held, "lease_id": uid(5)})
    assert release(core, held) == {"ok": True}
    assert core.journal()[-1].task_id == named.get("task_id", "locks")
    with pytest.raises(LockNotHeld):
        release(core, held)


@pytest.mark.parametrize("key", [KEY, "dir:/repo"])
def test_what_somebody_took_since_is_not_given_back(core: Core, key: str) -> None:
    """Of the same key also when he has given it back."""
    held = lock(core, ttl_secs=1)
    core.now += SECOND
    other = lock(core, key, owner="other")
    with pytest.raises(LockNotHeld):
        release(core, held)
    assert release(core, other) == {"ok": True}
    if key == KEY:
        with pytest.raises(LockNotHeld):
            release(core, held)


def test_another_lease_and_another_key(core: Core) -> None:
    """Neither extends nor ends a lock; the key may be written in another way."""
    held = lock(core)
    for params in ({**of(held), "lease_id": uid(5)}, {**of(held), "resource_key": "file:/repo"}):
        for method in ("HeartbeatResourceLock", "ReleaseResourceLock"):
            with pytest.raises(LockNotHeld):
                core.do(method, **params)
    core.do("ReleaseResourceLock", resource_key="file:///repo/./a.py", lease_id=held["lease_id"])


# Tasks and nodes


def test_a_lock_for_a_task(core: Core) -> None:
    """The task has to be there; its node is not asked for, and the lock outlives the node."""
    with pytest.raises(TaskNotFound):
        lock(core, task_id=uid(9))
    task_id = core.register(spec(1))
    found = lock(core, task_id=task_id, node_id=uid(77))
    assert (found["task_id"], found["node_id"]) == (task_id, uid(77))
    other = lock(core, "b", task_id=task_id, node_id=uid(1), ttl_secs=10_000)
    core.do("CompleteNode", **core.hold(task_id).params)
    assert listed(core) == ["b", KEY]
    shown = core.do("TaskEvents", task_id=task_id)["events"]
    told = [each for each in shown if each["action_type"] == "ACQUIRE_LOCK"]
    assert [each["payload"]["resource_key"] for each in told] == [KEY, "b"]
    release(core, other)
    assert core.do("TaskEvents", task_id=task_id)["events"][-1]["action_type"] == "RELEASE_LOCK"


ENDINGS = ["CompleteNode", "FailNode", "ReleaseNode", "CancelTask", "settle_due"]


@pytest.mark.parametrize("end", ENDINGS)
def test_a_lock_that_is_bound_to_a_lease(core: Core, end: str) -> None:
    """It ends when that does, however it ends and whatever its ttl; heartbeats are the node's."""
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    bound = {"task_id": task_id, "node_id": uid(1), "node_lease_id": held.lease_id}
    found = lock(core, ttl_secs=1, **bound)
    assert found["lease_expires_at"] == (NOW + LEASE_MS) // SECOND
    core.now += 200 * SECOND
    core.do("HeartbeatNode", **held.params)
    extended = (core.now + LEASE_MS) // SECOND
    assert core.do("HeartbeatResourceLock", **of(found))["lease_expires_at"] == extended
    assert core.do("ListResourceLocks")["locks"][0]["lease_expires_at"] == extended
    if end == "settle_due":
        core.now += LEASE_MS
    core.do(end, **({"task_id": task_id} if end in ENDINGS[3:] else held.params))
    assert core.journal()[-1].kind == "LockEnded"
    assert listed(core) == []
    with pytest.raises(LockNotHeld):
        release(core, found)
    error = TaskIsCancelled if end == "CancelTask" else StaleLease
    with pytest.raises(error):
        lock(core, **bound)


def test_who_is_to_be_bound(core: Core) -> None:
    """The lease has to be the node's current one; the node may be named."""
    task_id = core.register(spec(1, name="build"))
    held = core.hold(task_id)
    with pytest.raises(NodeNotFound):
        lock(core, task_id=task_id, node_id="other", node_lease_id=held.lease_id)
    with pytest.raises(StaleLease):
        lock(core, task_id=task_id, node_id="build", node_lease_id=uid(5))
    found = lock(core, task_id=task_id, node_id="build", node_lease_id=held.lease_id)
    assert found["node_id"] == uid(1)
    assert release(core, found) == {"ok": True}
    core.do("CompleteNode", **held.params)
    assert core.journal()[-1].kind == "NodeCompleted"


def test_a_lease_that_ran_out_is_settled_for_who_wants_its_lock(core: Core) -> None:
    """But not while it is honoured, because the daemon was away."""
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    lock(core, task_id=task_id, node_id=uid(1), node_lease_id=held.lease_id)
    core.now += LEASE_MS
    core.honoured = core.now
    assert lock(core) is None
    core.honoured = 0
    assert lock(core, "dir:/repo") is not None
    assert core.node(task_id, uid(1))["status"] == "PENDING"


def test_a_lease_that_ran_out_counts_until_that_is_recorded(core: Core) -> None:
    """Its holder gets one lock more, and both end with it; then it is refused, and that is all."""
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    bound = {"task_id": task_id, "node_id": uid(1), "node_lease_id": held.lease_id}
    lock(core, "a", **bound)
    core.now += LEASE_MS
    assert lock(core, "b", **bound)["lease_expires_at"] == core.now // SECOND
    core.do("settle_due", task_id=task_id)
    before = len(core.journal())
    assert listed(core) == []
    with pytest.raises(StaleLease):
        lock(core, "c", **bound)
    assert len(core.journal()) == before


def test_nothing_is_settled_for_who_is_refused(core: Core) -> None:
    """A refusal leaves no trace."""
    lock(core, ttl_secs=1)
    core.now += SECOND
    before = len(core.journal())
    with pytest.raises(TaskNotFound):
        lock(core, task_id=uid(9))
    assert len(core.journal()) == before


# Repeats


def test_a_repeat_is_answered_as_the_first_time(core: Core) -> None:
    """Also when the lock has ended since; null is not remembered."""
    first = lock(core, request_id=uid(1), metadata=[1])
    assert lock(core, request_id=uid(1), metadata=[1]) == first
    assert lock(core, request_id=uid(2)) is None
    for _ in range(2):
        assert release(core, first, request_id=uid(3)) == {"ok": True}
    assert lock(core, request_id=uid(1), metadata=[1]) == first
    assert listed(core) == []
    assert lock(core, request_id=uid(2)) is not None
    with pytest.raises(RequestIdReused):
        lock(core, "other", request_id=uid(2))


def test_one_commit(core: Core) -> None:
    """Of two who want the same in one batch the first gets it."""
    wanted = ("AcquireResourceLock", {"resource_key": KEY})
    first, second = core.batch(wanted, wanted)
    assert (first["resource_key"], second) == (KEY, None)


# Lists


def test_lists_are_narrowed(core: Core) -> None:
    """By task, by owner and by how the key begins."""
    task_id = core.register(spec(1))
    lock(core, "dir:/a", owner="x")
    lock(core, "file:/b", owner="y", task_id=task_id)
    lock(core, "%", owner="x")
    assert listed(core) == ["%", "dir:/a", "file:/b"]
    assert listed(core, owner="x") == ["%", "dir:/a"]
    assert listed(core, task_id=task_id) == ["file:/b"]
    assert listed(core, prefix="dir:") == ["dir:/a"]
    assert listed(core, prefix="%", owner="y") == []


def test_pages_never_split_a_key(core: Core) -> None:
    """A page has all locks of its last key, more than its limit if need be."""
    for key in ("b", "a", "b", "c", "b"):
        lock(core, key, mode="shared", owner=key)
    first = core.do("ListResourceLocks", limit=2)
    assert [each["resource_key"] for each in first["locks"]] == ["a", "b", "b", "b"]
    rest = core.do("ListResourceLocks", limit=2, after=first["next"])
    assert [each["resource_key"] for each in rest["locks"]] == ["c"]
    assert rest["next"] is None


def test_what_the_interface_says_of_them(core: Core) -> None:
    """In words."""
    model = core.do("DescribeInterface")["resource_lock_model"]
    names = ["resource_key", "exclusive_acquire", "lease_required", "timeout_recovery"]
    assert list(model) == names
    assert all(model.values())


def test_the_events_of_locks(core: Core) -> None:
    """Those of locks that no task has are in WatchEvents, without a task; extensions if asked."""
    held = lock(core, owner="me")
    core.do("HeartbeatResourceLock", **of(held))
    release(core, held)
    lock(core, ttl_secs=1)
    core.now += SECOND
    core.do("expire_locks")
    events = core.do("WatchEvents", after_seq=0)["events"]
    assert [each["action_type"] for each in events] == [
        *("ACQUIRE_LOCK", "RELEASE_LOCK", "ACQUIRE_LOCK", "EXPIRE_LOCK"),
    ]
    assert {each["task_id"] for each in events} == {None}
    assert events[1]["payload"] == {**of(held), "owner": "me"}
    [extended] = core.do("WatchEvents", after_seq=0, kinds=["EXTEND_LOCK"])["events"]
    assert extended["payload"]["lease_id"] == held["lease_id"]


def test_kinds_of_refusals(core: Core) -> None:
    """As they stand on the wire."""
    [refusal] = core.batch(("ReleaseResourceLock", {"resource_key": "a", "lease_id": uid(1)}))
    assert kind_of(refusal) == "lock_not_held"
