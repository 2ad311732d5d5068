"""TaskStatus, and the types that ids and times have on the wire."""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.wire.steps import (
    acquire,
    complete,
    fail,
    flat,
    journal_seen_by_a_new_node,
    node_of,
    register,
    status_of,
)

if TYPE_CHECKING:
    from tests.daemon_process import Connection

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
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


def assert_recent(timestamp: str) -> None:
    """Check the spelling of a timestamp and that it is about now."""
    assert TIMESTAMP.fullmatch(timestamp), timestamp
    moment = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 5


def test_one_boring_example(connection: Connection) -> None:
    """A task is shown with its counts and its nodes."""
    task = register(connection, {"a": (), "b": ["a"]}, goal="find out", context=[1])
    complete(connection, acquire(connection, task), "found")
    status = status_of(connection, task)
    told = status["task"]
    assert (told["id"], told["goal"], told["context"]) == (task.id, "find out", [1])
    assert status["counts"] == {"COMPLETED": 1, "PENDING": 1}
    assert [node["status"] for node in status["nodes"]] == ["COMPLETED", "PENDING"]
    assert [node["result_payload"] for node in status["nodes"]] == ["found", None]


def test_the_fields(connection: Connection) -> None:
    """The result has task, counts and nodes; a node has the fields that a context gives it."""
    status = status_of(connection, register(connection))
    assert set(status) >= {"task", "counts", "nodes"}
    assert set(status["task"]) >= {"id", "goal", "context", "created_at"}
    assert set(status["nodes"][0]) >= NODE_FIELDS


def test_nodes_are_in_registration_order(connection: Connection) -> None:
    """Nodes come in the order of their registration, whatever happened to them since."""
    task = register(connection, flat(30))
    first, second, third = (acquire(connection, task) for _ in range(3))
    complete(connection, third)
    fail(connection, first)
    complete(connection, second)
    told = [node["id"] for node in status_of(connection, task)["nodes"]]
    assert told == list(task.nodes.values())


def test_counts_have_only_what_occurs(connection: Connection) -> None:
    """`counts` has no status that no node is in."""
    task = register(connection, flat(4))
    assert status_of(connection, task)["counts"] == {"PENDING": 4}
    complete(connection, acquire(connection, task))
    fail(connection, acquire(connection, task))
    acquire(connection, task)
    counts = status_of(connection, task)["counts"]
    assert counts == {"PENDING": 1, "RUNNING": 1, "COMPLETED": 1, "FAILED": 1}


def test_counts_of_a_drained_task(connection: Connection) -> None:
    """When all nodes are COMPLETED, that is all there is to count."""
    task = register(connection, flat(3))
    for _ in task.nodes:
        complete(connection, acquire(connection, task))
    assert status_of(connection, task)["counts"] == {"COMPLETED": 3}


def test_dependencies_in_the_order_given(connection: Connection) -> None:
    """A node shows its dependencies in the order of its registration."""
    task = register(connection, {"a": (), "b": (), "c": (), "d": ["c", "a", "b"]})
    told = node_of(connection, task, "d")["dependencies"]
    assert told == [task.nodes[name] for name in "cab"]


def test_a_fresh_node_has_no_lease_and_no_result(connection: Connection) -> None:
    """What a PENDING node does not have yet is null."""
    task = register(connection)
    node = node_of(connection, task)
    names = ("acquired_at", "lease_id", "lease_owner", "lease_expires_at", "result_payload")
    assert [node[name] for name in names] == [None] * 5
    assert (node["status"], node["task_id"]) == ("PENDING", task.id)


def test_a_running_node_shows_its_lease(connection: Connection) -> None:
    """A RUNNING node shows who holds it, since when and until when."""
    task = register(connection)
    acquired = acquire(connection, task, lease_owner="w")
    node = node_of(connection, task)
    assert (node["lease_id"], node["lease_owner"]) == (acquired["lease_id"], "w")
    assert node["lease_expires_at"] == acquired["lease_expires_at"]
    assert abs(node["acquired_at"] - time.time()) < 5


def test_status_reads_only(connection: Connection) -> None:
    """TaskStatus changes nothing: twice in a row it is the same."""
    task = register(connection, flat(3))
    acquire(connection, task)
    assert status_of(connection, task) == status_of(connection, task)


def test_unix_seconds_are_integers(connection: Connection) -> None:
    """`lease_expires_at`, `acquired_at` and `updated_at` are Unix seconds, whole numbers."""
    task = register(connection)
    acquired = acquire(connection, task)
    for node in (acquired["context"]["node"], node_of(connection, task)):
        for name in ("lease_expires_at", "acquired_at", "updated_at"):
            assert type(node[name]) is int
        assert abs(node["updated_at"] - time.time()) < 5
    assert type(acquired["lease_expires_at"]) is int


def test_created_at_is_rfc_3339(connection: Connection) -> None:
    """`created_at` is RFC 3339 in UTC with milliseconds."""
    task = register(connection)
    assert_recent(status_of(connection, task)["task"]["created_at"])
    assert_recent(acquire(connection, task)["context"]["task"]["created_at"])


def test_event_timestamps_are_rfc_3339(connection: Connection) -> None:
    """An event's `timestamp` is RFC 3339 in UTC with milliseconds."""
    task = register(connection)
    connection.call("CommitEvent", task_id=task.id, node_id=task.nodes["a"], payload=1)
    journal = journal_seen_by_a_new_node(connection, task)
    assert journal
    for event in journal:
        assert_recent(event["timestamp"])


def test_ids_are_uuids_in_lower_case(connection: Connection) -> None:
    """Every id on the wire is a UUID in lower case."""
    task = register(connection, {"a": (), "b": ["a"]})
    complete(connection, acquire(connection, task))
    acquired = acquire(connection, task)
    context = acquired["context"]
    ids = [acquired[name] for name in ("task_id", "node_id", "lease_id")]
    ids += [context["node"][name] for name in ("id", "task_id", "lease_id")]
    ids += [context["task"]["id"], *context["node"]["dependencies"]]
    ids += [done["node_id"] for done in context["completed_dependencies"]]
    ids += [event[name] for event in context["event_journal"] for name in ("id", "task_id")]
    assert [str(uuid.UUID(one)) for one in ids] == ids


def test_large_tasks_are_shown_whole(connection: Connection) -> None:
    """A task of 10,000 nodes is shown in one response."""
    result = connection.call("RegisterTask", goal="g", initial_nodes=[{}] * 10_000)
    status = connection.call("TaskStatus", task_id=result["task_id"])
    assert [node["id"] for node in status["nodes"]] == result["node_ids"]
