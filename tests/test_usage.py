"""What is used, added up by task and node, and budgets; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.api import MOST_UNITS
from agentd.errors import InvalidParams
from tests.core import LEASE_MS, STORES, Core, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def status(core: Core, task_id: str) -> dict[str, Any]:
    """What TaskStatus says of the task's usage."""
    shown: dict[str, Any] = core.do("TaskStatus", task_id=task_id, fields=["usage"])
    return shown


def with_budget(core: Core, budget: dict[str, float] | None, nodes: int = 3) -> str:
    """A task of some nodes that has a budget."""
    specs = [spec(number) for number in range(1, nodes + 1)]
    made = core.do("RegisterTask", goal="g", initial_nodes=specs, budget=budget)
    return str(made["task_id"])


def test_usage_is_added_up(core: Core) -> None:
    """Of all attempts and notes, with a lease or without, by unit, for the task and each node."""
    task_id = core.register(spec(1), spec(2))
    held = core.hold(task_id)
    core.do("CommitEvent", **held.params, usage={"input_tokens": 900, "cost_usd": 0.1})
    core.now += LEASE_MS
    held = core.hold(task_id)
    core.do("CompleteNode", **held.params, usage={"input_tokens": 100, "cost_usd": 0.2})
    core.do("FailNode", **core.hold(task_id).params, usage={"output_tokens": 7})
    core.do("CommitEvent", task_id=task_id, node_id=uid(2), usage={"output_tokens": 1})
    shown = core.do("TaskStatus", task_id=task_id)
    assert shown["usage"] == {"cost_usd": 0.3, "input_tokens": 1000, "output_tokens": 8}
    assert shown["budget"] is None
    assert [node["usage"] for node in shown["nodes"]] == [
        {"cost_usd": 0.3, "input_tokens": 1000},
        {"output_tokens": 8},
    ]


def test_a_context_shows_what_the_node_had_used(core: Core) -> None:
    """By the moment of the acquisition, in its repeats too."""
    task_id = core.register(spec(1))
    core.do("CommitEvent", **core.hold(task_id).params, usage={"usd": 1})
    core.now += LEASE_MS
    acquired = core.do("AcquireNextNode", task_id=task_id, request_id=uid(500))
    assert acquired["context"]["node"]["usage"] == {"usd": 1}
    core.do(
        "CommitEvent",
        task_id=task_id,
        node_id=uid(1),
        lease_id=acquired["lease_id"],
        usage={"usd": 1},
    )
    assert core.do("AcquireNextNode", task_id=task_id, request_id=uid(500)) == acquired


def test_a_repeat_adds_nothing(core: Core) -> None:
    """Neither with the lease that ended the node nor with the same request_id."""
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    noted = {**held.params, "usage": {"usd": 1}, "request_id": uid(500)}
    for _ in range(2):
        core.do("CommitEvent", **noted)
    for _ in range(2):
        core.do("CompleteNode", **held.params, usage={"usd": 2})
    assert status(core, task_id)["usage"] == {"usd": 3}


def test_a_unit_too_many(core: Core) -> None:
    """A task may be told of 64 units; the 65th is refused, and nothing of the request happens."""
    task_id = core.register(spec(1))
    held = core.hold(task_id)
    units = {f"u{number}": 1 for number in range(MOST_UNITS)}
    core.do("CommitEvent", **held.params, usage=units)
    core.do("CommitEvent", **held.params, usage=units)
    before = len(core.journal())
    for method in ("CommitEvent", "CompleteNode", "FailNode"):
        with pytest.raises(InvalidParams, match=r"\$\.usage"):
            core.do(method, **held.params, usage={"one more": 0})
    assert len(core.journal()) == before
    assert set(status(core, task_id)["usage"].values()) == {2}


@pytest.mark.parametrize("method", ["CommitEvent", "CompleteNode", "FailNode"])
def test_a_budget_that_is_reached(core: Core, method: str) -> None:
    """Nothing more is handed out; holders go on, and what they use is told."""
    task_id = with_budget(core, {"usd": 1, "tokens": 5})
    first, second = core.hold(task_id), core.hold(task_id)
    core.do("CommitEvent", **first.params, usage={"usd": 0.9, "tokens": 4})
    assert core.do("ListTasks", runnable=True)["tasks"]
    core.do(method, **first.params, usage={"usd": 0.1})
    assert core.do("AcquireNextNode", task_id=task_id) is None
    assert core.do("ListTasks", runnable=True)["tasks"] == []
    [listed] = core.do("ListTasks")["tasks"]
    assert (listed["state"], listed["runnable"]) == ("ACTIVE", False)
    core.do("HeartbeatNode", **second.params)
    core.do("CompleteNode", **second.params, usage={"usd": 5})
    assert status(core, task_id)["usage"] == {"tokens": 4, "usd": 6.0}


def test_a_larger_budget_lets_it_go_on(core: Core) -> None:
    """A budget is replaced as a whole; what was used stays; null takes it away."""
    task_id = with_budget(core, {"usd": 1})
    core.do("CompleteNode", **core.hold(task_id).params, usage={"usd": 1})
    assert core.do("SetBudget", task_id=task_id, budget={"usd": 2}) == {"ok": True}
    assert status(core, task_id) == {
        **status(core, task_id),
        "usage": {"usd": 1},
        "budget": {"usd": 2},
    }
    core.hold(task_id)
    core.do("SetBudget", task_id=task_id, budget={"usd": 1, "tokens": 9})
    assert core.do("AcquireNextNode", task_id=task_id) is None
    core.do("SetBudget", task_id=task_id, budget={"tokens": 9})
    core.do("SetBudget", task_id=task_id, budget={"usd": 0.5})
    assert core.do("AcquireNextNode", task_id=task_id) is None
    core.do("SetBudget", task_id=task_id, budget=None)
    assert status(core, task_id)["budget"] is None
    core.hold(task_id)
    told = core.do("TaskEvents", task_id=task_id, limit=2)["events"][0]
    assert (told["action_type"], told["payload"]) == ("SET_BUDGET", {"budget": None})


def test_a_budget_of_nothing(core: Core) -> None:
    """It is reached from the beginning; one without units never is."""
    assert core.do("AcquireNextNode", task_id=with_budget(core, {"usd": 0})) is None
    core.hold(core.do("RegisterTask", goal="g", initial_nodes=[{}], budget={})["task_id"])


def test_a_lease_that_runs_out_over_budget(core: Core) -> None:
    """It is rolled back, and not handed out again."""
    task_id = with_budget(core, {"usd": 1}, 1)
    core.do("CommitEvent", **core.hold(task_id).params, usage={"usd": 1})
    core.now += LEASE_MS
    assert core.do("AcquireNextNode", task_id=task_id) is None
    assert core.node(task_id, uid(1))["status"] == "PENDING"


def test_ten_times_a_tenth_is_one(core: Core) -> None:
    """Amounts are added as the decimal numbers that they were written as."""
    task_id = with_budget(core, {"usd": 1.0})
    held = core.hold(task_id)
    for _ in range(9):
        core.do("CommitEvent", **held.params, usage={"usd": 0.1})
        assert core.do("ListTasks", runnable=True)["tasks"]
    core.do("CommitEvent", **held.params, usage={"usd": 0.1})
    assert core.do("ListTasks", runnable=True)["tasks"] == []
