"""The envelope: `id`, `method`, `params` going in; `id` and one of `result`, `error` coming out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.wire.steps import inside, register, spelled

if TYPE_CHECKING:
    from tests.daemon_process import Connection

IDS = [
    '"a"',
    '""',
    '"é🚀"',
    r'"\u00e9\n\"\\"',
    "0",
    "-1",
    "1.0",
    "1e5",
    "1E+5",
    "-0.0",
    "0.1",
    "12345678901234567890",
    "123456789012345678901234567890",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    '[1,"two",{"three":3.0}]',
    '{"b":1,"a":{"z":[],"y":2.50}}',
]

CALLS = {
    "a result": '"method":"Health"',
    "an unknown method": '"method":"Nope"',
    "bad params": '"method":"TaskStatus","params":{}',
    "a refusal": '"method":"TaskStatus",'
    '"params":{"task_id":"7a0c1d44-55d1-4a0e-8a4e-cf2f6c1f9f10"}',
}


@pytest.mark.parametrize("request_id", IDS)
def test_id_is_echoed_verbatim(connection: Connection, request_id: str) -> None:
    """`id` may be any JSON value and comes back as it was spelled."""
    line = connection.ask(f'{{"id":{request_id},"method":"Health"}}')
    assert inside(spelled(line), "id") == spelled(request_id)


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
@pytest.mark.parametrize("request_id", ['"x"', "1.0", "null", '{"b":1,"a":2}'])
def test_id_is_echoed_in_every_kind_of_response(
    connection: Connection, call: str, request_id: str
) -> None:
    """A refusal carries the request's id as much as a result does."""
    line = connection.ask(f'{{"id":{request_id},{call}}}')
    assert inside(spelled(line), "id") == spelled(request_id)


def test_spaces_in_an_id_may_go(connection: Connection) -> None:
    """An id that is an object keeps its members and their order, whatever its spacing."""
    request_id = '{ "b" : [ 1 , 2.0 ] , "a" : { } }'
    line = connection.ask(f'{{"id":{request_id},"method":"Health"}}')
    assert inside(spelled(line), "id") == spelled(request_id)


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_id_left_out_is_left_out(connection: Connection, call: str) -> None:
    """A request without an id gets a response without an id."""
    assert "id" not in json.loads(connection.ask(f"{{{call}}}"))


def test_id_may_stand_anywhere(connection: Connection) -> None:
    """The order of the members of a request does not matter."""
    line = connection.ask('{"params":{},"method":"Health","id":[7]}')
    assert inside(spelled(line), "id") == spelled("[7]")


def test_the_same_id_may_be_used_again(connection: Connection) -> None:
    """An id is the client's own business: it may repeat."""
    assert [connection.request({"id": 1, "method": "Health"})["id"] for _ in range(3)] == [1, 1, 1]


def test_params_left_out_are_empty(connection: Connection) -> None:
    """`params` left out is `{}`: enough for Health."""
    assert connection.request({"id": 1, "method": "Health"})["result"]["status"] == "ok"


def test_params_left_out_lack_the_required(connection: Connection) -> None:
    """`params` left out is `{}`: not enough for TaskStatus."""
    assert connection.request({"id": 1, "method": "TaskStatus"})["error"]["code"] == -32602


def test_a_json_rpc_client_is_understood(connection: Connection) -> None:
    """The member `jsonrpc` that other clients send does no harm."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "Health", "params": {}}
    assert connection.request(request)["result"]["status"] == "ok"


def test_a_result_comes_without_error(connection: Connection) -> None:
    """A response with a result has no key `error`, not even null."""
    response = connection.request({"id": 1, "method": "Health"})
    assert ("result" in response, "error" in response) == (True, False)


def test_an_error_comes_without_result(connection: Connection) -> None:
    """A response with an error has no key `result`, not even null."""
    response = connection.request({"id": 1, "method": "Nope"})
    assert ("result" in response, "error" in response) == (False, True)


def test_null_is_a_result(connection: Connection) -> None:
    """`"result": null` is a result and is spelled out."""
    task = register(connection, {})
    response = connection.request(
        {"id": 1, "method": "AcquireNextNode", "params": {"task_id": task.id}}
    )
    assert response == {"id": 1, "result": None}
