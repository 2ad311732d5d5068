"""CompleteNode and FailNode: the two ways in which a node is done for good."""

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
    status_of,
    total_events,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.daemon_process import Connection, Object
    from tests.wire.steps import Task

# method, the payload's own name, the status that it leads to, action_type and key in the journal
FINISHES = [
    ("CompleteNode", "result_payload", "COMPLETED", "COMPLETE_NODE", "result"),
    ("FailNode", "error_payload", "FAILED", "FAIL_NODE", "error"),
]
METHODS = [("CompleteNode", "result_payload"), ("FailNode", "error_payload")]


@pytest.fixture
def task(connection: Connection) -> Task:
    """A task with the nodes n0 and n1."""
    return register(connection, flat(2))


@pytest.fixture
def acquired(connection: Connection, task: Task) -> Object:
    """The node n0, acquired."""
    return acquire(connection, task, lease_owner="w")


@pytest.mark.parametrize("row", FINISHES)
def test_one_boring_example(
    connection: Connection, task: Task, acquired: Object, row: tuple[str, str, str, str, str]
) -> None:
    """The node has its last status and payload, and the journal has the event."""
    method, name, status, action_type, key = row
    event_id = connection.call(method, **held(acquired), **{name: {"n": 1}})["event_id"]
    node = node_of(connection, task, "n0")
    assert (node["status"], node["result_payload"]) == (status, {"n": 1})
    journal = journal_seen_by_a_new_node(connection, task)
    (event,) = [event for event in journal if event["id"] == event_id]
    assert (event["action_type"], event["payload"]) == (action_type, {key: {"n": 1}})
    assert event["node_id"] == node["id"]


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_payload_by_its_short_name(
    connection: Connection, task: Task, acquired: Object, method: str, name: str
) -> None:
    """The payload may also be called payload."""
    assert name
    connection.call(method, **held(acquired), payload=[name])
    assert node_of(connection, task, "n0")["result_payload"] == [name]


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_the_lease_fields_are_cleared(
    connection: Connection, task: Task, acquired: Object, method: str, name: str
) -> None:
    """Nobody holds a node that is done."""
    connection.call(method, **held(acquired), **{name: {}})
    node = node_of(connection, task, "n0")
    lease = [node[field] for field in ("lease_id", "lease_owner", "lease_expires_at")]
    assert lease == [None, None, None]


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_the_event_id_is_a_uuid(
    connection: Connection, acquired: Object, method: str, name: str
) -> None:
    """`event_id` is a UUID in lower case."""
    event_id = connection.call(method, **held(acquired), **{name: {}})["event_id"]
    assert str(uuid.UUID(event_id)) == event_id


@pytest.mark.parametrize(("method", "name"), METHODS)
@pytest.mark.parametrize("payload", [None, False, 0, "", [], {}])
def test_an_empty_payload_is_kept(
    connection: Connection, task: Task, acquired: Object, method: str, name: str, payload: object
) -> None:
    """A payload that is null, false, zero or empty is the payload that is kept."""
    connection.call(method, **held(acquired), **{name: payload})
    node = node_of(connection, task, "n0")
    assert (type(node["result_payload"]), node["result_payload"]) == (type(payload), payload)


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_a_repeat_is_answered_like_the_first(
    connection: Connection, acquired: Object, method: str, name: str
) -> None:
    """A repeat with the same lease gets the first event_id, as often as it comes."""
    params = {**held(acquired), name: {"n": 1}}
    first = connection.call(method, **params)
    assert [connection.call(method, **params)["event_id"] for _ in range(3)] == (
        [first["event_id"]] * 3
    )


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_a_repeat_changes_nothing(
    connection: Connection, task: Task, acquired: Object, method: str, name: str
) -> None:
    """A repeat adds no event and leaves the task as it is."""
    params = {**held(acquired), name: {"n": 1}}
    connection.call(method, **params)
    before = (total_events(connection), status_of(connection, task))
    connection.call(method, **params)
    assert (total_events(connection), status_of(connection, task)) == before


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_a_repeat_cannot_change_the_payload(
    connection: Connection, task: Task, acquired: Object, method: str, name: str
) -> None:
    """A repeat with another payload gets the first event_id, and the first payload stays."""
    first = connection.call(method, **held(acquired), **{name: "first"})
    again = connection.call(method, **held(acquired), **{name: "second"})
    assert again["event_id"] == first["event_id"]
    assert node_of(connection, task, "n0")["result_payload"] == "first"


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_a_repeat_works_after_other_events(
    connection: Connection, task: Task, acquired: Object, method: str, name: str
) -> None:
    """A repeat is known as one, whatever has happened to the node and its task since."""
    params = {**held(acquired), name: 1}
    first = connection.call(method, **params)
    node = {"task_id": task.id, "node_id": acquired["node_id"]}
    connection.call("CommitEvent", **node, payload="afterwards")
    complete(connection, acquire(connection, task))
    assert connection.call(method, **params)["event_id"] == first["event_id"]


def test_a_repeat_on_another_connection(
    connection: Connection, acquired: Object, request: pytest.FixtureRequest
) -> None:
    """A repeat may come on another connection."""
    first = complete(connection, acquired)
    with request.getfixturevalue("shared").connect() as other:
        assert complete(other, acquired) == first


@pytest.mark.parametrize(("first", "then"), [(complete, "FailNode"), (fail, "CompleteNode")])
def test_the_other_end_is_refused(
    connection: Connection, task: Task, acquired: Object, first: Callable[..., str], then: str
) -> None:
    """A COMPLETED node cannot fail and a FAILED one cannot be completed, also with its lease."""
    first(connection, acquired, "kept")
    before = (total_events(connection), status_of(connection, task))
    refused = refusal(connection, then, **held(acquired), payload="lost")
    assert refused.code == NOT_ALLOWED
    assert refused.kind in {"illegal_transition", "stale_lease"}
    assert (total_events(connection), status_of(connection, task)) == before


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_another_lease_is_stale(
    connection: Connection, task: Task, acquired: Object, method: str, name: str
) -> None:
    """With another lease the node stays RUNNING under its own."""
    before = (total_events(connection), status_of(connection, task))
    params = {**held(acquired), "lease_id": new_id(), name: {}}
    assert refusal(connection, method, **params).kind == "stale_lease"
    assert (total_events(connection), status_of(connection, task)) == before


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_a_done_node_refuses_other_leases(
    connection: Connection, acquired: Object, method: str, name: str
) -> None:
    """Only the lease that finished the node may repeat it."""
    connection.call(method, **held(acquired), **{name: {}})
    refused = refusal(connection, method, **{**held(acquired), "lease_id": new_id(), name: {}})
    assert refused.code == NOT_ALLOWED
    assert refused.kind in {"illegal_transition", "stale_lease"}


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_the_lease_is_required(
    connection: Connection, acquired: Object, method: str, name: str
) -> None:
    """Without a lease_id the request is refused, and the field named."""
    node = {"task_id": acquired["task_id"], "node_id": acquired["node_id"]}
    refused = refusal(connection, method, **node, **{name: {}})
    assert refused.code == -32602
    assert "lease_id" in refused.message


@pytest.mark.parametrize(("method", "name"), METHODS)
def test_ids_in_upper_case(
    connection: Connection, task: Task, acquired: Object, method: str, name: str
) -> None:
    """Ids in upper case are the same ids."""
    params = {field: value.upper() for field, value in held(acquired).items()}
    connection.call(method, **params, **{name: {}})
    assert node_of(connection, task, "n0")["status"] != "RUNNING"


def test_the_fail_payload_is_no_result_for_dependents(connection: Connection) -> None:
    """What a FAILED node left behind is never a completed dependency of anybody."""
    task = register(connection, {"a": (), "b": ["a"], "c": ()})
    fail(connection, acquire(connection, task), "broken")
    assert acquire(connection, task)["context"]["completed_dependencies"] == []
