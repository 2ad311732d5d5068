"""Cancelling, pausing and resuming tasks, and their time-outs; each engine runs the suite."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.errors import TaskHasEnded, TaskIsCancelled, TaskNotFound
from tests.core import LEASE_MS, NOW, STORES, Core, Held, kind_of, spec, uid


@pytest.fixture(params=STORES)
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    store = STORES[request.param](tmp_path)
    yield Core(store)
    store.close()


def register(core: Core, *nodes: dict[str, Any], **more: Any) -> str:
    """The id of a new task."""
    made = core.do("RegisterTask", goal="g", initial_nodes=nodes, **more)
    return str(made["task_id"])


def state(core: Core, task_id: str) -> str:
    """The task's state, as TaskStatus and ListTasks agree on."""
    shown = core.do("TaskStatus", task_id=task_id)["state"]
    [listed] = core.do("ListTasks", prefix=task_id)["tasks"]
    assert listed["state"] == shown
    return str(shown)


def kinds(core: Core, task_id: str) -> list[str]:
    """The action types of the task's events."""
    return [e["action_type"] for e in core.do("TaskEvents", task_id=task_id, limit=1000)["events"]]


def time_out(core: Core, task_id: str) -> None:
    """What the daemon does when a task's time is over."""
    core.do("time_out_task", task_id=task_id)


# Cancelling


def test_a_cancelled_task_hands_out_nothing(core: Core) -> None:
    """It is CANCELLED, and AcquireNextNode answers null."""
    task_id = register(core, spec(1), spec(2, 1))
    assert core.do("CancelTask", task_id=task_id) == {"ok": True, "cancelled": [task_id]}
    assert state(core, task_id) == "CANCELLED"
    assert core.do("AcquireNextNode", task_id=task_id) is None
    assert core.do("ListTasks", runnable=True)["tasks"] == []


def test_cancelling_revokes_the_leases(core: Core) -> None:
    """What was held is PENDING again and nobody's; the journal says whose it was."""
    task_id = register(core, spec(1), spec(2), spec(3))
    core.hold(task_id)
    core.hold(task_id, "worker-2")
    core.do("CancelTask", task_id=task_id, reason="no need", by="ö")
    nodes = core.do("TaskStatus", task_id=task_id)["nodes"]
    assert [(n["status"], n["lease_id"], n["lease_owner"]) for n in nodes] == [
        ("PENDING", None, None)
    ] * 3
    events = core.do("TaskEvents", task_id=task_id)["events"][-3:]
    assert [e["action_type"] for e in events] == ["REVOKE_LEASE", "REVOKE_LEASE", "CANCEL_TASK"]
    assert events[1]["payload"]["lease_owner"] == "worker-2"
    assert events[2]["payload"] == {"reason": "no need", "by": "ö"}
    assert events[2]["node_id"] is None
    assert core.do("Metrics")["database"]["running_leases"] == 0


def test_a_large_task_is_cancelled_by_one_event(core: Core) -> None:
    """And one for each lease, however many nodes there are."""
    task_id = register(core, *(spec(n) for n in range(1, 300)))
    core.hold(task_id)
    before = len(core.journal())
    core.do("CancelTask", task_id=task_id)
    assert len(core.journal()) == before + 2


@pytest.mark.parametrize("method", ["HeartbeatNode", "CompleteNode", "FailNode", "CommitEvent"])
def test_a_holder_learns_of_it(core: Core, method: str) -> None:
    """Whatever it sends with its lease is refused with the task and the reason."""
    held = core.hold(register(core, spec(1)))
    core.do("CancelTask", task_id=held.task_id, reason="the user left", by="ui")
    with pytest.raises(TaskIsCancelled) as refused:
        core.do(method, **held.params)
    assert refused.value.data["kind"] == "task_cancelled"
    for word in (held.task_id, "the user left", "ui"):
        assert word in refused.value.message


@pytest.mark.parametrize("method", ["CompleteNode", "FailNode"])
def test_an_end_that_counted_is_repeated(core: Core, method: str) -> None:
    """With its lease it is answered as the first time, in a cancelled task too."""
    task_id = register(core, spec(1), spec(2))
    held = core.hold(task_id)
    answer = core.do(method, **held.params)
    core.do("CancelTask", task_id=task_id)
    assert core.do(method, **held.params) == answer


def test_a_note_without_a_lease_still_counts(core: Core) -> None:
    """Nobody holds the node, so anybody may note something about it."""
    held = core.hold(register(core, spec(1)))
    core.do("CancelTask", task_id=held.task_id)
    assert core.do("CommitEvent", task_id=held.task_id, node_id=held.node_id, payload=1)
    assert kinds(core, held.task_id)[-1] == "COMMIT_EVENT"


def test_a_task_is_cancelled_once(core: Core) -> None:
    """The second time it is ok, and nothing is cancelled or recorded."""
    task_id = register(core, spec(1))
    core.do("CancelTask", task_id=task_id)
    before = len(core.journal())
    again = core.do("CancelTask", task_id=task_id, request_id=uid(500))
    assert again == {"ok": True, "cancelled": []}
    assert core.do("CancelTask", task_id=task_id, request_id=uid(500)) == again
    assert len(core.journal()) == before


def test_a_repeat_of_the_first_is_answered_as_it_was(core: Core) -> None:
    """With its request_id it names what it cancelled."""
    task_id = register(core, spec(1))
    first = core.do("CancelTask", task_id=task_id, request_id=uid(500))
    assert core.do("CancelTask", task_id=task_id, request_id=uid(500)) == first


@pytest.mark.parametrize("end", ["CompleteNode", "FailNode"])
@pytest.mark.parametrize("method", ["CancelTask", "PauseTask", "ResumeTask"])
def test_a_task_that_has_ended(core: Core, end: str, method: str) -> None:
    """There is nothing to cancel, pause or resume, and the refusal says why."""
    held = core.hold(register(core, spec(1)))
    core.do(end, **held.params)
    with pytest.raises(TaskHasEnded) as refused:
        core.do(method, task_id=held.task_id)
    assert refused.value.data["kind"] == "task_ended"
    assert held.task_id in refused.value.message


@pytest.mark.parametrize("method", ["CancelTask", "PauseTask", "ResumeTask", "SetBudget"])
def test_a_task_that_is_not_there(core: Core, method: str) -> None:
    """It is refused with its id."""
    more = {"budget": None} if method == "SetBudget" else {}
    with pytest.raises(TaskNotFound):
        core.do(method, task_id=uid(9), **more)


@pytest.mark.parametrize("method", ["PauseTask", "ResumeTask", "SetBudget"])
def test_a_cancelled_task_is_left_alone(core: Core, method: str) -> None:
    """It is neither paused nor resumed, and gets no budget."""
    task_id = register(core, spec(1))
    core.do("CancelTask", task_id=task_id)
    more = {"budget": None} if method == "SetBudget" else {}
    with pytest.raises(TaskIsCancelled):
        core.do(method, task_id=task_id, **more)


# Descendants


def test_descendants_are_cancelled_too(core: Core) -> None:
    """All that have not ended, found through those that have, in one transaction."""
    root = register(core, spec(1))
    ended = register(core, spec(2), parent_task_id=root)
    core.do("CompleteNode", **core.hold(ended).params)
    child = register(core, spec(3), parent_task_id=root)
    held = core.hold(child)
    grandchild = register(core, spec(4), parent_task_id=ended)
    other = register(core, spec(5))
    before = len(core.journal())
    answer = core.do("CancelTask", task_id=root, reason="why", by="me")
    assert answer["cancelled"][0] == root
    assert set(answer["cancelled"][1:]) == {child, grandchild}
    assert len(core.journal()) == before + 4
    assert [state(core, each) for each in (root, ended, child, grandchild, other)] == [
        "CANCELLED",
        "COMPLETED",
        "CANCELLED",
        "CANCELLED",
        "ACTIVE",
    ]
    with pytest.raises(TaskIsCancelled, match=root):
        core.do("HeartbeatNode", **held.params)
    told = core.do("TaskEvents", task_id=root, limit=1)["events"][0]["payload"]
    assert set(told["descendants"]) == {child, grandchild}
    [told] = core.do("TaskEvents", task_id=grandchild, limit=1)["events"]
    assert told["payload"] == {"reason": "why", "by": "me", "ancestor": root}


def test_a_child_is_cancelled_without_its_parent(core: Core) -> None:
    """Only what is below is cancelled with a task."""
    root = register(core, spec(1))
    child = register(core, spec(2), parent_task_id=root)
    assert core.do("CancelTask", task_id=child)["cancelled"] == [child]
    assert (state(core, root), state(core, child)) == ("ACTIVE", "CANCELLED")
    assert core.do("CancelTask", task_id=root)["cancelled"] == [root]


def test_many_children(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are found page by page."""
    monkeypatch.setattr("agentd.methods.control._CHILDREN_AT_ONCE", 2)
    root = register(core)
    children = [register(core, parent_task_id=root) for _ in range(5)]
    assert set(core.do("CancelTask", task_id=root)["cancelled"]) == {root, *children}


def test_a_parent_that_is_not_there(core: Core) -> None:
    """Unknown it is not found, cancelled it has no more children; nothing is registered."""
    with pytest.raises(TaskNotFound, match=uid(9)):
        register(core, spec(1), parent_task_id=uid(9))
    root = register(core)
    core.do("CancelTask", task_id=root, reason="over")
    with pytest.raises(TaskIsCancelled, match="over"):
        register(core, spec(1), parent_task_id=root)
    assert core.do("Metrics")["database"]["total_tasks"] == 1


def test_a_batch_sees_a_cancellation(core: Core) -> None:
    """Requests behind it in the same commit are refused, those before it counted."""
    first, second = core.hold(register(core, spec(1), spec(2))), None
    second = core.hold(first.task_id)
    done, cancelled, refused = core.batch(
        ("CompleteNode", first.params),
        ("CancelTask", {"task_id": first.task_id}),
        ("CompleteNode", second.params),
    )
    assert set(done) == {"event_id"}
    assert cancelled["cancelled"] == [first.task_id]
    assert kind_of(refused) == "task_cancelled"


# Pausing


def test_a_paused_task_hands_out_nothing(core: Core) -> None:
    """Holders go on; when it is resumed, so do all."""
    task_id = register(core, spec(1), spec(2))
    held = core.hold(task_id)
    assert core.do("PauseTask", task_id=task_id, reason="lunch", by="me") == {"ok": True}
    assert state(core, task_id) == "PAUSED"
    assert core.do("AcquireNextNode", task_id=task_id) is None
    assert core.do("ListTasks", runnable=True)["tasks"] == []
    assert core.do("HeartbeatNode", **held.params)["ok"]
    core.do("CompleteNode", **held.params)
    assert core.do("ResumeTask", task_id=task_id, by="me") == {"ok": True}
    assert state(core, task_id) == "ACTIVE"
    assert core.hold(task_id).node_id == uid(2)
    events = core.do("TaskEvents", task_id=task_id)["events"]
    told = {e["action_type"]: e["payload"] for e in events}
    assert told["PAUSE_TASK"] == {"reason": "lunch", "by": "me"}
    assert told["RESUME_TASK"] == {"reason": None, "by": "me"}


def test_a_lease_that_runs_out_while_paused(core: Core) -> None:
    """It is rolled back, and not handed out again until the task is resumed."""
    task_id = register(core, spec(1))
    core.hold(task_id)
    core.do("PauseTask", task_id=task_id)
    core.now += LEASE_MS
    assert core.do("AcquireNextNode", task_id=task_id) is None
    assert core.node(task_id, uid(1))["status"] == "PENDING"
    core.do("ResumeTask", task_id=task_id)
    core.hold(task_id)


@pytest.mark.parametrize(("method", "first"), [("PauseTask", True), ("ResumeTask", False)])
def test_what_is_so_already_is_ok(core: Core, method: str, first: bool) -> None:  # noqa: FBT001
    """Nothing is recorded; and a repeat with its request_id does nothing later either."""
    task_id = register(core, spec(1), paused=first)
    before = len(core.journal())
    assert core.do(method, task_id=task_id, request_id=uid(500)) == {"ok": True}
    assert len(core.journal()) == before
    core.do("ResumeTask" if first else "PauseTask", task_id=task_id)
    assert core.do(method, task_id=task_id, request_id=uid(500)) == {"ok": True}
    assert state(core, task_id) == ("ACTIVE" if first else "PAUSED")


def test_a_task_is_registered_paused(core: Core) -> None:
    """Nothing of it is handed out before it is resumed."""
    task_id = register(core, spec(1), paused=True)
    assert (state(core, task_id), core.do("AcquireNextNode", task_id=task_id)) == ("PAUSED", None)
    core.do("ResumeTask", task_id=task_id)
    core.hold(task_id)


def test_a_paused_task_is_cancelled(core: Core) -> None:
    """Cancelled is what it is then."""
    task_id = register(core, spec(1), paused=True)
    core.do("CancelTask", task_id=task_id)
    assert state(core, task_id) == "CANCELLED"


# Time-outs


def test_a_task_times_out(core: Core) -> None:
    """When its time is over, and not before, it is cancelled by the daemon, its children too."""
    task_id = register(core, spec(1), timeout_secs=1.5)
    child = register(core, spec(2), parent_task_id=task_id)
    held = core.hold(task_id)
    core.now += 1_499
    time_out(core, task_id)
    assert state(core, task_id) == "ACTIVE"
    core.now += 1
    time_out(core, task_id)
    assert (state(core, task_id), state(core, child)) == ("CANCELLED", "CANCELLED")
    with pytest.raises(TaskIsCancelled, match="by timeout"):
        core.do("CompleteNode", **held.params)
    [told] = core.do("TaskEvents", task_id=task_id, limit=1)["events"]
    assert told["payload"] == {"reason": None, "by": "timeout", "descendants": [child]}


def test_a_task_that_has_ended_does_not_time_out(core: Core) -> None:
    """Nothing happens to it, nor to one that has no time-out."""
    ended = register(core, spec(1), timeout_secs=0)
    core.do("CompleteNode", **core.hold(ended).params)
    patient = register(core, spec(2))
    before = len(core.journal())
    for task_id in (ended, patient):
        time_out(core, task_id)
    assert (state(core, ended), state(core, patient)) == ("COMPLETED", "ACTIVE")
    assert len(core.journal()) == before


def test_overdue_tasks_are_found(core: Core) -> None:
    """By the moment of their time-out, those left out that cannot go on."""
    first = register(core, spec(1), timeout_secs=2)
    second = register(core, spec(2), timeout_secs=1)
    register(core, spec(3))
    gone = register(core, spec(4), timeout_secs=1)
    core.do("CancelTask", task_id=gone)
    with core.store.read() as reader:
        assert [row.task_id for row in reader.overdue_tasks(0, NOW + 2_000)] == [second, first]
        assert reader.overdue_tasks(NOW + 1_000, NOW + 1_999) == []
        assert reader.next_timeout(NOW) == NOW + 1_000
        assert reader.next_timeout(NOW + 2_000) is None


# The same task twice


def test_a_task_that_goes_on_is_the_answer(core: Core) -> None:
    """A registration with its key gets its ids, whatever else it asks for."""
    first = core.do("RegisterTask", goal="g", initial_nodes=[spec(1)], dedupe_key="k")
    assert "existing" not in first
    again = core.do(
        "RegisterTask",
        goal="other",
        initial_nodes=[spec(1), spec(2, 9)],
        dedupe_key="k",
        parent_task_id=uid(9),
        request_id=uid(500),
    )
    assert again == {**first, "existing": True}
    assert core.do("Metrics")["database"]["total_tasks"] == 1
    repeated = {"goal": "other", "initial_nodes": [spec(1), spec(2, 9)], "dedupe_key": "k"}
    core.do("CancelTask", task_id=first["task_id"])
    assert core.do("RegisterTask", **repeated, parent_task_id=uid(9), request_id=uid(500)) == again


@pytest.mark.parametrize("end", ["CompleteNode", "FailNode", "CancelTask"])
def test_a_task_that_has_ended_is_not(core: Core, end: str) -> None:
    """A new one is registered with its key, and is the answer from then on."""
    first = register(core, spec(1), spec(2, 1), dedupe_key="k")
    if end == "CancelTask":
        core.do(end, task_id=first)
    else:
        core.do(end, **core.hold(first).params)
    if end == "CompleteNode":
        assert register(core, dedupe_key="k") == first
        core.do(end, **core.hold(first).params)
    second = register(core, spec(3), dedupe_key="k")
    assert second != first
    assert register(core, dedupe_key="k") == second
    assert register(core, dedupe_key="K") not in (first, second)


def test_a_task_without_nodes_goes_on(core: Core) -> None:
    """Nothing of it is done yet."""
    first = register(core, dedupe_key="k")
    assert register(core, spec(1), dedupe_key="k") == first


def test_a_registration_that_is_repeated_has_no_existing(core: Core) -> None:
    """With its request_id it is answered as the first time, its own task going on."""
    asked = {"goal": "g", "dedupe_key": "k", "request_id": uid(500)}
    first = core.do("RegisterTask", **asked)
    assert core.do("RegisterTask", **asked) == first
    assert "existing" not in first


# What is shown of it


def test_a_task_shows_its_parent_and_labels(core: Core) -> None:
    """Where they were given, wherever the task is shown."""
    root = register(core)
    child = register(core, spec(1), parent_task_id=root.upper(), labels={"team": "ö"})
    shown = {"parent_task_id": root, "labels": {"team": "ö"}}
    views = (
        core.do("TaskStatus", task_id=child)["task"],
        core.do("ListTasks", prefix=child)["tasks"][0],
        core.do("AcquireNextNode", task_id=child)["context"]["task"],
    )
    for view in views:
        assert {name: view[name] for name in shown} == shown
    assert not shown.keys() & core.do("TaskStatus", task_id=root)["task"].keys()


def test_a_plain_registration_is_recorded_as_ever(core: Core) -> None:
    """Byte for byte: what is new is left out where it was not asked for."""
    held = Held(*core.hold(register(core, spec(1))))
    core.do("CommitEvent", **held.params, action_type="NOTE")
    core.do("CompleteNode", **held.params)
    first, _added, acquired, noted, completed = (recorded.data for recorded in core.journal())
    assert first == b'{"goal":"g","node_count":1}'
    assert b"usage" not in acquired
    assert noted == b'{"action_type":"NOTE"}'
    told = b'{"lease_id":"%b","status":"COMPLETED","lease_owner":"worker-1"}'
    assert completed == told % held.lease_id.encode()
