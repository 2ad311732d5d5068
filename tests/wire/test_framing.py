"""Transport and framing: one JSON object per line, however the bytes arrive."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import PATIENCE_SECONDS, encoded
from tests.wire.steps import register, spelled

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess

HEALTH = b'{"id":1,"method":"Health"}'


def test_a_response_is_one_line(connection: Connection) -> None:
    """A response is one JSON object on one line."""
    assert spelled(connection.ask(HEALTH))[0] == "object"


def test_the_socket_is_a_stream(shared: DaemonProcess) -> None:
    """The transport is a Unix domain socket of type SOCK_STREAM."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.settimeout(PATIENCE_SECONDS)
        raw.connect(str(shared.socket_path))
        raw.sendall(HEALTH + b"\n")
        assert raw.recv(1) == b"{"


def test_carriage_return_is_tolerated(connection: Connection) -> None:
    r"""A line may end with \r\n."""
    connection.send_raw(HEALTH + b"\r\n")
    assert connection.read_response()["result"]["status"] == "ok"


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"\n\n\r\n\n"])
def test_blank_lines_are_tolerated(connection: Connection, blank: bytes) -> None:
    """A blank line is not a request and gets no response."""
    connection.send_raw(blank + HEALTH + b"\n" + blank + HEALTH.replace(b"1", b"2") + b"\n")
    assert [connection.read_response()["id"] for _ in range(2)] == [1, 2]


def test_last_line_without_newline_is_answered(connection: Connection) -> None:
    """A last line without a newline is answered once the client has closed its side."""
    connection.send_raw(HEALTH)
    connection.finish_sending()
    assert connection.read_response()["result"]["status"] == "ok"


def test_requests_before_the_unfinished_last_line_are_answered(connection: Connection) -> None:
    """All the requests before a last line without a newline are answered, and then that line."""
    connection.send_raw(b'{"id":1,"method":"Health"}\n' * 3 + b'{"id":2,"method":"Health"}')
    connection.finish_sending()
    assert [connection.read_response()["id"] for _ in range(4)] == [1, 1, 1, 2]


def test_a_last_write_without_newline_takes_effect(connection: Connection) -> None:
    """A write on a last line without a newline is done like any other."""
    connection.send_raw(b'{"id":1,"method":"RegisterTask","params":{"goal":"g"}}')
    connection.finish_sending()
    assert "task_id" in connection.read_response()["result"]


def test_one_byte_at_a_time(connection: Connection) -> None:
    """A request may arrive byte by byte."""
    for byte in HEALTH + b"\n":
        connection.send_raw(bytes([byte]))
    assert connection.read_response()["result"]["status"] == "ok"


def test_an_unfinished_line_waits(shared: DaemonProcess, connection: Connection) -> None:
    """A line is answered when its newline arrives, and other connections do not wait for it."""
    connection.send_raw(HEALTH[:7])
    with shared.connect() as other:
        assert other.call("Health")["status"] == "ok"
    connection.send_raw(HEALTH[7:] + b"\n")
    assert connection.read_response()["id"] == 1


@pytest.mark.parametrize("seed", range(5))
def test_any_chunking(connection: Connection, seed: int) -> None:
    """Lines may be cut anywhere, also inside a character, and glued together anywhere."""
    chance = random.Random(seed)
    ids = [f"é🚀{index}" for index in range(40)]
    stream = b"".join(encoded({"id": name, "method": "Health"}) + b"\n" for name in ids)
    while stream:
        size = chance.choice([1, 2, 3, 7, 50, 500])
        connection.send_raw(stream[:size])
        stream = stream[size:]
    assert [connection.read_response()["id"] for _ in ids] == ids


def test_utf8_is_the_encoding(connection: Connection) -> None:
    """Requests and responses are UTF-8."""
    task = register(connection, goal="größer als 東京 🚀")
    assert connection.call("TaskStatus", task_id=task.id)["task"]["goal"] == "größer als 東京 🚀"


def test_spaces_inside_a_line_are_json(connection: Connection) -> None:
    """Spaces and tabs between the tokens of a line are JSON and change nothing."""
    line = b' { "id" : 1 ,\t"method" : "Health" , "params" : { } } '
    assert spelled(connection.ask(line))[0] == "object"


def test_a_connection_stays_open_for_many_calls(connection: Connection) -> None:
    """One connection serves any number of calls."""
    assert all(connection.call("Health")["status"] == "ok" for _ in range(100))


def test_a_connection_may_serve_one_call(shared: DaemonProcess) -> None:
    """A client may also open a connection per call."""
    for _ in range(50):
        with shared.connect() as connection:
            assert connection.call("Health")["status"] == "ok"


def test_many_connections_at_once(shared: DaemonProcess) -> None:
    """Connections that are open at the same time are all served."""
    connections = [shared.connect() for _ in range(50)]
    try:
        answers = [connection.call("Health")["status"] for connection in connections]
    finally:
        for connection in connections:
            connection.close()
    assert answers == ["ok"] * 50


def test_a_client_that_leaves_without_reading(shared: DaemonProcess) -> None:
    """A client that goes away before its responses are sent disturbs nobody."""
    for _ in range(10):
        with shared.connect() as rude:
            rude.send_raw((HEALTH + b"\n") * 200)
    with shared.connect() as polite:
        assert polite.call("Health")["status"] == "ok"


def test_a_client_that_leaves_mid_line(shared: DaemonProcess) -> None:
    """A client that goes away in the middle of a line disturbs nobody."""
    with shared.connect() as rude:
        rude.send_raw(HEALTH[:10])
    with shared.connect() as polite:
        assert polite.call("Health")["status"] == "ok"
