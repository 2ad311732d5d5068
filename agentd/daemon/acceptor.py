"""Accepting connections: who may connect, and how many.

The rule this file keeps: connections never take the descriptors that the database needs, and where
they run out all the same, the daemon waits a moment and tries again. It accepts by itself because
the loops do not keep that rule: on a failing accept asyncio writes tens of thousands of log lines a
second (https://github.com/python/cpython/issues/151615), and libuv hangs up on the clients without
a word.
"""

import asyncio
import contextlib
import resource
import socket
from collections import deque

from agentd.daemon.connection import Connection
from agentd.daemon.log import RateLimitedLog, logger
from agentd.daemon.service import Service
from agentd.errors import Failure, TooManyConnections
from agentd.protocol import UNKNOWN_ID, encode_error

MOST_CONNECTIONS = 1_024

RESERVE = 48
"""Descriptors that are not for connections: some 30 files and pipes, and who is being sent away."""

MOST_SENT_AWAY = 8
SENT_AWAY_SECONDS = 1.0
"""How long, and how many at a time, a client that was sent away may take to read why."""

_PAUSE_SECONDS = 0.1
"""How long nobody is let in when the system has no descriptor left."""


def connection_limit(besides: int = 0) -> int:
    """How many connections this process may have, `besides` so many of clients that are unproved.

    Raises its limit of open files as far as needed, and `Failure` where not even one would fit.
    """
    reserve = RESERVE + besides
    needed = MOST_CONNECTIONS + reserve
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < needed:  # a negative number is no limit
        raised = needed if hard < 0 else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):  # what cannot be raised stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    if soft < 0 or soft >= needed:
        return MOST_CONNECTIONS
    if soft <= reserve:
        raise Failure(
            f"a process may open {soft} files here, and the daemon needs {reserve} besides its "
            "connections: raise `ulimit -n`"
        )
    logger.warning(
        "a process may open %d files here: only %d connections at a time; raise `ulimit -n` to %d",
        soft,
        soft - reserve,
        needed,
    )
    return soft - reserve


class Acceptor:
    """Lets clients in from a listening socket, up to `most` of them at a time."""

    accepted_at_once = 64
    """Clients that are let in before the others are served again."""

    def __init__(self, listening: socket.socket, service: Service, most: int) -> None:
        self._socket = listening
        self._service = service
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[object]] = set()
        self._sent_away: deque[socket.socket] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._full_log, self._failure_log = RateLimitedLog(), RateLimitedLog()

    def open(self) -> None:
        """Let clients in."""
        self._loop.add_reader(self._socket, self._accept)

    def move(self, listening: socket.socket) -> None:
        """Let clients in from another socket: the path of this one is gone, nobody comes by it."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = listening
        self.open()

    def close(self) -> None:
        """Let nobody in any more."""
        self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        for client in self._sent_away:
            client.close()
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(self.accepted_at_once):
            try:
                client, _ = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._failure_log.warning("cannot let anybody in for now: %s", error.strerror)
                self._pause(_PAUSE_SECONDS)
                return
            client.settimeout(0)
            self._admit(client)

    def _admit(self, client: socket.socket) -> None:
        if not self._service.admits(client):
            client.close()
        elif self._service.connection_count >= self._most:
            self._send_away(client)
        else:
            entering = self._loop.create_task(self._connect(client, self._service.new_connection()))
            self._connecting.add(entering)
            entering.add_done_callback(self._connecting.discard)

    async def _connect(self, client: socket.socket, connection: Connection) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client)
        except OSError as error:
            self._failure_log.warning("cannot serve a client: %s", error.strerror)
            self._service.forget_connection(connection)
            client.close()

    def _send_away(self, client: socket.socket) -> None:
        refusal = self._full()
        with contextlib.suppress(OSError):  # it may be gone already
            client.send(encode_error(UNKNOWN_ID, refusal))
            client.shutdown(socket.SHUT_WR)
        # Closed at once, its first request would break on the way, and the refusal be lost.
        self._sent_away.append(client)
        if len(self._sent_away) > MOST_SENT_AWAY:
            self._sent_away.popleft().close()
        self._loop.call_later(SENT_AWAY_SECONDS, client.close)

    def _full(self) -> TooManyConnections:
        """The refusal of one too many."""
        self._full_log.warning("refused a connection: there are %d already", self._most)
        return TooManyConnections(
            f"the daemon has {self._most} connections, its most: close some, or try again later",
            limit=self._most,
        )

    def _pause(self, seconds: float) -> None:
        """Clients stay in the queue, and the queue would wake the loop without end."""
        self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.open)
