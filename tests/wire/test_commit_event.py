"""CommitEvent: a worker's notes, under the lease where there is one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.wire.steps import (
    NOT_ALLOWED,
    acquire,
    complete,
    fail,
    flat,
    held,
    journal_seen_by_a_new_node,
    new_id,
    node_of,
    refusal,
    register,
    total_events,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.daemon_process import Connection, Object
    from tests.wire.steps import Task


@pytest.fixture
def task(connection: Connection) -> Task:
    """A task with the nodes n0 and n1."""
    return register(connection, flat(2))


def commit(connection: Connection, task: Task, **params: object) -> Object:
    """Commit an event on n0 and return it as the context of n1 shows it."""
    node = {"task_id": task.id, "node_id": task.nodes["n0"]}
    event_id = connection.call("CommitEvent", **node, **params)["event_id"]
    journal = journal_seen_by_a_new_node(connection, task)
    return next(event for event in journal if event["id"] == event_id)


def test_one_boring_example(connection: Connection, task: Task) -> None:
    """The holder of a lease commits an event, and the event is in the journal."""
    lease_id = acquire(connection, task)["lease_id"]
    event = commit(connection, task, lease_id=lease_id, action_type="STEP", payload={"n": 1})
    assert (event["action_type"], event["payload"]) == ("STEP", {"n": 1})
    assert event["node_id"] == task.nodes["n0"]


def test_the_event_id_is_a_uuid(connection: Connection, task: Task) -> None:
    """`event_id` is a UUID in lower case."""
    params = {**held(acquire(connection, task)), "payload": 1}
    event_id = connection.call("CommitEvent", **params)["event_id"]
    assert str(uuid.UUID(event_id)) == event_id


def test_every_commit_is_an_event(connection: Connection, task: Task) -> None:
    """The same commit twice is two events: it has no identity but the one it gets."""
    params = {**held(acquire(connection, task)), "payload": 1}
    first = connection.call("CommitEvent", **params)["event_id"]
    assert connection.call("CommitEvent", **params)["event_id"] != first


def test_the_action_type_by_default(connection: Connection, task: Task) -> None:
    """`action_type` defaults to "COMMIT_EVENT"."""
    assert commit(connection, task, payload={})["action_type"] == "COMMIT_EVENT"


def test_the_action_type_is_the_clients(connection: Connection, task: Task) -> None:
    """`action_type` is any string."""
    event = commit(connection, task, payload={}, action_type="prüfe §1")
    assert event["action_type"] == "prüfe §1"


def test_event_payload_is_payload(connection: Connection, task: Task) -> None:
    """The payload may also be called event_payload."""
    assert commit(connection, task, event_payload=[1, 2])["payload"] == [1, 2]


def test_the_node_stays_as_it_is(connection: Connection, task: Task) -> None:
    """An event changes neither the status nor the lease of its node."""
    acquired = acquire(connection, task)
    connection.call("CommitEvent", **held(acquired), payload={})
    node = node_of(connection, task, "n0")
    assert (node["status"], node["lease_id"]) == ("RUNNING", acquired["lease_id"])


def test_a_lease_is_required_while_running(connection: Connection, task: Task) -> None:
    """Without a lease_id nothing is committed on a RUNNING node: lease_required."""
    node_id = acquire(connection, task)["node_id"]
    before = total_events(connection)
    refused = refusal(connection, "CommitEvent", task_id=task.id, node_id=node_id, payload={})
    assert (refused.code, refused.kind) == (NOT_ALLOWED, "lease_required")
    assert node_id in refused.message
    assert total_events(connection) == before


def test_a_wrong_lease_while_running(connection: Connection, task: Task) -> None:
    """With another lease nothing is committed on a RUNNING node: stale_lease."""
    params = {**held(acquire(connection, task)), "lease_id": new_id(), "payload": {}}
    before = total_events(connection)
    assert refusal(connection, "CommitEvent", **params).kind == "stale_lease"
    assert total_events(connection) == before


def test_the_lease_of_another_node(connection: Connection, task: Task) -> None:
    """A lease is good for its own node only."""
    first, second = acquire(connection, task), acquire(connection, task)
    params = {**held(first), "lease_id": second["lease_id"], "payload": {}}
    assert refusal(connection, "CommitEvent", **params).kind == "stale_lease"


def test_no_lease_on_a_pending_node(connection: Connection, task: Task) -> None:
    """A PENDING node takes events from everybody."""
    node = {"task_id": task.id, "node_id": task.nodes["n1"]}
    assert connection.call("CommitEvent", **node, payload={})["event_id"]


@pytest.mark.parametrize("finish", [complete, fail])
def test_no_lease_on_a_finished_node(
    connection: Connection, task: Task, finish: Callable[..., str]
) -> None:
    """A COMPLETED or FAILED node takes events from everybody."""
    finish(connection, acquire(connection, task))
    assert commit(connection, task, payload="afterwards")["payload"] == "afterwards"


def test_a_lease_on_a_pending_node(connection: Connection, task: Task) -> None:
    """Where a lease is given it has to be the current one, also on a PENDING node."""
    node = {"task_id": task.id, "node_id": task.nodes["n0"]}
    refused = refusal(connection, "CommitEvent", **node, lease_id=new_id(), payload={})
    assert (refused.code, refused.kind) == (NOT_ALLOWED, "stale_lease")


def test_a_lease_on_a_completed_node(connection: Connection, task: Task) -> None:
    """The lease ended with the completion: given afterwards, it is stale."""
    acquired = acquire(connection, task)
    complete(connection, acquired)
    refused = refusal(connection, "CommitEvent", **held(acquired), payload={})
    assert (refused.code, refused.kind) == (NOT_ALLOWED, "stale_lease")


def test_a_lease_in_upper_case(connection: Connection, task: Task) -> None:
    """Ids in upper case are the same ids."""
    params = {name: value.upper() for name, value in held(acquire(connection, task)).items()}
    assert connection.call("CommitEvent", **params, payload={})["event_id"]
