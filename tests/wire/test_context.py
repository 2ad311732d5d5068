"""The context of an acquired node: all that a worker needs to know, in one response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import DaemonProcess
from tests.wire.steps import (
    acquire,
    complete,
    flat,
    held,
    journal_seen_by_a_new_node,
    node_of,
    register,
    status_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Connection, Object
    from tests.wire.steps import Task

NODE_FIELDS = {
    "id",
    "task_id",
    "status",
    "dependencies",
    "payload_schema",
    "result_payload",
    "acquired_at",
    "lease_id",
    "lease_owner",
    "lease_expires_at",
    "updated_at",
}
LEASE_FIELDS = ("lease_id", "lease_owner", "lease_expires_at")


def commit(connection: Connection, task: Task, payload: object, name: str = "n0") -> str:
    """Commit an event on a node that nobody holds and return its id."""
    params = {"task_id": task.id, "node_id": task.nodes[name], "payload": payload}
    event_id: str = connection.call("CommitEvent", **params, action_type="NOTE")["event_id"]
    return event_id


def notes(journal: list[Object]) -> list[object]:
    """Return the payloads of the events that `commit` made."""
    return [event["payload"] for event in journal if event["action_type"] == "NOTE"]


def test_the_parts(connection: Connection) -> None:
    """The context has the task, the node, the finished dependencies and the event journal."""
    context = acquire(connection, register(connection))["context"]
    assert set(context) >= {
        "task",
        "node",
        "completed_dependencies",
        "event_journal_limit",
        "event_journal",
    }


def test_the_task(connection: Connection) -> None:
    """`task` is the task as TaskStatus shows it."""
    task = register(connection, goal="find out", context={"depth": [1, 2]})
    told = acquire(connection, task)["context"]["task"]
    assert (told["id"], told["goal"], told["context"]) == (task.id, "find out", {"depth": [1, 2]})
    assert told == status_of(connection, task)["task"]


def test_the_node(connection: Connection) -> None:
    """`node` is the acquired node as TaskStatus shows it, RUNNING under this lease."""
    task = register(connection)
    acquired = acquire(connection, task, lease_owner="w")
    told = acquired["context"]["node"]
    assert set(told) >= NODE_FIELDS
    assert told["status"] == "RUNNING"
    assert [told[name] for name in LEASE_FIELDS] == [acquired[name] for name in LEASE_FIELDS]
    assert told == node_of(connection, task)


def test_the_schema_of_the_payload(connection: Connection) -> None:
    """`node` brings the payload_schema that it was registered with."""
    task = connection.call("RegisterTask", goal="g", initial_nodes=[{"payload_schema": {"a": 1}}])
    acquired = connection.call("AcquireNextNode", task_id=task["task_id"])
    assert acquired["context"]["node"]["payload_schema"] == {"a": 1}


def test_no_dependencies(connection: Connection) -> None:
    """A node that waits for nothing has no completed dependencies."""
    assert acquire(connection, register(connection))["context"]["completed_dependencies"] == []


def test_results_come_in_the_order_of_dependencies(connection: Connection) -> None:
    """`completed_dependencies` follows `dependencies`, not the order of completion."""
    task = register(connection, {"a": (), "b": (), "c": (), "d": ["c", "a", "b"]})
    for name in ("a", "b", "c"):
        complete(connection, acquire(connection, task), f"result of {name}")
    context = acquire(connection, task)["context"]
    assert context["node"]["dependencies"] == [task.nodes[name] for name in "cab"]
    assert [
        (done["node_id"], done["result_payload"]) for done in context["completed_dependencies"]
    ] == [(task.nodes[name], f"result of {name}") for name in "cab"]


def test_only_direct_dependencies(connection: Connection) -> None:
    """`completed_dependencies` has the node's own dependencies, not theirs."""
    task = register(connection, {"a": (), "b": ["a"], "c": ["b"]})
    for _ in range(2):
        complete(connection, acquire(connection, task))
    done = acquire(connection, task)["context"]["completed_dependencies"]
    assert [one["node_id"] for one in done] == [task.nodes["b"]]


def test_a_duplicated_dependency_is_told_once(connection: Connection) -> None:
    """A dependency that was given twice has one result."""
    task = register(connection, {"a": (), "b": ["a", "a"]})
    complete(connection, acquire(connection, task), 1)
    done = acquire(connection, task)["context"]["completed_dependencies"]
    assert done == [{"node_id": task.nodes["a"], "result_payload": 1}]


def test_the_fields_of_an_event(connection: Connection) -> None:
    """An event has its id, task, node, action_type, payload and timestamp."""
    task = register(connection, flat(1))
    event_id = commit(connection, task, {"k": "v"})
    journal = journal_seen_by_a_new_node(connection, task)
    (event,) = [event for event in journal if event["id"] == event_id]
    assert set(event) >= {"id", "task_id", "node_id", "action_type", "payload", "timestamp"}
    assert (event["task_id"], event["node_id"]) == (task.id, task.nodes["n0"])
    assert (event["action_type"], event["payload"]) == ("NOTE", {"k": "v"})


def test_events_are_oldest_first(connection: Connection) -> None:
    """The event journal is told oldest first."""
    task = register(connection, flat(1))
    for number in range(10):
        commit(connection, task, number)
    journal = journal_seen_by_a_new_node(connection, task)
    assert notes(journal) == list(range(10))
    assert [event["timestamp"] for event in journal] == sorted(
        event["timestamp"] for event in journal
    )


def test_events_of_all_nodes_of_the_task(connection: Connection) -> None:
    """The event journal is the task's: it has the events of its other nodes."""
    task = register(connection, flat(3))
    for name in ("n2", "n1", "n0"):
        commit(connection, task, name, name)
    assert notes(journal_seen_by_a_new_node(connection, task)) == ["n2", "n1", "n0"]


def test_no_events_of_other_tasks(connection: Connection) -> None:
    """The event journal has nothing of another task."""
    task, other = register(connection, flat(1)), register(connection, flat(1))
    commit(connection, other, "elsewhere")
    commit(connection, task, "here")
    journal = journal_seen_by_a_new_node(connection, task)
    assert notes(journal) == ["here"]
    assert {event["task_id"] for event in journal} == {task.id}


def test_the_limit_is_told(connection: Connection) -> None:
    """`event_journal_limit` is 50 by default."""
    assert acquire(connection, register(connection))["context"]["event_journal_limit"] == 50


def test_the_newest_events_up_to_the_limit(connection: Connection) -> None:
    """Of more events than the limit, the newest are told."""
    task = register(connection, flat(1))
    for number in range(70):
        commit(connection, task, number)
    journal = journal_seen_by_a_new_node(connection, task)
    told = notes(journal)
    assert len(journal) == 50
    assert told
    assert told == list(range(70))[-len(told) :]


def test_heartbeats_are_not_told(connection: Connection) -> None:
    """Heartbeats are not events of the journal and take no place in it."""
    task = register(connection, flat(2))
    commit(connection, task, "before the heartbeats")
    acquired = acquire(connection, task)
    for _ in range(60):
        connection.call("HeartbeatNode", **held(acquired))
    journal = journal_seen_by_a_new_node(connection, task)
    assert notes(journal) == ["before the heartbeats"]
    assert not [event for event in journal if "HEARTBEAT" in event["action_type"].upper()]


def test_only_what_was_said_and_how_nodes_ended(connection: Connection) -> None:
    """A task of 60 nodes: what agents committed, completions and failures, and nothing else."""
    task = register(connection, flat(60))
    first, second = acquire(connection, task), acquire(connection, task)
    commit(connection, task, "said", "n5")
    complete(connection, first, 1)
    connection.call("FailNode", **held(second), error_payload=2)
    context = acquire(connection, task)["context"]
    journal = context["event_journal"]
    assert [(event["action_type"], event["node_id"], event["payload"]) for event in journal] == [
        ("NOTE", task.nodes["n5"], "said"),
        ("COMPLETE_NODE", first["node_id"], {"result": 1}),
        ("FAIL_NODE", second["node_id"], {"error": 2}),
    ]
    everything = connection.call("TaskEvents", task_id=task.id)["events"]
    assert len(everything) == 61 + 3 + 3


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_the_limit_is_a_setting(home: Path, limit: int) -> None:
    """AGENTD_CONTEXT_EVENT_LIMIT is how many events a context tells."""
    with (
        DaemonProcess(home, AGENTD_CONTEXT_EVENT_LIMIT=str(limit)) as daemon,
        daemon.connect() as connection,
    ):
        task = register(connection, flat(1))
        for number in range(10):
            commit(connection, task, number)
        context = acquire(connection, task)["context"]
    assert context["event_journal_limit"] == limit
    assert len(context["event_journal"]) == limit
    told = notes(context["event_journal"])
    assert told == list(range(10))[10 - len(told) :]


def test_a_limit_of_zero(home: Path) -> None:
    """A limit of 0 leaves the event journal of a context empty."""
    with (
        DaemonProcess(home, AGENTD_CONTEXT_EVENT_LIMIT="0") as daemon,
        daemon.connect() as connection,
    ):
        assert connection.call("Health")["context_event_limit"] == 0
        task = register(connection, flat(1))
        commit(connection, task, "x")
        context = acquire(connection, task)["context"]
    assert (context["event_journal_limit"], context["event_journal"]) == (0, [])
