"""What every connection shares: the writer, the queries, and who may connect."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence

from agentd.daemon.clock import Clock
from agentd.daemon.connection import RECEIVED_AT_ONCE, Connection
from agentd.daemon.connection_needs import ServedConnection
from agentd.daemon.contexts import Contexts
from agentd.daemon.counters import count_attempt, count_event, new_counters
from agentd.daemon.grace import Grace
from agentd.daemon.log import Seldom, logger
from agentd.daemon.queries import Queries
from agentd.daemon.room import Room
from agentd.daemon.seats import Seats
from agentd.daemon.sizes import ContextSizes
from agentd.daemon.stalls import Stalls
from agentd.daemon.sweeper import Sweeper
from agentd.daemon.writer import Writer
from agentd.events import LeaseExpired, LeaseExtended, NodeAcquired
from agentd.journal import Recorded
from agentd.peers import peer_uid
from agentd.store import CheckpointedStore

SHORTEST_DRAIN_SECONDS = 1.0
"""How long clients have to read their last answers, however late the word to stop was heard."""


class Service:
    """The daemon without its process: a store that is open, and connections to serve."""

    def __init__(
        self,
        store: CheckpointedStore,
        clock: Clock,
        lease_ms: int,
        event_limit: int,
        give_up: Callable[[], None],
    ) -> None:
        """`give_up` is called when the disk can no longer be trusted."""
        self._counters = new_counters()
        self._store = store
        self.grace = Grace(clock.now(), lease_ms)
        contexts = Contexts(clock, self.grace, self._counters, lease_ms, event_limit)
        self.room = Room(self._is_room)
        self.seats = Seats(Stalls(), self._has_room)
        self.sizes = ContextSizes()
        self.writer = Writer(store, contexts, self._watch, give_up, self._has_room)
        self.queries = Queries(store, contexts, self.room)
        self.sweeper = Sweeper(store, self.writer, clock, self.grace)
        self.stalls = Stalls(lambda: self.room.is_tight)
        self.connections: set[ServedConnection] = set()
        self.buffer = bytearray(RECEIVED_AT_ONCE)  # what arrives goes through it
        self._entering: set[ServedConnection] = set()
        self._deserted = asyncio.Event()
        self._allowed = {0, os.getuid()}
        self._strangers = Seldom()

    def admits(self, client: socket.socket) -> bool:
        """Whether the client is the same user, or root."""
        uid = peer_uid(client)
        if uid not in self._allowed:
            self._strangers.warning("refused a connection from user %d", uid)
        return uid in self._allowed

    def acquire_took(self, nanoseconds: int) -> None:
        """Count an AcquireNextNode, waiting and commit included."""
        count_attempt(self._counters, nanoseconds // 1_000)

    def _watch(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            count_event(self._counters, each.kind)
            event = each.event
            if isinstance(event, NodeAcquired | LeaseExtended):
                self.sweeper.lease_ends(event.lease_expires_at)
            elif isinstance(event, LeaseExpired):
                logger.info(
                    "rolled back node %s: %s let the lease run out", each.node_id, event.lease_owner
                )

    def _has_room(self) -> bool:
        return not self.room.is_tight

    def _is_room(self) -> None:
        self.writer.go_on()
        self.seats.go_on()

    @property
    def crowd(self) -> int:
        """How many connections there are, those included that are being made."""
        return len(self.connections) + len(self._entering)

    def let_in(self) -> Connection:
        """A connection that is about to be made."""
        connection = Connection(self)
        self._entering.add(connection)
        return connection

    def connected(self, connection: ServedConnection) -> None:
        """It has been made."""
        self._entering.discard(connection)
        self.connections.add(connection)

    def disconnected(self, connection: ServedConnection) -> None:
        """Forget a connection."""
        self._entering.discard(connection)
        self.connections.discard(connection)
        self.seats.leave(connection)
        self.queries.forget(connection)
        self.writer.withdraw(connection)
        if not self.connections:
            self._deserted.set()

    async def drain(self, seconds: float) -> None:
        """Answer what was read, or refuse what is large and not begun; then close.

        After so many seconds, counted from the word to do so, whatever is left is closed.
        """
        self.sweeper.stop()
        seconds = max(seconds - self.writer.stop(), SHORTEST_DRAIN_SECONDS)
        self.queries.stop()
        for connection in list(self.connections):
            connection.stop_reading()
        if self.connections:
            self._deserted.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._deserted.wait(), seconds)
        for connection in list(self.connections):
            connection.abort()
        self.queries.close()
