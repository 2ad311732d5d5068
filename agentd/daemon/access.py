"""The ways to the database: of commands, of queries, and of what the daemon asks for itself.

The rule this file keeps: where the store is decides here, and nowhere else, on which threads it is
used.
"""

from collections.abc import Callable, Sequence

from agentd.api import RuntimeMetrics
from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.clock import Clock
from agentd.daemon.conflicts import Conflicts
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.database_server import DatabaseServer
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.following import Following
from agentd.daemon.grace import Grace
from agentd.daemon.looks import LocalLooks, Looks, RemoteLooks
from agentd.daemon.queries import Queries
from agentd.daemon.remote_queries import RemoteQueries
from agentd.daemon.remote_writer import RemoteWriter
from agentd.daemon.writer import Writer
from agentd.journal import Recorded
from agentd.store import ServedStore


class Access:
    """To a store in a file, or to one on a server that a request waits for so many seconds."""

    def __init__(
        self,
        store: ServedStore,
        clock: Clock,
        grace: Grace,
        counters: RuntimeMetrics,
        wait_secs: float,
    ) -> None:
        self._store = store
        self._counters = counters
        self._server = DatabaseServer(clock.now, grace, wait_secs)
        self.looks: Looks
        self.looks = RemoteLooks(store, self._server) if store.is_remote else LocalLooks(store)

    def make_writer(
        self,
        contexts: ContextFactory,
        after_commit: Callable[[Sequence[Recorded]], None],
        give_up: Callable[[], None],
        has_room: Callable[[], bool],
        on_batch_end: Callable[[], None],
    ) -> Writer:
        """The one writer; for the arguments see there."""
        store = self._store
        if not store.is_remote:
            return Writer(store, contexts, after_commit, give_up, has_room)
        conflicts = Conflicts(self._counters)
        return RemoteWriter(
            store, contexts, after_commit, self._server, conflicts, has_room, on_batch_end
        )

    def make_following(
        self, last_seq: int, hand_on: Callable[[Sequence[Recorded]], None], writer: Writer
    ) -> Following | None:
        """Who tells of what others record behind that place; None where nobody else does."""
        follower, counters = self._store.follow(), self._counters
        if follower is None:
            return None
        return Following(
            follower,
            last_seq,
            hand_on,
            lambda: writer.is_busy,
            lambda: counters.waiting_requests > 0,
        )

    def make_queries(
        self, contexts: ContextFactory, memory: AnswerMemory, waiters: EventWaiters
    ) -> Queries:
        """Who answers queries; for the arguments see there."""
        store = self._store
        if not store.is_remote:
            return Queries(store, contexts, memory, waiters)
        return RemoteQueries(store, contexts, memory, waiters, self._server)
