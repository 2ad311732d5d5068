"""The line limit: 1 MiB, the newline counted."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.wire.steps import total_events

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess

LIMIT = 1_048_576


def padded(request: str, size: int) -> bytes:
    """Return the request as a line of exactly so many bytes, newline included."""
    spaces = " " * (size - len(request.encode()) - 1)
    line = f"{request[:-1]}{spaces}{request[-1]}\n".encode()
    assert len(line) == size
    return line


def send_too_much(connection: Connection, data: bytes) -> None:
    """Send bytes that the daemon may stop reading halfway."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.send_raw(data)


OVER = padded('{"id":1,"method":"Health"}', LIMIT + 1)


def test_a_line_of_exactly_the_limit_is_answered(connection: Connection) -> None:
    """A line of 1,048,576 bytes, the newline counted, is a request like any other."""
    connection.send_raw(padded('{"id":1,"method":"Health"}', LIMIT))
    assert connection.read_response()["result"]["status"] == "ok"


def test_a_payload_may_fill_the_line(connection: Connection) -> None:
    """A payload may be as large as the line limit lets it be, and comes back whole."""
    head = '{"id":1,"method":"RegisterTask","params":{"goal":"g","context":"'
    text = "x" * (LIMIT - len(head) - len('"}}\n'))
    connection.send_raw(f'{head}{text}"}}}}\n'.encode())
    task_id = connection.read_response()["result"]["task_id"]
    assert connection.call("TaskStatus", task_id=task_id)["task"]["context"] == text


def test_one_byte_over_is_refused(connection: Connection) -> None:
    """A line of one byte more is answered with -32001, request_too_large."""
    send_too_much(connection, OVER)
    error = connection.read_response()["error"]
    assert (error["code"], error["data"]["kind"]) == (-32001, "request_too_large")


def test_the_connection_is_closed_after_it(connection: Connection) -> None:
    """After the error the daemon closes that connection."""
    send_too_much(connection, OVER)
    connection.read_response()
    assert connection.at_eof()


def test_nothing_after_the_long_line_is_served(connection: Connection) -> None:
    """A request behind the long line gets no response."""
    send_too_much(connection, OVER + b'{"id":2,"method":"Health"}\n')
    connection.read_response()
    assert connection.at_eof()


def test_requests_before_the_long_line_are_answered_first(connection: Connection) -> None:
    """Requests in front of the long line are answered, in order, before the error."""
    send_too_much(connection, b'{"id":1,"method":"Health"}\n{"id":2,"method":"Nope"}\n' + OVER)
    codes = [connection.read_response().get("error", {}).get("code") for _ in range(3)]
    assert codes == [None, -32601, -32001]


@pytest.mark.parametrize("size", [LIMIT + 1, 2 * LIMIT, 5 * LIMIT])
def test_a_line_without_an_end_is_refused(connection: Connection, size: int) -> None:
    """The error does not wait for the newline of a line that is too long already."""
    send_too_much(connection, b"x" * size)
    assert connection.read_response()["error"]["code"] == -32001
    assert connection.at_eof()


def test_other_connections_are_not_affected(shared: DaemonProcess, connection: Connection) -> None:
    """Only the connection with the long line is closed."""
    with shared.connect() as rude:
        assert connection.call("Health")["status"] == "ok"
        send_too_much(rude, OVER)
        rude.read_response()
        assert rude.at_eof()
    assert connection.call("Health")["status"] == "ok"


def test_nothing_of_the_long_line_is_written(shared: DaemonProcess, connection: Connection) -> None:
    """A long line leaves nothing in the database, however valid it is."""
    before = total_events(connection)
    request = json.dumps({"id": 1, "method": "RegisterTask", "params": {"goal": "g"}})
    with shared.connect() as rude:
        send_too_much(rude, padded(request, LIMIT + 1))
        rude.read_response()
    assert total_events(connection) == before


def test_responses_may_be_longer_than_the_limit(connection: Connection) -> None:
    """The limit is for requests: two payloads of 700 kB come back in one response."""
    context, schema = "c" * 400_000, "s" * 700_000
    task = connection.call("RegisterTask", goal="g", context=context, initial_nodes=[{}])
    acquired = connection.call("AcquireNextNode", task_id=task["task_id"])
    names = ("task_id", "node_id", "lease_id")
    lease = {name: acquired[name] for name in names}
    connection.call("CompleteNode", **lease, result_payload=schema)
    status = connection.call("TaskStatus", task_id=task["task_id"])
    assert (status["task"]["context"], status["nodes"][0]["result_payload"]) == (context, schema)
