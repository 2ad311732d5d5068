"""What the proxy does to the bytes between a client and a server, and that it does it there."""

from __future__ import annotations

import random
import socket
import socketserver
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import PATIENCE_SECONDS
from tests.faults.proxy import Proxy, proxied
from tests.faults.proxy_link import Direction
from tests.faults.storm import Storm
from tests.free_port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


class Echo(socketserver.BaseRequestHandler):
    """Says what it hears."""

    def handle(self) -> None:
        while data := self.request.recv(1000):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    """On any port; it waits for its connections' threads at the end."""

    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was reset is what the tests are about."""


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[str, int]]:
    """The address of a server that says what it hears."""
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield "127.0.0.1", server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(echo: tuple[str, int]) -> Iterator[Proxy]:
    """A proxy before it."""
    with proxied(*echo) as made:
        yield made


def connect(proxy: Proxy) -> socket.socket:
    """A connection through it."""
    return socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_SECONDS)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the connection ends; raises ConnectionResetError where it is reset."""
    found = b""
    while data := connection.recv(65_536):
        found += data
    return found


def hears(connection: socket.socket, count: int) -> bytes:
    """The next so many bytes."""
    found = b""
    while len(found) < count:
        found += connection.recv(count - len(found))
    return found


def hears_nothing(connection: socket.socket) -> bool:
    """Whether nothing comes within a moment."""
    connection.settimeout(0.05)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE_SECONDS)


@pytest.mark.parametrize("count", [1, 7, 100_000])
def test_bytes_arrive_as_they_are(proxy: Proxy, count: int) -> None:
    """However small the pieces that they come in, they are the same bytes in the same order."""
    proxy.split(count)
    said = random.Random(count).randbytes(3_000)
    with connect(proxy) as connection:
        connection.sendall(said)
        assert hears(connection, len(said)) == said


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("count", [0, 1, 500])
def test_it_cuts_at_any_byte(proxy: Proxy, direction: Direction, count: int) -> None:
    """As many bytes as were said still go that way, and the connection ends."""
    proxy.cut_after(count, direction)
    with connect(proxy) as connection:
        connection.sendall(bytes(600))
        found = all_of(connection)
    assert len(found) <= count
    if direction is Direction.TO_CLIENT:
        assert len(found) == count
    assert proxy.counted["cut"] == 1
    with connect(proxy) as connection:  # that one only
        connection.sendall(b"again")
        assert hears(connection, 5) == b"again"


def test_it_cuts_all_there_are(proxy: Proxy) -> None:
    """Connections end, or are reset; the next ones are served."""
    for reset in (False, True):
        with connect(proxy) as one, connect(proxy) as other:
            for each in (one, other):
                each.sendall(b"x")
                assert hears(each, 1) == b"x"
            assert proxy.cut(reset=reset) == 2
            for each in (one, other):
                if reset:
                    with pytest.raises(ConnectionResetError):
                        all_of(each)
                else:
                    assert all_of(each) == b""


def test_it_holds_back_one_direction(proxy: Proxy) -> None:
    """What is said is heard over there, and the answer stays away until it is calm."""
    with connect(proxy) as connection:
        proxy.stall(Direction.TO_CLIENT)
        connection.sendall(b"hello")
        assert hears_nothing(connection)
        proxy.calm()
        assert hears(connection, 5) == b"hello"


def test_a_partition(proxy: Proxy, echo: tuple[str, int]) -> None:
    """Whoever connects is let in and hears nothing; whoever leaves is not missed."""
    with connect(proxy) as old, connect(proxy) as leaving:
        proxy.wait_for("connections", 2)
        proxy.stall()
        leaving.close()
        with connect(proxy) as new:
            for each in (old, new):
                each.sendall(b"hello")
            assert hears_nothing(old)
            assert hears_nothing(new)
            with socket.create_connection(echo) as beside:  # the server is well
                beside.sendall(b"x")
                assert hears(beside, 1) == b"x"
            proxy.calm()
            for each in (old, new):
                assert hears(each, 5) == b"hello"


def test_it_refuses(proxy: Proxy) -> None:
    """Nobody listens; connections that there are go on; later it listens on the same port."""
    with connect(proxy) as old:
        proxy.wait_for("connections")
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        old.sendall(b"hello")
        assert hears(old, 5) == b"hello"
        proxy.calm()
        connect(proxy).close()


def test_it_delays(proxy: Proxy) -> None:
    """Each way takes longer."""
    proxy.delay(0.02)
    with connect(proxy) as connection:
        began = time.monotonic()
        connection.sendall(b"x")
        hears(connection, 1)
        assert time.monotonic() - began >= 0.04


def test_a_storm_comes_from_its_seed() -> None:
    """The same generator gives the same fates."""
    storms = [Storm(random.Random(5), cut=0.1, delay=0.3, commit=0.2, answer=0.2) for _ in range(2)]
    fates = [[storm.fate(100) for _ in range(200)] for storm in storms]
    assert fates[0] == fates[1]
    assert {fate.cut_at is None for fate in fates[0]} == {True, False}
    assert max(fate.wait_seconds for fate in fates[0]) > 0


def test_a_server_that_is_away(echo: tuple[str, int]) -> None:
    """A client is let in, and its connection ends."""
    with proxied(echo[0], free_port()) as proxy, connect(proxy) as connection:
        assert all_of(connection) == b""
