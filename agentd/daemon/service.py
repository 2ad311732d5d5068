"""What every connection shares: the writer, the queries, and who may connect."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence

from agentd.api.pages import LARGEST_PLACE
from agentd.daemon.access import Access
from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.clock import Clock
from agentd.daemon.connection import RECEIVED_AT_ONCE, Connection
from agentd.daemon.connection_needs import ServedConnection
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.context_sizes import ContextSizes
from agentd.daemon.counters import count_attempt, new_counters
from agentd.daemon.database_server import WAIT_SECONDS
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.grace import Grace
from agentd.daemon.lock_waiters import LockWaiters
from agentd.daemon.log import RateLimitedLog
from agentd.daemon.long_line_permits import LongLinePermits
from agentd.daemon.notifier import Notifier
from agentd.daemon.openings import Openings
from agentd.daemon.own_records import OwnRecords
from agentd.daemon.stall_detector import StallDetector
from agentd.daemon.sweeper import Sweeper
from agentd.daemon.waiters import Waiters
from agentd.daemon.workers import Workers
from agentd.journal import Recorded
from agentd.peers import peer_uid
from agentd.store import ServedStore

SHORTEST_DRAIN_SECONDS = 1.0
"""How long clients have to read their last answers, however late the word to stop was heard."""


class Service:
    """The daemon without its process: a store that is open, and connections to serve."""

    notifier: Notifier | None = None
    """Who tells people of what happens, where they want that."""

    def __init__(
        self,
        store: ServedStore,
        clock: Clock,
        lease_ms: int,
        event_limit: int,
        give_up: Callable[[], None],
        context_bytes: int | None = None,
        wait_secs: float = WAIT_SECONDS,
    ) -> None:
        """`give_up` is called when the disk can no longer be trusted.

        A request waits `wait_secs` for the database's server, where it has one.
        """
        self._counters = new_counters()
        self.grace = Grace(clock.now(), lease_ms)
        with store.read() as reader:
            leased = reader.expired_leases(-1, LARGEST_PLACE)
            self.workers = Workers(clock.now, leased)
            last_seq = reader.last_seq()
        self.event_waiters = EventWaiters(last_seq, self._counters, self._somebody_waits)
        self.waiters = Waiters(self._counters, self.workers, leased)
        self.lock_waiters = LockWaiters(self._counters)
        self._access = Access(store, clock, self.grace, self._counters, wait_secs)
        self._openings = Openings(self._access.looks, clock, self.waiters.limits_opened)
        contexts = ContextFactory(
            clock,
            self.grace,
            self._counters,
            lease_ms,
            event_limit,
            context_bytes,
            self.workers,
        )
        self.memory = AnswerMemory(self._resume_waiting)
        self.permits, self.sizes = LongLinePermits(StallDetector(), self._has_room), ContextSizes()
        self.writer = self._access.make_writer(
            contexts, self._after_commit, give_up, self._has_room, self._note_batch_end
        )
        self._following = self._access.make_following(last_seq, self._hand_on, self.writer)
        self.queries = self._access.make_queries(contexts, self.memory, self.event_waiters)
        self.sweeper = Sweeper(self._access.looks, self.writer, clock, self.grace)
        self._own_records = OwnRecords(self._counters, self.sweeper)
        self.buffer = bytearray(RECEIVED_AT_ONCE)  # what arrives goes through it
        self.connections: set[ServedConnection] = set()
        self._connecting: set[ServedConnection] = set()
        self._allowed, self._stranger_log = {0, os.getuid()}, RateLimitedLog()
        self._all_gone, self.stalls = asyncio.Event(), StallDetector(lambda: self.memory.is_tight)

    def admits(self, client: socket.socket) -> bool:
        """Whether the client is the same user, or root."""
        uid = peer_uid(client)
        if uid not in self._allowed:
            self._stranger_log.warning("refused a connection from user %d", uid)
        return uid in self._allowed

    def count_acquire(self, nanoseconds: int) -> None:
        """Count a question for a node, from when it was read or woken to its commit."""
        count_attempt(self._counters, nanoseconds // 1_000)

    def _after_commit(self, recorded: Sequence[Recorded]) -> None:
        self._own_records.committed(recorded)
        if self.notifier is not None:
            self.notifier.committed(recorded)
        if self._following is None:
            self._hand_on(recorded)
        elif recorded:
            self.event_waiters.note_newest(recorded[-1].seq)
            self._following.committed(recorded)

    def _hand_on(self, recorded: Sequence[Recorded]) -> None:
        """Tell those who wait here, whichever daemon has recorded it."""
        self.workers.committed(recorded)
        self.event_waiters.committed(recorded)
        self.waiters.committed(recorded)
        self.lock_waiters.committed(recorded)
        self._openings.committed(recorded)

    def _note_batch_end(self) -> None:
        if self._following is not None:
            self._following.note_batch_end()

    def _somebody_waits(self) -> None:
        if self._following is not None:
            self._following.somebody_waits()

    def forget_wait(self, connection: ServedConnection) -> None:
        """No request of it waits any more."""
        self.waiters.forget(connection)
        self.lock_waiters.forget(connection)
        self.event_waiters.forget(connection)

    def is_waiting(self, connection: ServedConnection) -> bool:
        """Whether a request of it waits for work, for a lock or for events."""
        waiters = self.waiters, self.lock_waiters, self.event_waiters
        return any(connection in each for each in waiters)

    def _has_room(self) -> bool:
        return not self.memory.is_tight

    def _resume_waiting(self) -> None:
        self.writer.go_on()
        self.permits.go_on()

    @property
    def connection_count(self) -> int:
        """How many connections there are, those included that are being made."""
        return len(self.connections) + len(self._connecting)

    def new_connection(self, kind: type[Connection] = Connection) -> Connection:
        """A connection that is about to be made."""
        connection = kind(self)
        self._connecting.add(connection)
        return connection

    def add_connection(self, connection: ServedConnection) -> None:
        """It has been made."""
        self._connecting.discard(connection)
        self.connections.add(connection)

    def forget_connection(self, connection: ServedConnection) -> None:
        """Forget a connection."""
        self._connecting.discard(connection)
        self.connections.discard(connection)
        self.permits.leave(connection)
        self.queries.forget(connection)
        self.writer.withdraw(connection)
        self.forget_wait(connection)
        if not self.connections:
            self._all_gone.set()

    async def drain(self, seconds: float) -> None:
        """Answer what was read, or refuse what is large and not begun; then close.

        After so many seconds, counted from the word to do so, whatever is left is closed.
        """
        self.sweeper.stop()
        self._openings.stop()
        if self._following is not None:
            self._following.stop()
        if self.notifier is not None:
            self.notifier.stop()
        seconds = max(seconds - self.writer.stop(), SHORTEST_DRAIN_SECONDS)
        self.waiters.stop()
        self.lock_waiters.stop()
        self.event_waiters.stop()
        self.queries.stop()
        for connection in list(self.connections):
            connection.stop_reading()
        if self.connections:
            self._all_gone.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), seconds)
        for connection in list(self.connections):
            connection.abort()
        self.writer.close()
        self.queries.close()
        self._access.looks.close()
        if self._following is not None:
            self._following.close()
        if self.notifier is not None:
            await self.notifier.close()
