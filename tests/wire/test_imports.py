"""Imports through a daemon: large ones, cut-off ones, and others on the same connection.

The rule this file keeps: what an import makes is tested in-process; here it is how it meets kills,
lines and connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.daemon_process import DaemonProcess, encoded
from tests.wire.steps import acquire, complete, flat, held, new_id, refusal, register

if TYPE_CHECKING:
    from tests.daemon_process import Connection, Object

DONE = {"status": "COMPLETED", "result_payload": {"n": 1}, "ended_at": "2001-02-03T04:05:06Z"}


def plan(size: int, **more: object) -> Object:
    """A chain of so many nodes of which the first half is done, and a note about each of these."""
    nodes = [
        {
            "name": f"n{at}",
            "dependencies": [f"n{at - 1}"] if at else [],
            **(DONE if at < size // 2 else {}),
        }
        for at in range(size)
    ]
    notes = [{"node_id": f"n{at}", "payload": at, "id": new_id()} for at in range(size // 2)]
    return {"goal": "g", "source": new_id(), "nodes": nodes, "events": notes, **more}


def test_a_large_plan_drains(shared: DaemonProcess) -> None:
    """In two pieces, and what is done is not handed out; nothing is, before the last piece."""
    with shared.connect() as connection:
        first = plan(2_000, paused=True)
        task = connection.call("ImportTask", **first)["task_id"]
        more = [{"name": f"m{at}", "dependencies": ["n1999"], **DONE} for at in range(2_000)]
        assert connection.call("AcquireNextNode", task_id=task) is None
        warned = connection.call("AddNodes", task_id=task, nodes=more, events=[{"node_id": "m7"}])
        assert len(warned["warnings"]) == 11
        connection.call("ResumeTask", task_id=task)
        lease = connection.call("AcquireNextNode", task_id=task)
        assert lease["name"] == "n1000"
        assert lease["context"]["event_journal"][-1]["node_id"] == warned["node_ids"][7]
        counts = connection.call("TaskStatus", task_id=task, fields=["counts"])["counts"]
        assert counts == {"PENDING": 999, "RUNNING": 1, "COMPLETED": 3_000}
        complete(connection, lease)
        again = connection.call("ImportTask", **first)
        assert (again["task_id"], again["existing"], len(again["node_ids"])) == (task, True, 2_000)


def test_requests_of_one_connection_keep_their_order(connection: Connection) -> None:
    """What is asked behind an import is answered behind it, and sees it."""
    task = register(connection, flat(2))
    held_node = held(acquire(connection, task))
    small, large = plan(2), plan(1_500)
    asked = [
        ("CommitEvent", {**held_node, "payload": 1}),
        ("ImportTask", small),
        ("ImportTask", {"goal": "g", "source": small["source"], "nodes": []}),
        ("ImportTask", large),
        ("ImportTask", {"goal": "g", "source": large["source"], "nodes": []}),
        ("CompleteNode", {**held_node, "result_payload": 7}),
        ("ListTasks", {"limit": 2}),
    ]
    lines = [
        {"id": at, "method": name, "params": params} for at, (name, params) in enumerate(asked)
    ]
    connection.send_raw(b"".join(encoded(each) + b"\n" for each in lines))
    answers = [connection.read_response() for _ in lines]
    assert [answer["id"] for answer in answers] == [*range(len(asked))]
    first, again, second, once_more = (answer["result"] for answer in answers[1:5])
    assert again == {**first, "existing": True}
    assert once_more == {**second, "existing": True}
    listed = [task["id"] for task in answers[-1]["result"]["tasks"]]
    assert listed == [second["task_id"], first["task_id"]]


def test_a_kill_in_the_middle(daemon: DaemonProcess) -> None:
    """Wherever it comes, all of an import is there or nothing, and its repeat completes it."""
    request = plan(1_000)
    for goal in ("unheard", "answered"):
        asked = {**request, "goal": goal, "source": goal, "events": plan(1_000)["events"]}
        with daemon.connect() as lost:
            lost.send_raw(encoded({"id": 1, "method": "ImportTask", "params": asked}) + b"\n")
            if goal == "answered":
                lost.read_response()
            daemon.kill()
        daemon.start()
        with daemon.connect() as connection:
            found = connection.call("ListTasks", goal_contains=goal)["tasks"]
            made = connection.call("ImportTask", **asked)
            assert made.get("existing", False) == bool(found)
            status = connection.call("TaskStatus", task_id=made["task_id"])
            assert status["counts"] == {"PENDING": 500, "COMPLETED": 500}
            events = connection.call("TaskEvents", task_id=made["task_id"], after=0, limit=1)
            assert events["events"][0]["action_type"] == "IMPORT_TASK"
            assert connection.call("ImportTask", **asked)["existing"]


def test_an_answer_survives_the_daemon(daemon: DaemonProcess) -> None:
    """Under its request_id the first answer comes again with its warnings; results are there."""
    nodes: list[Object] = [{"name": "a"}, {"name": "b", "dependencies": ["a"], **DONE}]
    asked = {"goal": "g", "source": "s", "nodes": nodes, "request_id": new_id()}
    with daemon.connect() as connection:
        made = connection.call("ImportTask", **asked)
        assert len(made["warnings"]) == 1
    daemon.kill()
    daemon.start()
    with daemon.connect() as connection:
        assert connection.call("ImportTask", **asked) == made
        shown = connection.call("NodeStatus", task_id=made["task_id"], node_id="b")
        assert shown["node"]["result_payload"] == {"n": 1}
        other = {**asked, "goal": "h"}
        assert refusal(connection, "ImportTask", **other).kind == "request_id_reused"


def test_too_much_for_one_request(connection: Connection) -> None:
    """20,000 nodes are the most; nothing is recorded."""
    before = connection.call("Metrics")["database"]["total_events"]
    error = refusal(connection, "ImportTask", goal="g", source="s", nodes=[{}] * 20_001)
    assert (error.kind, "$.nodes" in str(error)) == ("invalid_params", True)
    assert connection.call("Metrics")["database"]["total_events"] == before


def test_what_was_done_elsewhere_is_not_counted_here(connection: Connection) -> None:
    """Neither an end nor a note of an import is this daemon's work; the database has them."""
    before = connection.call("Metrics")
    connection.call("ImportTask", **plan(4))
    after = connection.call("Metrics")
    counted = {
        name: value - before["runtime"][name]
        for name, value in after["runtime"].items()
        if isinstance(value, int) and value != before["runtime"][name]
    }
    assert counted == {"registered_tasks": 1}
    events = [each["database"]["total_events"] for each in (before, after)]
    assert events[1] - events[0] == 7
