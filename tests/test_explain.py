"""ExplainNode, ExplainTask and `blocked_by`: why not; each engine runs the suite."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import NodeNotFound, TaskNotFound
from agentd.queries.blocking import Blocking
from agentd.queries.task_states import require_state_row
from agentd.store import Reader
from tests.core import LEASE_MS, NOW, STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def explain(core: Core, task_id: str, number: int) -> dict[str, Any]:
    found = core.do("ExplainNode", task_id=task_id, node_id=uid(number))
    kinds = [reason["kind"] for reason in found["reasons"] if reason["kind"] != "no_worker"]
    blocked_by = core.do("NodeStatus", task_id=task_id, node_id=uid(number))["node"]["blocked_by"]
    assert blocked_by == list(dict.fromkeys(kinds)), "the view says what the explanation does"
    assert core.node(task_id, uid(number))["blocked_by"] == blocked_by
    return dict(found)


def kinds(core: Core, task_id: str, number: int) -> list[str]:
    return [reason["kind"] for reason in explain(core, task_id, number)["reasons"]]


def test_nothing_holds_what_is_runnable(core: Core) -> None:
    """There is no cause, and nothing that would help."""
    task_id = core.register(spec(1))
    assert explain(core, task_id, 1) == {
        "status": "PENDING",
        "runnable": True,
        "reasons": [],
        "next": None,
    }


@pytest.mark.parametrize("ending", [None, "CompleteNode", "FailNode"])
def test_what_runs_or_has_ended(core: Core, ending: str | None) -> None:
    """It is not runnable, and there is nothing to say about that, whatever holds its task."""
    task_id = core.register(spec(1), spec(2))
    held = core.hold(task_id)
    if ending:
        core.do(ending, **held.params)
    core.do("PauseTask", task_id=task_id)
    found = explain(core, task_id, 1)
    assert (found["runnable"], found["reasons"], found["next"]) == (False, [], None)


def test_what_it_waits_for(core: Core) -> None:
    """Which nodes, their status, and who has them until when; what is satisfied is no cause."""
    task_id = core.register(
        spec(1, name="plan"), spec(2), spec(3), spec(4, 1, 2, 3), spec(5, 4), spec(6)
    )
    core.hold(task_id, "anna")
    core.do("CompleteNode", **core.hold(task_id).params)
    found = explain(core, task_id, 4)
    ends = (NOW + LEASE_MS) / 1000
    assert found["reasons"] == [
        {
            "kind": "dependency",
            "text": "it waits for node 'plan', which is RUNNING, held by 'anna' until "
            "2026-01-31T12:05:00.123Z",
            "node_id": uid(1),
            "name": "plan",
            "status": "RUNNING",
            "lease_owner": "anna",
            "until": ends,
        },
        {
            "kind": "dependency",
            "text": f"it waits for node {uid(3)}, which is PENDING",
            "node_id": uid(3),
            "status": "PENDING",
        },
    ]
    assert "have completed" in found["next"]
    assert kinds(core, task_id, 5) == ["dependency"]


def test_what_failed_before_it(core: Core) -> None:
    """Through others too; what is continued in spite of a failure does not wait for it."""
    task_id = core.register(
        spec(1, name="build"), spec(2, 1), spec(3, 2), spec(4, on_failure="continue"), spec(5, 4, 1)
    )
    for _ in range(2):
        core.do("FailNode", **core.hold(task_id).params)
    assert kinds(core, task_id, 2) == ["dependency_failed"]
    assert kinds(core, task_id, 3) == ["dependency_failed", "dependency"]
    found = explain(core, task_id, 5)
    assert [(each["kind"], each["node_id"]) for each in found["reasons"]] == [
        ("dependency_failed", uid(1))
    ]
    assert "RetryNode" in found["next"]


class Counting:
    """A reader that counts how often it is asked what depends on a node."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def dependents(self, node_id: str) -> list[str]:
        self.asked[node_id] += 1
        return self._reader.dependents(node_id)


def test_many_ways_from_a_failure_are_one(core: Core) -> None:
    """Each node behind a failure is looked at once, however many ways lead there."""
    rows = range(1, 30, 3)
    ranks = [spec(at, *range(row - 3, row)) for row in rows[1:] for at in range(row, row + 3)]
    task_id = core.register(spec(1), spec(2), spec(3), *ranks)
    core.do("FailNode", **core.hold(task_id).params)
    with core.store.read() as reader:
        counting = Counting(reader)
        Blocking(counting, require_state_row(reader, task_id), NOW)
    assert counting.asked == dict.fromkeys([uid(1), *map(uid, range(4, 31))], 1)


def test_several_that_failed(core: Core) -> None:
    """Each is told."""
    task_id = core.register(spec(1), spec(2), spec(3, 1), spec(4, 3, 2))
    for _ in range(2):
        core.do("FailNode", **core.hold(task_id).params)
    reasons = explain(core, task_id, 4)["reasons"]
    assert [(each["kind"], each["node_id"]) for each in reasons] == [
        ("dependency_failed", uid(1)),
        ("dependency_failed", uid(2)),
        ("dependency", uid(3)),
    ]


def test_every_cause_in_order(core: Core) -> None:
    """All that holds it, and not only the first."""
    settings = {"limits": ["a", "b"], "requires": ["gpu", "linux"]}
    task_id = core.register(spec(1, not_before=(NOW + 9_000) / 1000, **settings))
    core.register(spec(2, limits=["b"]), spec(3, limits=["b"]))
    core.do("SetLimit", name="b", max_running=1, rate={"count": 1, "per_secs": 60})
    assert core.do("AcquireNextNode")["node_id"] == uid(2)
    core.do("CloseLimit", name="a", for_secs=9, reason="quota")
    core.do("SetBudget", task_id=task_id, budget={"usd": 0, "tokens": 9})
    core.do("PauseTask", task_id=task_id, reason="lunch", by="me")
    found = explain(core, task_id, 1)
    assert found["runnable"] is False
    assert [
        (each["kind"], each.get("limit"), each.get("until"), each.get("reason"))
        for each in found["reasons"]
    ] == [
        ("paused", None, None, "lunch"),
        ("not_before", None, (NOW + 9_000) / 1000, None),
        ("budget_spent", None, None, None),
        ("limit_closed", "a", (NOW + 9_000) / 1000, "quota"),
        ("limit_full", "b", None, None),
        ("rate", "b", (NOW + 60_000) / 1000, None),
        ("no_worker", None, None, None),
    ]
    budget, worker = found["reasons"][2], found["reasons"][-1]
    assert (budget["unit"], budget["used"], budget["budget"]) == ("usd", 0, 0)
    assert worker["labels"] == ["gpu", "linux"]
    assert found["next"] == "ResumeTask lets it go on"


def test_a_missing_worker_leaves_it_runnable(core: Core) -> None:
    """Somebody may come."""
    task_id = core.register(spec(1, requires=["gpu"]))
    found = explain(core, task_id, 1)
    assert (found["runnable"], [each["kind"] for each in found["reasons"]]) == (
        True,
        ["no_worker"],
    )


def test_limits_are_asked_of_ready_nodes_only(core: Core) -> None:
    """What waits for another node needs no slot yet."""
    task_id = core.register(spec(1), spec(2, 1, limits=["a"], requires=["gpu"]))
    core.do("SetLimit", name="a", max_running=0)
    assert kinds(core, task_id, 2) == ["dependency"]


def test_a_cancelled_task(core: Core) -> None:
    """By whom and why, if that was said; nothing helps."""
    task_id = core.register(spec(1))
    core.do("CancelTask", task_id=task_id, reason="no need", by="me")
    found = explain(core, task_id, 1)
    assert found["reasons"] == [
        {
            "kind": "cancelled",
            "text": "its task was cancelled by me: no need",
            "reason": "no need",
            "by": "me",
        }
    ]


def test_a_task_that_was_registered_paused(core: Core) -> None:
    """Nobody said why."""
    made = core.do("RegisterTask", goal="g", paused=True, initial_nodes=[spec(1)])
    assert explain(core, made["task_id"], 1)["reasons"] == [
        {"kind": "paused", "text": "its task is paused"}
    ]


def test_a_task_is_explained_cause_by_cause(core: Core) -> None:
    """How many nodes each holds, and some of them by name or id."""
    task_id = core.register(
        spec(1, name="build"),
        spec(2),
        *(spec(number, 1) for number in range(3, 11)),
        spec(11, 2),
        spec(12, limits=["gpu"]),
        spec(13, limits=["gpu"]),
        spec(14),
    )
    core.do("FailNode", **core.hold(task_id).params)
    core.hold(task_id)
    core.do("SetLimit", name="gpu", max_running=0)
    found = core.do("ExplainTask", task_id=task_id)
    assert (found["state"], found["counts"]) == (
        "ACTIVE",
        {"PENDING": 12, "RUNNING": 1, "FAILED": 1},
    )
    assert found["reasons"] == [
        {
            "kind": "dependency_failed",
            "text": "waiting for node 'build', which FAILED",
            "count": 8,
            "nodes": [uid(number) for number in range(3, 8)],
        },
        {
            "kind": "dependency",
            "text": "waiting for nodes that have not ended",
            "count": 1,
            "nodes": [uid(11)],
        },
        {
            "kind": "limit_full",
            "text": "the limit 'gpu' is full: 0 run, and 0 may",
            "count": 2,
            "nodes": [uid(12), uid(13)],
        },
    ]
    assert found["next"] == "RetryNode makes the node that failed PENDING again"


def test_a_task_that_nothing_holds(core: Core) -> None:
    """There is nothing to say, and nothing that would help."""
    task_id = core.register(spec(1))
    assert core.do("ExplainTask", task_id=task_id) == {
        "state": "ACTIVE",
        "counts": {"PENDING": 1},
        "reasons": [],
        "next": None,
    }


def test_a_task_as_a_whole(core: Core) -> None:
    """What holds the task holds each of its nodes."""
    task_id = core.register(spec(1), spec(2, 1), spec(3, requires=["gpu"]))
    core.do("PauseTask", task_id=task_id)
    reasons = core.do("ExplainTask", task_id=task_id)["reasons"]
    assert [(each["kind"], each["count"]) for each in reasons] == [
        ("paused", 3),
        ("dependency", 1),
        ("no_worker", 1),
    ]


def test_what_is_not_there(core: Core) -> None:
    """A task, or a node of it."""
    task_id = core.register(spec(1))
    for method, params in (("ExplainTask", {}), ("ExplainNode", {"node_id": uid(1)})):
        with pytest.raises(TaskNotFound):
            core.do(method, task_id=uid(9), **params)
    with pytest.raises(NodeNotFound):
        core.do("ExplainNode", task_id=task_id, node_id=uid(9))
