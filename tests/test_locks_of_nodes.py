"""The locks that a node's lease holds: all or none, and who is kept back meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import replay
from agentd.errors import InvalidParams
from tests.core import LEASE_MS, NOW, STORES, Core, spec, uid

SECOND = 1_000


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    assert list(replay.check(store, lambda _seq: None)) == []
    store.close()


def acquire(core: Core, **params: Any) -> str | None:
    """The id of the node that is handed out."""
    found = core.do("AcquireNextNode", **params)
    return None if found is None else str(found["node_id"])


def lock(core: Core, key: str, **params: Any) -> Any:
    return core.do("AcquireResourceLock", resource_key=key, **params)


def release(core: Core, held: dict[str, Any]) -> None:
    lease = {name: held[name] for name in ("resource_key", "lease_id")}
    assert core.do("ReleaseResourceLock", **lease) == {"ok": True}


def listed(core: Core) -> list[tuple[str, str]]:
    locks = core.do("ListResourceLocks")["locks"]
    return [(each["resource_key"], each["node_id"]) for each in locks]


def test_all_are_taken_with_the_lease_and_end_with_it(core: Core) -> None:
    """In the order in which the node names them, each once."""
    names = ["dir:/repo/src/", {"key": "branch main", "mode": "shared"}, "dir:/repo/./src"]
    task_id = core.register(spec(1, locks=names))
    held = core.hold(task_id, "me")
    assert listed(core) == [("branch main", uid(1)), ("dir:/repo/src", uid(1))]
    locks = core.do("ListResourceLocks")["locks"]
    assert [each["mode"] for each in locks] == ["shared", "exclusive"]
    assert {each["owner"] for each in locks} == {"me"}
    assert {each["lease_expires_at"] for each in locks} == {(NOW + LEASE_MS) // SECOND}
    kinds = [each.kind for each in core.journal()[-3:]]
    assert kinds == ["LockAcquired", "LockAcquired", "NodeAcquired"]
    core.do("CompleteNode", **held.params)
    assert listed(core) == []
    assert [each.kind for each in core.journal()[-2:]] == ["LockEnded", "LockEnded"]


def test_a_node_shows_them_as_they_may_be_registered(core: Core) -> None:
    """An exclusive one by its key, a shared one with its mode; of two modes the stricter."""
    names = ["a", {"key": "b", "mode": "shared"}, {"key": "b"}, {"key": "c", "mode": "shared"}]
    task_id = core.register(spec(1, locks=names), spec(2))
    assert core.node(task_id, uid(1))["locks"] == ["a", "b", {"key": "c", "mode": "shared"}]
    assert "locks" not in core.node(task_id, uid(2))


@pytest.mark.parametrize(
    ("locks", "fault"),
    [
        (["file:/a/../b"], r"\$\.initial_nodes\[1\]\.locks\[0\].*no `\.\.`"),
        (["x"] * 65, "locks"),
        ([{"key": "a", "modus": "shared"}], "mode"),
        ([{"mode": "shared"}], "key"),
        ("a", "locks"),
    ],
)
def test_bad_locks(core: Core, locks: Any, fault: str) -> None:
    """The message names the place."""
    with pytest.raises(InvalidParams, match=fault):
        core.register(spec(1), spec(2, locks=locks))
    with pytest.raises(InvalidParams, match="locks"):
        core.do("RegisterTask", goal="g", node_defaults={"locks": ["a"]})


def test_all_or_none(core: Core) -> None:
    """A node that names two waits for both, and has neither meanwhile."""
    held = [lock(core, "a"), lock(core, "b")]
    task_id = core.register(spec(1, locks=["a", "b"]), spec(2, locks=["c"]))
    assert acquire(core) == uid(2)
    release(core, held[0])
    assert acquire(core) is None
    assert lock(core, "a", ttl_secs=1) is not None
    release(core, held[1])
    assert acquire(core, task_id=task_id, node_id=uid(1)) is None
    core.now += SECOND
    assert acquire(core) == uid(1)  # what has expired is settled first


def test_nodes_keep_each_other_back(core: Core) -> None:
    """One after the other, also across tasks and behind an ending in the same transaction."""
    one = core.register(spec(1, locks=["dir:/repo"]), spec(2, locks=["file:/repo/*.py"]))
    other = core.register(spec(3, locks=["file:/repo/a.py"]), spec(4, locks=["dir:/other"]))
    held = core.hold(one)
    assert [each["id"] for each in core.do("ListTasks", runnable=True)["tasks"]] == [other]
    assert acquire(core) == uid(4)
    assert acquire(core) is None
    done = core.do("CompleteNode", **held.params, acquire_next={})
    assert done["next"]["node_id"] == uid(2)
    assert acquire(core) is None
    lease = {name: done["next"][name] for name in ("task_id", "node_id", "lease_id")}
    core.do("ReleaseNode", **lease)
    assert acquire(core, task_id=other) == uid(3)
    assert acquire(core, task_id=one) is None


def test_a_node_is_not_in_its_own_way(core: Core) -> None:
    """Its own keys may overlap, and it may be given back and taken again."""
    task_id = core.register(spec(1, locks=["dir:/repo", "file:/repo/a", "file:/**"]))
    for _ in range(3):
        held = core.hold(task_id)
        assert len(listed(core)) == 3
        core.do("ReleaseNode", **held.params)
    core.hold(task_id)
    core.now += LEASE_MS
    assert acquire(core) == uid(1)


def test_shared_locks_of_nodes(core: Core) -> None:
    """They run together, and an exclusive one when they are done."""
    shared = {"locks": [{"key": "db", "mode": "shared"}]}
    task_id = core.register(spec(1, **shared), spec(2, **shared), spec(3, locks=["db"]))
    first, second = core.hold(task_id), core.hold(task_id)
    assert acquire(core) is None
    core.do("CompleteNode", **first.params)
    assert acquire(core) is None
    core.do("CompleteNode", **second.params)
    assert acquire(core) == uid(3)


def test_several_at_once(core: Core) -> None:
    """AcquireNodes takes no two that are in each other's way."""
    core.register(*(spec(n, locks=[f"file:/{n % 2}"]) for n in range(1, 7)))
    leases = core.do("AcquireNodes", count=6)["leases"]
    assert [lease["node_id"] for lease in leases] == [uid(1), uid(2)]


def test_what_becomes_ready_counts_what_is_held(core: Core) -> None:
    """A lock that began before, and one that ends before."""
    task_id = core.register(spec(1), spec(2, 1, locks=["a"]), spec(3, 1, locks=["b"]))
    kept, ended = lock(core, "a"), lock(core, "b")
    release(core, ended)
    core.do("CompleteNode", **core.hold(task_id).params)
    assert acquire(core) == uid(3)
    assert acquire(core) is None
    release(core, kept)
    assert acquire(core) == uid(2)


def test_a_node_that_is_retried(core: Core) -> None:
    """It counts anew what is in its way."""
    task_id = core.register(spec(1, locks=["a"], retry={"max_attempts": 2, "backoff_secs": 0}))
    core.do("FailNode", **core.hold(task_id).params)
    held = lock(core, "a")
    assert acquire(core) is None
    release(core, held)
    core.do("FailNode", **core.hold(task_id).params)
    held = lock(core, "a")
    core.do("RetryNode", task_id=task_id, node_id=uid(1))
    assert acquire(core) is None
    release(core, held)
    assert acquire(core) == uid(1)


def test_the_nodes_of_a_cancelled_task_wish_nothing(core: Core) -> None:
    """Their locks are free, and who takes them has nothing to count."""
    task_id = core.register(spec(1, locks=["a"]), spec(2, locks=["a"]))
    core.hold(task_id)
    core.do("CancelTask", task_id=task_id)
    assert lock(core, "a") is not None
    with core.store.read() as reader:
        assert list(reader.wishes_of_task(task_id)) == []
    shown = core.do("NodeStatus", task_id=task_id, node_id=uid(2))["node"]
    assert shown["blocked_by"] == ["cancelled"]


def test_why_a_node_is_kept_back(core: Core) -> None:
    """By which locks, whose, until when; and what would help."""
    held = lock(core, "dir:/repo", owner="you", ttl_secs=60)
    task_id = core.register(spec(1, locks=["file:/repo/a"]), spec(2, 1, locks=["file:/repo/a"]))
    found = core.do("ExplainNode", task_id=task_id, node_id=uid(1))
    assert (found["status"], found["runnable"]) == ("PENDING", False)
    [reason] = found["reasons"]
    assert reason == {
        "kind": "locked",
        "text": "the lock 'dir:/repo' is held by 'you' until 2026-01-31T12:01:00.123Z",
        "lease_owner": "you",
        "until": NOW / 1000 + 60,
        "key": "dir:/repo",
    }
    assert "when that lock ends" in found["next"]
    assert core.do("NodeStatus", task_id=task_id, node_id=uid(1))["node"]["blocked_by"] == [
        "locked"
    ]
    assert core.node(task_id, uid(1))["blocked_by"] == []  # only NodeStatus tells
    of_task = core.do("ExplainTask", task_id=task_id)["reasons"]
    assert [(each["kind"], each["count"]) for each in of_task] == [("dependency", 1), ("locked", 1)]
    release(core, held)
    assert core.do("ExplainNode", task_id=task_id, node_id=uid(1))["runnable"]


def test_a_setting_that_is_changed_leaves_them(core: Core) -> None:
    """UpdateNode has no locks, and takes none away."""
    task_id = core.register(spec(1, locks=["a"]))
    core.do("UpdateNode", task_id=task_id, priority=5)
    core.hold(task_id)
    assert listed(core) == [("a", uid(1))]
