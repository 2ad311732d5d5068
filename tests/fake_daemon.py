"""A socket whose answers are a script: what no daemon says, and how no daemon says it.

The rule this file keeps: it is a real Unix socket with real connections, and it knows nothing of
agentd. Connection after connection gets the next script; the last script serves all that follow.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.daemon_process import Object

    Script = Callable[["Peer"], None]


class Peer:
    """One connection from the side that answers."""

    def __init__(self, connection: socket.socket, daemon: FakeDaemon) -> None:
        self._socket = connection
        self._lines = connection.makefile("rb")
        self._requests = daemon.requests
        self.asked, self.read_on, self.closed = daemon.asked, daemon.read_on, daemon.closed

    def read(self) -> Object:
        """Wait for the next request. Raises EOFError where the client has closed."""
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise EOFError(line)
        request: Object = json.loads(line)
        self._requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        """Send these bytes and nothing else."""
        self._socket.sendall(data)

    def answer(self, result: Any) -> None:
        """Send a whole response."""
        self.send(json.dumps({"result": result}).encode() + b"\n")

    def take(self, size: int) -> None:
        """Wait for so many bytes, whatever they are."""
        self._lines.read(size)

    def until_closed(self) -> None:
        """Say nothing more until the client goes."""
        while self._lines.read(65536):
            pass

    def close(self) -> None:
        """Close both directions, whoever waits."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Give the descriptors back."""
        self._lines.close()
        self._socket.close()


class FakeDaemon:
    """What was asked: `requests` in their order of arrival, `accepted` connections.

    A script tells its test that it was `asked`, and waits for its word to `read_on`; `closed` is
    set when the first connection has come to its end.
    """

    def __init__(self, path: Path, scripts: tuple[Script, ...]) -> None:
        self.requests: list[Object] = []
        self.accepted = 0
        self.asked = threading.Event()
        self.read_on, self.closed = threading.Event(), threading.Event()
        self._scripts = scripts
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._threads.append(threading.Thread(target=self._accept))
        self._threads[0].start()

    @property
    def methods(self) -> list[str]:
        """The methods of the requests."""
        return [request["method"] for request in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the test is over
                return
            peer = Peer(connection, self)
            self._peers.append(peer)
            script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
            self.accepted += 1
            thread = threading.Thread(target=_serve, args=(peer, script))
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Close everything, whoever waits."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.read_on.set()
        for peer in self._peers:
            peer.close()
        for thread in self._threads[1:]:
            thread.join()


@contextmanager
def fake_daemon(path: Path, *scripts: Script) -> Iterator[FakeDaemon]:
    """Listen on the path until the block ends."""
    daemon = FakeDaemon(path, scripts)
    try:
        yield daemon
    finally:
        daemon.stop()


def _serve(peer: Peer, script: Script) -> None:
    with contextlib.suppress(OSError, EOFError):
        script(peer)
    peer.close()
    peer.forget()
    peer.closed.set()


def says(*lines: bytes) -> Script:
    """Answer each request with the next of these bytes, the last of them again and again."""

    def script(peer: Peer) -> None:
        sent = 0
        while True:
            peer.read()
            peer.send(lines[min(sent, len(lines) - 1)])
            sent += 1

    return script


def answers(result: Any) -> Script:
    """Answer every request with this result."""
    return says(json.dumps({"result": result}).encode() + b"\n")


def refuses(code: int, message: str, data: Object) -> Script:
    """Answer every request with this error."""
    error = {"code": code, "message": message, "data": data}
    return says(json.dumps({"id": None, "error": error}).encode() + b"\n")


def says_nothing(peer: Peer) -> None:
    """Take what comes, and never answer."""
    while True:
        peer.read()


def hangs_up(_peer: Peer) -> None:
    """Close before anything is read."""


def reads_and_hangs_up(peer: Peer) -> None:
    """Close when a request has been read: nobody knows what became of it."""
    peer.read()


def trickles(data: bytes, pause: float) -> Script:
    """Answer one request byte by byte, with `pause` seconds between two of them."""

    def script(peer: Peer) -> None:
        peer.read()
        for byte in data:
            peer.send(bytes((byte,)))
            time.sleep(pause)
        peer.until_closed()

    return script


def breaks_off(data: bytes) -> Script:
    """Answer one request with these bytes and close."""

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(data)

    return script
