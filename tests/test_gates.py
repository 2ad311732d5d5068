"""Gates: opened when ready, decided, timed out, opened again; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.api.gates import NOT_OF_GATES
from agentd.errors import (
    GateNotOpen,
    IllegalTransition,
    InvalidParams,
    NodeNotFound,
    TaskIsCancelled,
    TaskNotFound,
)
from tests.core import NOW, STORES, Core, spec, uid

ASK = {"ask": "Ship it?"}
TIMED = {"ask": "Ship it?", "timeout_secs": 60}
SHIP = spec(2, 1, gate=ASK)


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def is_open(core: Core, **narrow: Any) -> list[str]:
    """The nodes that wait for a decision."""
    return [each["node_id"] for each in core.do("ListGates", **narrow)["gates"]]


def decide(core: Core, task_id: str, number: int, decision: str = "approve", **said: Any) -> str:
    """What the node is then."""
    params = {"task_id": task_id, "node_id": uid(number), "decision": decision, **said}
    status: str = core.do("DecideGate", **params)["status"]
    return status


def end(core: Core, task_id: str, method: str = "CompleteNode") -> None:
    """The next node of the task is acquired and ended."""
    core.do(method, **core.hold(task_id).params)


def opened(core: Core, *nodes: dict[str, Any]) -> str:
    """A task with a node 1, completed, and these gates and nodes behind it."""
    task_id = core.register(spec(1), *nodes)
    end(core, task_id)
    return task_id


def kinds(core: Core, task_id: str) -> list[str]:
    """The action types of the task's events."""
    return [e["action_type"] for e in core.do("TaskEvents", task_id=task_id, limit=999)["events"]]


def causes(core: Core, task_id: str, number: int) -> list[str]:
    """What holds the node, on which NodeStatus agrees."""
    node = {"task_id": task_id, "node_id": uid(number)}
    told = core.do("ExplainNode", **node)
    assert not told["runnable"]
    found = [each["kind"] for each in told["reasons"]]
    assert core.do("NodeStatus", **node)["node"]["blocked_by"] == found
    return found


# Opening


def test_a_gate_opens_when_it_is_ready(core: Core) -> None:
    """In the transaction that ended the last of what it waits for, and not before."""
    task_id = core.register(spec(1), SHIP, spec(3, 2))
    assert is_open(core) == []
    core.now += 5
    end(core, task_id)
    assert core.do("ListGates") == {
        "gates": [
            {
                "task_id": task_id,
                "node_id": uid(2),
                "name": None,
                "ask": "Ship it?",
                "since": (NOW + 5) / 1000,
                "timeout_at": None,
                "decision": None,
                "by": None,
                "note": None,
            }
        ],
        "next": None,
    }
    assert kinds(core, task_id)[-2:] == ["COMPLETE_NODE", "OPEN_GATE"]
    told = core.do("TaskEvents", task_id=task_id, limit=1)["events"][0]
    assert (told["node_id"], told["payload"]) == (uid(2), {"ask": "Ship it?", "timeout_at": None})


def test_a_gate_that_waits_for_nothing(core: Core) -> None:
    """It is open at once; a task of gates alone goes on until they are decided."""
    task_id = core.register(spec(1, gate=ASK), spec(2, gate=TIMED))
    assert is_open(core) == [uid(1), uid(2)]
    assert core.do("ListGates")["gates"][1]["timeout_at"] == (NOW + 60_000) / 1000
    assert core.do("TaskStatus", task_id=task_id)["state"] == "ACTIVE"
    decide(core, task_id, 1)
    decide(core, task_id, 2)
    assert core.do("TaskStatus", task_id=task_id)["state"] == "COMPLETED"


def test_a_gate_behind_a_failure_that_goes_on(core: Core) -> None:
    """What is satisfied opens it, and no other failure does."""
    task_id = core.register(spec(1, on_failure="continue"), SHIP, spec(3), spec(4, 3, gate=ASK))
    end(core, task_id, "FailNode")
    assert is_open(core) == [uid(2)]
    end(core, task_id, "FailNode")
    assert is_open(core) == [uid(2)]
    assert causes(core, task_id, 4) == ["dependency_failed"]
    assert core.do("TaskStatus", task_id=task_id)["state"] == "ACTIVE"  # the gate may let it go on


def test_a_gate_waits_for_its_moment(core: Core) -> None:
    """It opens when that is due, and its time counts from then."""
    task_id = core.register(spec(1, gate=TIMED, not_before=(NOW + 9_000) / 1000))
    assert (is_open(core), causes(core, task_id, 1)) == ([], ["not_before"])
    core.now += 9_000
    core.do("settle_due", task_id=task_id)
    [gate] = core.do("ListGates")["gates"]
    assert (gate["since"], gate["timeout_at"]) == ((NOW + 9_000) / 1000, (NOW + 69_000) / 1000)


def test_neither_pause_nor_budget_keeps_it_closed(core: Core) -> None:
    """Who decides is no worker; what is behind it waits for the pause to be over."""
    gate = spec(1, gate=ASK)
    made = core.do(
        "RegisterTask", goal="g", paused=True, budget={"usd": 0}, initial_nodes=[gate, spec(2, 1)]
    )
    assert is_open(core) == [uid(1)]
    assert causes(core, made["task_id"], 1) == ["gate"]
    assert decide(core, made["task_id"], 1) == "COMPLETED"
    assert causes(core, made["task_id"], 2) == ["paused", "budget_spent"]


def test_no_worker_gets_a_gate(core: Core) -> None:
    """Neither as the next node, nor by its id, nor among several, nor behind an ending."""
    task_id = core.register(spec(1), SHIP, spec(3))
    held, third = core.hold(task_id), core.hold(task_id)
    params = {"acquire_next": {"task_id": task_id, "node_id": uid(2)}}
    assert core.do("CompleteNode", **held.params, **params)["next"] is None
    assert is_open(core) == [uid(2)]
    assert core.do("AcquireNextNode", task_id=task_id, node_id=uid(2)) is None
    assert core.do("AcquireNextNode") is None
    assert core.do("AcquireNodes", count=4) == {"leases": []}
    assert core.do("ListTasks", runnable=True)["tasks"] == []
    with pytest.raises(IllegalTransition):
        core.do("CompleteNode", task_id=task_id, node_id=uid(2), lease_id=third.lease_id)


# Deciding


@pytest.mark.parametrize(("decision", "status"), [("approve", "COMPLETED"), ("reject", "FAILED")])
def test_a_decision_takes_the_legal_edges(core: Core, decision: str, status: str) -> None:
    """Journalled as decided, acquired by whoever decided, and ended with what was said."""
    task_id = opened(core, SHIP, spec(3, 2))
    said = {"by": "ann", "note": "fine"}
    params = {"task_id": task_id, "node_id": uid(2), "decision": decision, **said}
    answer = core.do("DecideGate", **params)
    events = core.do("TaskEvents", task_id=task_id, limit=3)["events"]
    ended = "COMPLETE_NODE" if status == "COMPLETED" else "FAIL_NODE"
    assert [each["action_type"] for each in events] == ["DECIDE_GATE", "ACQUIRE_NODE", ended]
    assert answer == {"event_id": events[0]["id"], "status": status}
    assert events[0]["payload"] == {"decision": decision, **said}
    assert events[1]["payload"]["lease_owner"] == "ann"
    shown = core.do("NodeStatus", task_id=task_id, node_id=uid(2))
    assert (shown["node"]["status"], shown["node"]["attempt"]) == (status, 1)
    assert shown["node"]["result_payload"] == {"decision": decision, **said}
    [attempt] = shown["attempts"]
    how = "completed" if status == "COMPLETED" else "failed"
    assert (attempt["owner"], attempt["how"]) == ("ann", how)
    assert is_open(core) == []
    [told] = core.do("ListGates", open=False)["gates"]
    assert told["node_id"] == uid(2)
    assert {name: told[name] for name in ("decision", *said)} == {"decision": decision, **said}


def test_what_is_behind_a_gate(core: Core) -> None:
    """It runs when that was approved, and finds what was said."""
    task_id = opened(core, SHIP, spec(3, 2))
    assert core.do("AcquireNextNode", task_id=task_id) is None
    decide(core, task_id, 2, note="on Monday")
    found = core.do("AcquireNextNode", task_id=task_id)["context"]["completed_dependencies"]
    said = {"decision": "approve", "by": None, "note": "on Monday"}
    assert found == [{"node_id": uid(2), "result_payload": said}]


def test_a_no_blocks_or_is_told(core: Core) -> None:
    """What is behind a gate that was rejected does not run, unless the gate says so."""
    goes_on = spec(4, 1, gate=ASK, on_failure="continue")
    task_id = opened(core, SHIP, spec(3, 2), goes_on, spec(5, 4))
    assert [decide(core, task_id, number, "reject") for number in (2, 4)] == ["FAILED", "FAILED"]
    [found] = core.do("AcquireNextNode", task_id=task_id)["context"]["completed_dependencies"]
    assert (found["node_id"], found["status"]) == (uid(4), "FAILED")
    assert causes(core, task_id, 3) == ["dependency_failed"]


def test_a_gate_behind_a_gate(core: Core) -> None:
    """A decision opens the next one, and is answered as a decision."""
    task_id = core.register(spec(1, gate=ASK), spec(2, 1, gate=ASK), spec(3, 2))
    assert is_open(core) == [uid(1)]
    assert decide(core, task_id, 1) == "COMPLETED"
    assert is_open(core) == [uid(2)]
    assert kinds(core, task_id)[-1] == "OPEN_GATE"


def test_two_who_decide_at_once(core: Core) -> None:
    """The first counts, and the other is told what was decided, and by whom."""
    task_id = opened(core, SHIP)
    gate = {"task_id": task_id, "node_id": uid(2)}
    answers = core.batch(
        ("DecideGate", {**gate, "decision": "reject", "by": "ann"}),
        ("DecideGate", {**gate, "decision": "approve", "by": "bob"}),
    )
    assert answers[0]["status"] == "FAILED"
    assert isinstance(answers[1], GateNotOpen)
    assert "rejected by 'ann'" in answers[1].message


def test_a_repeat_is_answered_alike(core: Core) -> None:
    """Under its request_id, whatever the gate is by then."""
    task_id = opened(core, SHIP, spec(3, 2, gate=ASK))
    params = {"task_id": task_id, "node_id": uid(2), "decision": "reject", "request_id": uid(900)}
    first = core.do("DecideGate", **params)
    core.do("RetryNode", task_id=task_id, node_id=uid(2))
    assert core.do("DecideGate", **params) == first
    assert is_open(core) == [uid(2)]


def test_what_cannot_be_decided(core: Core) -> None:
    """A node that is no gate, is not there, waits, or was decided; each is told why."""
    task_id = core.register(spec(1), SHIP, spec(3, gate=ASK, not_before=(NOW + 9_000) / 1000))
    with pytest.raises(TaskNotFound):
        decide(core, uid(99), 1)
    with pytest.raises(NodeNotFound):
        decide(core, task_id, 99)
    for number, why in ((1, "no gate"), (2, "waits for other nodes"), (3, "not open before 2026")):
        with pytest.raises(GateNotOpen, match=why):
            decide(core, task_id, number)
    end(core, task_id)
    decide(core, task_id, 2)
    with pytest.raises(GateNotOpen, match="it was approved at 2026"):
        decide(core, task_id, 2)
    before = len(core.journal())
    core.do("CancelTask", task_id=task_id, reason="no need")
    with pytest.raises(TaskIsCancelled, match="no need"):
        decide(core, task_id, 3)
    assert len(core.journal()) == before + 1


# When its time is over


@pytest.mark.parametrize(
    ("on_timeout", "status"), [({}, "FAILED"), ({"on_timeout": "approve"}, "COMPLETED")]
)
def test_a_time_that_is_over(core: Core, on_timeout: dict[str, str], status: str) -> None:
    """The daemon decides, no earlier than it should; where nothing is said, it is a no."""
    task_id = opened(core, spec(2, 1, gate={**TIMED, **on_timeout}), spec(3, 1, gate=ASK))
    core.now += 59_999
    core.do("time_out_gates", task_id=task_id)
    assert is_open(core) == [uid(2), uid(3)]
    core.now += 1
    core.do("time_out_gates", task_id=task_id)
    assert is_open(core) == [uid(3)]
    node = core.node(task_id, uid(2))
    assert (node["status"], node["result_payload"]["by"]) == (status, "timeout")


def test_another_time(core: Core) -> None:
    """Of an open gate it counts from the change; of one that is not open, from its opening."""
    task_id = opened(core, spec(2, 1, gate=TIMED), spec(3, 2, gate=TIMED))
    core.now += 50_000
    for number in (2, 3):
        core.do("UpdateNode", task_id=task_id, node_id=uid(number), timeout_secs=100)
    [gate] = core.do("ListGates")["gates"]
    assert gate["timeout_at"] == (NOW + 150_000) / 1000
    core.do("UpdateNode", task_id=task_id, node_id=uid(2), priority=5)  # which says nothing of it
    assert core.do("ListGates")["gates"] == [gate]
    core.now += 10_000
    core.do("time_out_gates", task_id=task_id)
    decide(core, task_id, 2)
    [gate] = core.do("ListGates")["gates"]
    assert gate["timeout_at"] == (NOW + 160_000) / 1000
    assert core.node(task_id, uid(3))["gate"] == {
        "ask": "Ship it?",
        "on_timeout": "reject",
        "timeout_secs": 100.0,
    }


# Open no more, and open again


def test_a_gate_whose_dependency_is_tried_again(core: Core) -> None:
    """It is open no more, its time does not run, and it opens anew, later than the others."""
    task_id = core.register(
        spec(1, on_failure="continue"), spec(2, 1, gate=TIMED), spec(3, gate=ASK)
    )
    end(core, task_id, "FailNode")
    assert is_open(core) == [uid(3), uid(2)]
    core.do("RetryNode", task_id=task_id, node_id=uid(1))
    assert (is_open(core), causes(core, task_id, 2)) == ([uid(3)], ["dependency"])
    with pytest.raises(GateNotOpen, match="waits for other nodes"):
        decide(core, task_id, 2)
    core.now += 90_000
    core.do("time_out_gates", task_id=task_id)
    end(core, task_id)
    gate = core.do("ListGates")["gates"][1]
    assert (gate["since"], gate["timeout_at"]) == ((NOW + 90_000) / 1000, (NOW + 150_000) / 1000)
    assert kinds(core, task_id).count("OPEN_GATE") == 3


def test_a_moment_ahead_closes_it(core: Core) -> None:
    """Until that has come; one that has come opens it at once."""
    task_id = opened(core, SHIP)
    at = {"task_id": task_id, "node_id": uid(2)}
    core.do("UpdateNode", **at, not_before=(NOW + 9_000) / 1000)
    assert (is_open(core), causes(core, task_id, 2)) == ([], ["not_before"])
    core.do("UpdateNode", **at, not_before=0)
    assert is_open(core) == [uid(2)]


def test_a_rejected_gate_is_opened_again(core: Core) -> None:
    """By RetryNode; its attempts go on, and the decision of then is in no list."""
    task_id = opened(core, SHIP, spec(3, 2))
    decide(core, task_id, 2, "reject")
    core.do("RetryNode", task_id=task_id, failed=True)
    assert (is_open(core), is_open(core, open=False)) == ([uid(2)], [])
    assert decide(core, task_id, 2) == "COMPLETED"
    assert core.node(task_id, uid(2))["attempt"] == 2


def test_a_cancelled_task_asks_nobody(core: Core) -> None:
    """Its gates are not open, never time out, and do not open any more; those of others stay."""
    later = spec(3, gate=ASK, not_before=(NOW + 9_000) / 1000)
    task_id = opened(core, spec(2, 1, gate=TIMED), later)
    core.register(spec(9, gate=ASK))
    core.do("CancelTask", task_id=task_id)
    assert is_open(core) == [uid(9)]
    assert (is_open(core, task_id=task_id), causes(core, task_id, 2)) == ([], ["cancelled"])
    core.now += 90_000
    core.do("settle_due", task_id=task_id)
    core.do("time_out_gates", task_id=task_id)
    assert is_open(core) == [uid(9)]
    assert core.node(task_id, uid(2))["status"] == "PENDING"


# What is said of it


def test_why_it_is_not_decided(core: Core) -> None:
    """What is asked, when it is decided by itself, and the command that decides it."""
    task_id = opened(core, spec(2, 1, gate=TIMED), spec(3, 1, gate={"ask": "And this?"}))
    told = core.do("ExplainNode", task_id=task_id, node_id=uid(2))
    [cause] = told["reasons"]
    assert (cause["kind"], cause["ask"]) == ("gate", "Ship it?")
    assert cause["until"] == (NOW + 60_000) / 1000
    assert f"agentd gate approve {task_id} {uid(2)}" in told["next"]
    told = core.do("ExplainTask", task_id=task_id)
    [group] = told["reasons"]
    assert (group["kind"], group["count"], group["nodes"]) == ("gate", 2, [uid(2), uid(3)])


def test_a_view_shows_it_as_registered(core: Core) -> None:
    """A gate bears what is asked, and what is decided by itself; other nodes nothing of it."""
    task_id = core.register(spec(1), SHIP, spec(3, gate={**TIMED, "on_timeout": "approve"}))
    first, second, third = core.do("TaskStatus", task_id=task_id)["nodes"]
    assert "gate" not in first
    assert second["gate"] == {"ask": "Ship it?", "on_timeout": "reject"}
    assert third["gate"] == {"ask": "Ship it?", "on_timeout": "approve", "timeout_secs": 60.0}


def test_pages_of_gates(core: Core) -> None:
    """Oldest first; a page goes on behind a gate that was decided meanwhile."""
    task_id = core.register(*(spec(number, gate=ASK) for number in range(1, 6)))
    other = core.register(spec(9, gate=ASK))
    page = core.do("ListGates", limit=2)
    assert [each["node_id"] for each in page["gates"]] == [uid(1), uid(2)]
    decide(core, task_id, 2)
    decide(core, task_id, 3, "reject")
    page = core.do("ListGates", limit=2, after=page["next"])
    assert [each["node_id"] for each in page["gates"]] == [uid(4), uid(5)]
    page = core.do("ListGates", limit=2, after=page["next"])
    assert ([each["node_id"] for each in page["gates"]], page["next"]) == ([uid(9)], None)
    assert is_open(core, task_id=other) == [uid(9)]
    assert is_open(core, open=False, limit=1) == [uid(2)]
    assert is_open(core, open=False, after=uid(2)) == [uid(3)]
    with pytest.raises(InvalidParams, match="after"):
        core.do("ListGates", after=uid(77))
    with pytest.raises(TaskNotFound):
        core.do("ListGates", task_id=uid(77))


# What a gate may say


@pytest.mark.parametrize("field", sorted({*NOT_OF_GATES} - {"locks"}))
def test_a_gate_is_not_worked_on(core: Core, field: str) -> None:
    """What is said of work beside it is refused, by its name."""
    values: dict[str, Any] = {"retry": {}, "requires": ["a"], "limits": ["a"]}
    with pytest.raises(InvalidParams, match=rf"initial_nodes\[0\]\.{field}`"):
        core.register(spec(1, gate=ASK, **{field: values.get(field, 5)}))


def test_a_gate_that_is_not_understood(core: Core) -> None:
    """An unknown field, no question, a time below 0: each is named."""
    for gate, named in (
        ({"ask": "a", "timeout": 3}, "timeout"),
        ({}, "ask"),
        ({"ask": "a", "timeout_secs": -1}, "timeout_secs"),
        ({"ask": "a", "on_timeout": "maybe"}, "on_timeout"),
    ):
        with pytest.raises(InvalidParams, match=named):
            core.register(spec(1, gate=gate))


def test_defaults_pass_a_gate_by(core: Core) -> None:
    """It has the priority of its task, and nothing of `node_defaults`."""
    defaults = {
        "retry": {"max_attempts": 3},
        "lease_secs": 9,
        "timeout_secs": 9,
        "not_before": (NOW + 9_000) / 1000,
        "requires": ["gpu"],
        "limits": ["api"],
        "on_failure": "continue",
    }
    nodes = [spec(1, gate=ASK), spec(2, 1)]
    made = core.do(
        "RegisterTask", goal="g", initial_nodes=nodes, node_defaults=defaults, priority=3
    )
    shown = core.node(made["task_id"], uid(1))
    assert shown["priority"] == 3
    assert not shown.keys() & {*defaults} - {"not_before"}
    assert is_open(core) == [uid(1)]
    with pytest.raises(InvalidParams, match="gate"):
        core.do("RegisterTask", goal="g", node_defaults={"gate": ASK})


def test_what_may_be_changed(core: Core) -> None:
    """Priority, moment and time; without a node gates are passed by."""
    task_id = core.register(spec(1), spec(2, gate=ASK))
    assert core.do("UpdateNode", task_id=task_id, priority=5) == {"node_ids": [uid(1)]}
    node = {"task_id": task_id, "node_id": uid(2)}
    assert core.do("UpdateNode", **node, priority=5) == {"node_ids": [uid(2)]}
    for name, value in (("retry", {}), ("lease_secs", 5), ("requires", ["a"]), ("limits", [])):
        with pytest.raises(InvalidParams, match=name):
            core.do("UpdateNode", **node, **{name: value})
    assert core.node(task_id, uid(2))["priority"] == 5
