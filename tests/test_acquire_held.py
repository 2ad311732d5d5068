"""Work of any task, where tasks are held, nodes have an order of their own, and moments come."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import InvalidParams, NodeNotFound
from tests.core import LEASE_MS, STORES, Core, spec, uid

ID = uid(500)


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def take(core: Core, **params: Any) -> str | None:
    """The node that is handed out next, of any task."""
    acquired = core.do("AcquireNextNode", **params)
    return None if acquired is None else acquired["node_id"]


def soon(core: Core, seconds: float) -> float:
    """The moment so many seconds ahead."""
    return core.now / 1000 + seconds


# Tasks that are held


@pytest.mark.parametrize(
    ("method", "params", "back"),
    [
        ("PauseTask", {}, ("ResumeTask", {})),
        ("SetBudget", {"budget": {"usd": 0}}, ("SetBudget", {"budget": None})),
        ("CancelTask", {}, None),
    ],
)
def test_a_task_that_is_held(core: Core, method: str, params: Any, back: Any) -> None:
    """Nothing of it is handed out, to nobody; when it goes on its node is the first again."""
    held = core.register(spec(1), spec(2))
    core.register(spec(3), spec(4))
    assert take(core) == uid(1)  # so that the queue is known
    core.do(method, task_id=held, **params)
    assert take(core) == uid(3)
    assert take(core, task_id=held) is None
    if back is not None:
        core.do(back[0], task_id=held, **back[1])
        assert take(core) == uid(2)
    assert take(core) == uid(4)
    assert take(core) is None


def test_a_budget_that_is_reached_by_the_end(core: Core) -> None:
    """The end counts first: what it used leaves nothing for the next node."""
    task_id = core.do(
        "RegisterTask", goal="g", budget={"usd": 1}, initial_nodes=[spec(1), spec(2)]
    )["task_id"]
    held = core.hold(task_id)
    ended = core.do("CompleteNode", **held.params, usage={"usd": 1}, acquire_next={})
    assert ended["next"] is None


def test_several_of_several_tasks(core: Core) -> None:
    """AcquireNodes passes by what is held."""
    paused = core.do("RegisterTask", goal="g", paused=True, initial_nodes=[spec(1)])["task_id"]
    core.register(spec(2))
    core.register(spec(3))
    leases = core.do("AcquireNodes", count=3)["leases"]
    assert [lease["node_id"] for lease in leases] == [uid(2), uid(3)]
    core.do("ResumeTask", task_id=paused)
    [lease] = core.do("AcquireNodes", count=3)["leases"]
    assert lease["node_id"] == uid(1)


# The order of all


def test_the_order_of_all(core: Core) -> None:
    """By priority over all tasks, then in the order of registration."""
    core.register(spec(1), {**spec(2), "priority": 5})
    core.do("RegisterTask", goal="g", priority=7, initial_nodes=[spec(3)])
    core.register({**spec(4), "priority": 5}, {**spec(5), "priority": -1})
    assert [take(core) for _ in range(6)] == [*map(uid, (3, 2, 4, 1, 5)), None]


def test_the_order_of_different_demands(core: Core) -> None:
    """What nodes demand changes nothing in the order of those that a worker can take."""
    core.register(spec(1))
    core.register(spec(2, limits=["l1"]))
    core.register(spec(3))
    assert [take(core) for _ in range(3)] == [uid(1), uid(2), uid(3)]


@pytest.mark.parametrize("changes", [{"priority": -1}, {"requires": ["gpu"]}])
def test_a_node_that_lost_its_place(core: Core, changes: Any) -> None:
    """A node that was about to be the next is passed by once it is changed."""
    task_id = core.register(spec(1), spec(2), spec(3))
    assert take(core) == uid(1)  # so that the queue is known
    core.do("UpdateNode", task_id=task_id, node_id=uid(2), **changes)
    assert take(core) == uid(3)
    assert take(core, labels=["gpu"]) == uid(2)


def test_a_moment_that_has_come(core: Core) -> None:
    """Not handed out before it; afterwards in its place, as if it had never waited."""
    core.register({**spec(1), "not_before": soon(core, 10)})
    core.register(spec(2), spec(3))
    assert take(core) == uid(2)
    core.now += 10_000
    assert take(core) == uid(1)
    assert take(core) == uid(3)


def test_what_a_lease_that_ran_out_leaves(core: Core) -> None:
    """A node that goes back is in its place; one whose attempts are used up frees who may run."""
    core.register({**spec(1), "retry": {"max_attempts": 1}, "on_failure": "continue"}, spec(2, 1))
    core.register(spec(3))
    first = core.do("AcquireNextNode")
    core.now += LEASE_MS
    second = core.do("AcquireNextNode")
    assert (first["node_id"], second["node_id"]) == (uid(1), uid(2))
    [dependency] = second["context"]["completed_dependencies"]
    assert dependency["status"] == "FAILED"
    assert take(core) == uid(3)


@pytest.mark.parametrize("of_all", [False, True])
def test_what_a_lease_that_ran_out_leaves_for_the_next(core: Core, *, of_all: bool) -> None:
    """A node whose lease ran out is the next behind an ending, of the task that is named too."""
    task_id = core.register(spec(1), spec(2), spec(3))
    core.hold(task_id)
    core.now += LEASE_MS - 1
    held = core.hold(task_id)
    core.now += 1
    wanted = {} if of_all else {"task_id": task_id}
    ended = core.do("CompleteNode", **held.params, acquire_next=wanted)
    assert (ended["next"]["node_id"], ended["next"]["attempt"]) == (uid(1), 2)


def test_what_is_used_up_hides_nobody(core: Core) -> None:
    """A lease that was the last one gives nothing back: the next task's node is handed out."""
    core.register({**spec(1), "retry": {"max_attempts": 1}})
    core.register(spec(2))
    core.do("AcquireNextNode")
    core.now += LEASE_MS
    assert take(core) == uid(2)
    assert take(core) is None


# One node and no other


def test_this_node_next(core: Core) -> None:
    """`acquire_next` may name a node; where there is none of that name, nothing ends."""
    task_id = core.register(spec(1), spec(2), {**spec(3), "name": "c"})
    held = core.hold(task_id)
    with pytest.raises(NodeNotFound):
        core.do("CompleteNode", **held.params, acquire_next={"task_id": task_id, "node_id": "x"})
    wanted = {"task_id": task_id, "node_id": "c", "lease_secs": 7, "lease_owner": "w"}
    got = core.do("CompleteNode", **held.params, acquire_next=wanted)["next"]
    assert (got["node_id"], got["name"], got["lease_owner"]) == (uid(3), "c", "w")
    assert got["lease_expires_at"] == core.now // 1000 + 7


def test_a_node_of_no_task(core: Core) -> None:
    """A node is named beside its task."""
    core.register(spec(1))
    with pytest.raises(InvalidParams, match="task_id"):
        core.do("AcquireNextNode", node_id=uid(1))


# Given back, and then the next one


def test_given_back_for_the_next(core: Core) -> None:
    """The node that was given back waits, so the next is another; a repeat is told the same."""
    task_id = core.register(spec(1), spec(2))
    held = core.hold(task_id)
    params = {**held.params, "after_secs": 5, "acquire_next": {}, "request_id": ID}
    given = core.do("ReleaseNode", **params)
    assert given["status"] == "PENDING"
    assert given["next"]["node_id"] == uid(2)
    assert core.do("ReleaseNode", **params) == given
    again = core.do("ReleaseNode", **held.params, acquire_next={})
    assert (again["event_id"], again["next"]) == (given["event_id"], None)


def test_tried_again_at_once(core: Core) -> None:
    """A failure without a pause: the same node is the next, and its context tells of it."""
    core.register({**spec(1), "retry": {"max_attempts": 2, "backoff_secs": 0}})
    held = core.do("AcquireNextNode")
    names = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
    failed = core.do("FailNode", **names, kind="k", acquire_next={})
    assert (failed["status"], failed["attempt"]) == ("PENDING", 1)
    assert (failed["next"]["node_id"], failed["next"]["attempt"]) == (uid(1), 2)
    [attempt] = failed["next"]["context"]["attempts"]
    assert (attempt["attempt"], attempt["how"], attempt["kind"]) == (1, "failed", "k")


# Several heartbeats


def test_heartbeats_of_a_cancelled_task(core: Core) -> None:
    """Each lease is judged for itself; one is extended by the node's own length."""
    gone, going = core.register(spec(1)), core.register({**spec(2), "name": "b", "lease_secs": 20})
    leases = [core.hold(task_id).params for task_id in (gone, going)]
    core.do("CancelTask", task_id=gone)
    leases[1] = {**leases[1], "node_id": "b"}
    refused, extended = core.do("HeartbeatNode", leases=leases)["leases"]
    assert refused["error"]["data"]["kind"] == "task_cancelled"
    assert extended == {"ok": True, "lease_expires_at": core.now // 1000 + 20}


def test_a_heartbeat_up_to_the_deadline(core: Core) -> None:
    """Not beyond the end of the attempt."""
    task_id = core.register({**spec(1), "timeout_secs": 30})
    held = core.hold(task_id)
    core.now += 10_000
    [extended] = core.do("HeartbeatNode", leases=[held.params])["leases"]
    assert extended["lease_expires_at"] == core.now // 1000 + 20
