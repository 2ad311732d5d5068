"""Errors: each code, its kind, and a message that serves a client who knows nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire.steps import acquire, held, new_id, refusal, register, totals

if TYPE_CHECKING:
    from tests.daemon_process import Connection, Object

NOT_REQUESTS = [
    "[]",
    '[{"id":1,"method":"Health"}]',
    '"Health"',
    "5",
    "1.5",
    "null",
    "true",
    "{}",
    '{"id":1}',
    '{"id":1,"params":{}}',
    '{"id":1,"method":5}',
    '{"id":1,"method":null}',
    '{"id":1,"method":["Health"]}',
    '{"id":1,"method":{}}',
]
NOT_JSON = ["nonsense", "{", '{"id":1,"method":"Health"', '{"id":1,}', "'x'", '{"id":1}}', "{]"]
TASK_METHODS = ["AcquireNextNode", "TaskStatus"]
PAYLOAD_METHODS = ["CommitEvent", "CompleteNode", "FailNode"]
NODE_METHODS = [*PAYLOAD_METHODS, "HeartbeatNode"]


def error_of(connection: Connection, line: str) -> Object:
    """Send a line that has to be refused and return the error."""
    error: Object = json.loads(connection.ask(line))["error"]
    return error


def with_payload(method: str, **params: Any) -> Object:
    """Add the payload that the method asks for."""
    return params if method not in PAYLOAD_METHODS else {**params, "payload": {}}


def assert_invalid(connection: Connection, method: str, field: str, **params: Any) -> None:
    """Check that the params are refused with a message that names the field."""
    refused = refusal(connection, method, **params)
    assert (refused.code, refused.kind) == (-32602, "invalid_params")
    assert field in refused.message


@pytest.mark.parametrize("line", NOT_JSON)
def test_parse_error(connection: Connection, line: str) -> None:
    """A line that is not JSON is refused with -32700, parse_error."""
    error = error_of(connection, line)
    assert (error["code"], error["data"]["kind"]) == (-32700, "parse_error")


@pytest.mark.parametrize("line", NOT_REQUESTS)
def test_invalid_request(connection: Connection, line: str) -> None:
    """JSON that is not a request object is refused with -32600, invalid_request."""
    error = error_of(connection, line)
    assert (error["code"], error["data"]["kind"]) == (-32600, "invalid_request")


def test_an_object_without_method_keeps_its_id(connection: Connection) -> None:
    """Where an invalid request has an id, the error carries it."""
    assert json.loads(connection.ask('{"id":"me"}'))["id"] == "me"


@pytest.mark.parametrize("method", ["Nope", "", "Health ", "register-task", "é"])
def test_unknown_method(connection: Connection, method: str) -> None:
    """A method that is not there is refused with -32601, unknown_method."""
    refused = refusal(connection, method)
    assert (refused.code, refused.kind) == (-32601, "unknown_method")


def test_unknown_method_is_named(connection: Connection) -> None:
    """The message names the method that is not there."""
    assert "DoTheLaundry" in refusal(connection, "DoTheLaundry").message


@pytest.mark.parametrize("params", ["[]", '["g"]', '"g"', "5", "true"])
def test_params_that_are_no_object(connection: Connection, params: str) -> None:
    """`params` of another type than object are refused with -32602, invalid_params."""
    error = error_of(connection, f'{{"id":1,"method":"RegisterTask","params":{params}}}')
    assert (error["code"], error["data"]["kind"]) == (-32602, "invalid_params")


@pytest.mark.parametrize("method", [name for name in TASK_METHODS if name != "AcquireNextNode"])
def test_a_missing_field_is_named(connection: Connection, method: str) -> None:
    """A param that is missing is named."""
    assert_invalid(connection, method, "task_id")


@pytest.mark.parametrize("method", [*TASK_METHODS, *NODE_METHODS])
@pytest.mark.parametrize("value", [5, None, True, [], {}])
def test_an_id_of_a_wrong_type_is_named(connection: Connection, method: str, value: Any) -> None:
    """An id that is not a string is refused and its field named."""
    params = {"task_id": value}
    if method in NODE_METHODS:
        params |= {"node_id": new_id(), "lease_id": new_id()}
    assert_invalid(connection, method, "$.task_id", **with_payload(method, **params))


NO_UUIDS = ["", "not-a-uuid", "z" * 36, "0b0e7d6c-3a7f-4c39-9f3f", "é" * 36]


@pytest.mark.parametrize("method", NODE_METHODS)
@pytest.mark.parametrize("value", NO_UUIDS)
def test_what_is_no_uuid_is_a_name(connection: Connection, method: str, value: str) -> None:
    """Where a node may be named, that is no malformed UUID; as a name it is not known."""
    params = {"task_id": register(connection).id, "node_id": value, "lease_id": new_id()}
    refused = refusal(connection, method, **with_payload(method, **params))
    assert (refused.code, refused.data["kind"]) == (-32000, "node_not_found")


@pytest.mark.parametrize("field", ["task_id", "lease_id"])
@pytest.mark.parametrize("method", NODE_METHODS)
@pytest.mark.parametrize("value", NO_UUIDS)
def test_a_malformed_uuid_is_named(
    connection: Connection, method: str, field: str, value: str
) -> None:
    """A malformed UUID is refused and its field named."""
    params = {"task_id": new_id(), "node_id": new_id(), "lease_id": new_id(), field: value}
    assert_invalid(connection, method, f"$.{field}", **with_payload(method, **params))


@pytest.mark.parametrize(
    ("field", "params"),
    [
        ("$.goal", {"goal": 5}),
        ("$.goal", {"goal": None}),
        ("$.initial_nodes", {"goal": "g", "initial_nodes": 5}),
        ("$.initial_nodes", {"goal": "g", "initial_nodes": {}}),
        ("$.initial_nodes", {"goal": "g", "initial_nodes": [5]}),
        ("$.initial_nodes", {"goal": "g", "initial_nodes": [{"id": "no"}]}),
        ("$.initial_nodes", {"goal": "g", "initial_nodes": [{"dependencies": 5}]}),
        ("$.initial_nodes", {"goal": "g", "initial_nodes": [{"dependencies": [5]}]}),
    ],
)
def test_register_task_names_the_field(connection: Connection, field: str, params: Object) -> None:
    """RegisterTask names the field that is wrong, also inside initial_nodes."""
    assert_invalid(connection, "RegisterTask", field, **params)


def test_other_strings_are_checked_too(connection: Connection) -> None:
    """`lease_owner` and `action_type` have to be strings."""
    task = register(connection)
    assert_invalid(connection, "AcquireNextNode", "$.lease_owner", task_id=task.id, lease_owner=5)
    node = {"task_id": task.id, "node_id": task.nodes["a"], "payload": {}}
    assert_invalid(connection, "CommitEvent", "$.action_type", **node, action_type=5)


@pytest.mark.parametrize("method", [*TASK_METHODS, *NODE_METHODS])
def test_task_not_found(connection: Connection, method: str) -> None:
    """An id that no task has is refused with task_not_found, and named."""
    params: Object = {"task_id": new_id()}
    if method in NODE_METHODS:
        params |= with_payload(method, node_id=new_id(), lease_id=new_id())
    refused = refusal(connection, method, **params)
    assert (refused.code, refused.kind) == (-32000, "task_not_found")
    assert params["task_id"] in refused.message


@pytest.mark.parametrize("method", NODE_METHODS)
def test_node_not_found(connection: Connection, method: str) -> None:
    """An id that no node has is refused with node_not_found, and named."""
    params = {"task_id": register(connection).id, "node_id": new_id(), "lease_id": new_id()}
    refused = refusal(connection, method, **with_payload(method, **params))
    assert (refused.code, refused.kind) == (-32000, "node_not_found")
    assert params["node_id"] in refused.message


@pytest.mark.parametrize("method", NODE_METHODS)
def test_a_node_of_another_task_is_not_found(connection: Connection, method: str) -> None:
    """A node is found only in its own task, whoever holds its lease."""
    task, other = register(connection), register(connection)
    params = {**held(acquire(connection, task)), "task_id": other.id}
    refused = refusal(connection, method, **with_payload(method, **params))
    assert (refused.code, refused.kind) == (-32000, "node_not_found")


@pytest.mark.parametrize("method", NODE_METHODS)
def test_stale_lease(connection: Connection, method: str) -> None:
    """A lease that is not the current one is refused with stale_lease, and named."""
    acquired = acquire(connection, register(connection))
    params = {**held(acquired), "lease_id": new_id()}
    refused = refusal(connection, method, **with_payload(method, **params))
    assert (refused.code, refused.kind) == (-32000, "stale_lease")
    assert params["lease_id"] in refused.message


@pytest.mark.parametrize("method", ["HeartbeatNode", "CompleteNode", "FailNode"])
def test_a_node_that_nobody_holds(connection: Connection, method: str) -> None:
    """A PENDING node takes no heartbeat, completion or failure."""
    task = register(connection)
    params = {"task_id": task.id, "node_id": task.nodes["a"], "lease_id": new_id()}
    refused = refusal(connection, method, **with_payload(method, **params))
    assert refused.code == -32000
    assert refused.kind in {"stale_lease", "illegal_transition"}


def test_every_error_has_code_message_and_data(connection: Connection) -> None:
    """An error is an object with `code`, a readable `message` and `data`."""
    for line in ("nonsense", "[]", '{"method":"Nope"}', '{"method":"TaskStatus"}'):
        error = error_of(connection, line)
        assert isinstance(error["code"], int)
        assert len(error["message"].split()) > 1
        assert isinstance(error["data"], dict)


def test_refused_requests_write_nothing(connection: Connection) -> None:
    """Nothing that is refused leaves a trace in the database, and the connection stays open."""
    acquired = acquire(connection, register(connection))
    before = totals(connection)
    for line in (*NOT_JSON, *NOT_REQUESTS, '{"method":"Nope"}', '{"method":"RegisterTask"}'):
        error_of(connection, line)
    for method in NODE_METHODS:
        refusal(
            connection, method, **with_payload(method, **held(acquired) | {"lease_id": new_id()})
        )
    assert totals(connection) == before
