"""Sends a worker's heartbeats: `python -m agentd.worker.heartbeat_child PID ADDRESS`.

The rule this file keeps: a lease is kept while the worker is there and goes on, whatever its
interpreter is busy with, and no longer. The worker says on standard input, a socket, what is to be
kept; where that closes, or the worker is another's child than ours, this process ends at once, and
while the worker is stopped (Ctrl-Z) no heartbeat goes out. Signals are the worker's affair: it may
still be at work when all processes of a terminal or a service are told to end.
"""

import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from agentd.client.blocking import Client
from agentd.client.heartbeats import Heartbeats, HeldLease, HolderStopped, boot_clock
from agentd.client.requests.request import Request
from agentd.worker.process_state import is_stopped

_LOOK_SECONDS = 5.0
"""Seconds between two looks at whether the worker is there, where its socket tells nothing."""

_PIECE = 64 * 1024


class Keep(Struct, array_like=True, tag="keep"):
    """Keep a lease (task, node and lease id) from `at` on, seconds of the boot clock."""

    key: int
    lease: tuple[str, str, str]
    seconds: float
    age: float
    at: float


class Release(Struct, array_like=True, tag="release"):
    """Keep that lease no longer."""

    key: int


class Lost(Struct, array_like=True, tag="lost"):
    """What the worker is told: that lease is gone."""

    key: int
    why: str


_decode = msgspec.json.Decoder(Keep | Release).decode
_encode = msgspec.json.Encoder().encode


class _Leases:
    """Those that the worker holds, by the keys that it gave them."""

    def __init__(
        self, connection: socket.socket, ask: Callable[[Request[Any], float], Any]
    ) -> None:
        self._connection = connection
        self._heartbeats = Heartbeats(ask)
        self._held: dict[int, HeldLease] = {}

    def take(self, line: bytes) -> None:
        """Do what the worker said."""
        said = _decode(line)
        if isinstance(said, Keep):
            age = said.age + boot_clock() - said.at
            self._held[said.key] = self._heartbeats.keep(
                said.lease, said.seconds, lambda why: self._tell(said.key, why), age
            )
        elif (held := self._held.pop(said.key, None)) is not None:
            self._heartbeats.release(held)

    def _tell(self, key: int, why: str) -> None:
        self._held.pop(key, None)
        self._connection.sendall(_encode(Lost(key, why)) + b"\n")


def main(worker: int, address: str) -> None:
    """Until the worker, the process of that number, is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    client = Client(address)

    def ask(request: Request[Any], seconds: float) -> Any:
        _end_without(worker)
        if is_stopped(worker):
            raise HolderStopped
        return client.ask(request, seconds)

    connection = socket.socket(fileno=0)
    leases, unread = _Leases(connection, ask), b""
    while piece := _receive(connection, worker):
        *lines, unread = (unread + piece).split(b"\n")
        for line in lines:
            leases.take(line)
    os._exit(0)  # a heartbeat that is under way may take its time


def _receive(connection: socket.socket, worker: int) -> bytes:
    """What comes next; nothing when the worker is gone."""
    while not select.select([connection], [], [], _LOOK_SECONDS)[0]:
        _end_without(worker)
    try:
        return connection.recv(_PIECE)
    except ConnectionError:
        return b""


def _end_without(worker: int) -> None:
    """End where the worker is gone, though a program that it has forked holds its socket."""
    if os.getppid() != worker:
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
