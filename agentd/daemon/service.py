"""What every connection shares: the writer, the queries, and who may connect."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentd.api.pages import LARGEST_PLACE
from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.clock import Clock
from agentd.daemon.connection import RECEIVED_AT_ONCE, Connection
from agentd.daemon.connection_needs import ServedConnection
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.context_sizes import ContextSizes
from agentd.daemon.counters import count_attempt, count_event, count_failure, new_counters
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.grace import Grace
from agentd.daemon.lock_waiters import LockWaiters
from agentd.daemon.log import RateLimitedLog, logger
from agentd.daemon.long_line_permits import LongLinePermits
from agentd.daemon.notifier import Notifier
from agentd.daemon.openings import Openings
from agentd.daemon.queries import Queries
from agentd.daemon.stall_detector import StallDetector
from agentd.daemon.sweeper import Sweeper
from agentd.daemon.waiters import Waiters
from agentd.daemon.workers import Workers
from agentd.daemon.writer import Writer
from agentd.events import (
    Event,
    GateOpened,
    LeaseExpired,
    LeaseExtended,
    LockAcquired,
    LockExpired,
    LockExtended,
    NodeAcquired,
    NodeAdded,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeUpdated,
    TaskCancelled,
    TaskRegistered,
)
from agentd.journal import Recorded
from agentd.peers import peer_uid
from agentd.store import CheckpointedStore

SHORTEST_DRAIN_SECONDS = 1.0
"""How long clients have to read their last answers, however late the word to stop was heard."""


LONGEST_SHOWN = 200
"""Characters of a lock's key, or of an owner, in the log."""


class Service:
    """The daemon without its process: a store that is open, and connections to serve."""

    notifier: Notifier | None = None
    """Who tells people of what happens, where they want that."""

    def __init__(
        self,
        store: CheckpointedStore,
        clock: Clock,
        lease_ms: int,
        event_limit: int,
        give_up: Callable[[], None],
        context_bytes: int | None = None,
    ) -> None:
        """`give_up` is called when the disk can no longer be trusted."""
        self._counters = new_counters()
        self._store = store
        self.grace = Grace(clock.now(), lease_ms)
        with store.read() as reader:
            leased = reader.expired_leases(-1, LARGEST_PLACE)
            self.workers = Workers(clock.now, leased)
            self.event_waiters = EventWaiters(reader.last_seq(), self._counters)
        self.waiters = Waiters(self._counters, self.workers, leased)
        self.lock_waiters = LockWaiters(self._counters)
        self._openings = Openings(store, clock, self.waiters.limits_opened)
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
        self.permits = LongLinePermits(StallDetector(), self._has_room)
        self.sizes = ContextSizes()
        self.writer = Writer(store, contexts, self._after_commit, give_up, self._has_room)
        self.queries = Queries(store, contexts, self.memory, self.event_waiters)
        self.sweeper = Sweeper(store, self.writer, clock, self.grace)
        self.stalls = StallDetector(lambda: self.memory.is_tight)
        self.connections: set[ServedConnection] = set()
        self.buffer = bytearray(RECEIVED_AT_ONCE)  # what arrives goes through it
        self._connecting: set[ServedConnection] = set()
        # By type, because nearly all events would miss most steps of a chain of isinstance.
        self._notes: Mapping[type[Event], Callable[[Recorded, Any], None]] = {
            NodeAcquired: self._note_lease,
            LeaseExtended: self._note_lease,
            LeaseExpired: self._note_expiry,
            NodeFailed: self._note_failure,
            NodeReleased: self._note_release,
            NodeAdded: self._note_node,
            NodeUpdated: self._note_update,
            TaskRegistered: self._note_registration,
            NodeRetried: self._note_retry,
            TaskCancelled: self._note_cancellation,
            GateOpened: self._note_opening,
            LockAcquired: self._note_lock,
            LockExtended: self._note_lock,
            LockExpired: self._note_lock_expiry,
        }
        self._all_gone, self._allowed = asyncio.Event(), {0, os.getuid()}
        self._stranger_log = RateLimitedLog()

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
        for each in recorded:
            count_event(self._counters, each.kind)
            note = self._notes.get(type(each.event))
            if note is not None:
                note(each, each.event)
        self.workers.committed(recorded)
        self.event_waiters.committed(recorded)
        self.waiters.committed(recorded)
        self.lock_waiters.committed(recorded)
        self._openings.committed(recorded)
        if self.notifier is not None:
            self.notifier.committed(recorded)

    def _wake_for(self, moment: int | None) -> None:
        if moment is not None:
            self.sweeper.wake_at(moment)

    def _note_lease(self, _recorded: Recorded, event: NodeAcquired | LeaseExtended) -> None:
        self.sweeper.wake_at(event.lease_expires_at)

    def _note_lock(self, _recorded: Recorded, event: LockAcquired | LockExtended) -> None:
        self.sweeper.wake_at(event.expires_at)

    def _note_lock_expiry(self, _recorded: Recorded, event: LockExpired) -> None:
        key, owner = event.key[:LONGEST_SHOWN], event.owner[:LONGEST_SHOWN]
        logger.info("the lock %r of %r lived as long as it might", key, owner)

    def _note_expiry(self, recorded: Recorded, event: LeaseExpired) -> None:
        logger.info(
            "rolled back node %s: %s let the lease run out", recorded.node_id, event.lease_owner
        )

    def _note_failure(self, recorded: Recorded, event: NodeFailed) -> None:
        count_failure(self._counters, event)
        self._wake_for(event.not_before)
        if event.how != "failed":
            why = "its time was over" if event.how == "timed_out" else "the lease ran out"
            logger.info(
                "node %s of %s is %s: %s",
                recorded.node_id,
                event.lease_owner,
                event.status,
                why,
            )

    def _note_release(self, _recorded: Recorded, event: NodeReleased) -> None:
        self._wake_for(event.not_before)

    def _note_node(self, recorded: Recorded, event: NodeAdded) -> None:
        if event.settings is not None:
            self._wake_for(event.settings.not_before)
        if event.place == 0:  # its task was there, and goes on now
            self.sweeper.check_time_of(recorded.task_id)

    def _note_update(self, _recorded: Recorded, event: NodeUpdated) -> None:
        self._wake_for(event.settings.not_before)
        self._wake_for(event.gate_timeout_at)

    def _note_opening(self, _recorded: Recorded, event: GateOpened) -> None:
        self._wake_for(event.timeout_at)

    def _note_registration(self, _recorded: Recorded, event: TaskRegistered) -> None:
        self._wake_for(event.timeout_at)

    def _note_retry(self, recorded: Recorded, event: NodeRetried) -> None:
        if event.number == 1:
            self.sweeper.check_time_of(recorded.task_id)

    def _note_cancellation(self, recorded: Recorded, event: TaskCancelled) -> None:
        logger.info("cancelled task %s by %s", recorded.task_id, event.by or "a client")

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
        self.queries.close()
        if self.notifier is not None:
            await self.notifier.close()
