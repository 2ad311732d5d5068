"""The store on a PostgreSQL server, through psycopg; the only room that imports psycopg.

The rule this file keeps: who reads has a snapshot, a connection of its own, and waits for nobody.
How one writes is in `writing`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from agentd.store.postgres.connecting import connect, connect_tool
from agentd.store.postgres.connections import Connections
from agentd.store.postgres.driver_errors import raise_storage_errors
from agentd.store.postgres.listening import Listening
from agentd.store.postgres.migrate import migrate, refuse_schema, refuse_unfinished
from agentd.store.postgres.pooling import refuse_deafness
from agentd.store.postgres.reader import PostgresReader
from agentd.store.postgres.session import NOW, Session
from agentd.store.postgres.shadow import PostgresShadow
from agentd.store.postgres.tx import PostgresTx
from agentd.store.postgres.writing import PATIENCE_SECONDS, Writing
from agentd.store.sqlite.shadow import folding_place

_MOMENT = (f"SELECT greatest(at, {NOW}) FROM journal_end", None)


class PostgresStore:
    """A database on a server. `write` belongs to one thread; every `read` has its own connection.

    `on_moment` is told what the server's clock says, in Unix milliseconds and not before the
    journal's last moment, while the lock is held.
    """

    is_remote = True

    def __init__(
        self,
        url: str,
        on_moment: Callable[[int], None] = lambda _moment: None,
        patience: float = PATIENCE_SECONDS,
        connect_to: Callable[[str], Session] = connect,
    ) -> None:
        self._connections = Connections(url, connect_to)
        self._writing = Writing(self._connections, on_moment, patience)
        self._on_moment = on_moment

    @classmethod
    def open(
        cls,
        url: str,
        on_moment: Callable[[int], None] = lambda _moment: None,
        patience: float = PATIENCE_SECONDS,
    ) -> "PostgresStore":
        """The database at `url`, with agentd's schema in it: made, or migrated, where due.

        Raises `DatabaseGone`, `DatabaseRefused`.
        """
        store = cls(url, on_moment, patience)
        store._start(migrate)
        return store

    @classmethod
    def open_existing(cls, url: str) -> "PostgresStore":
        """The database at `url` as it is, for a tool. Raises `DatabaseGone`, `DatabaseRefused`."""
        store = cls(url, connect_to=connect_tool)
        store._start(refuse_schema)
        return store

    def _start(self, prepare: Callable[[Session], object]) -> None:
        """The first connections, once they are known to be good."""
        sessions: list[Session] = []
        try:
            sessions.extend(self._connections.connect_first() for _ in range(2))
            session, other = sessions
            with raise_storage_errors(session.connection):
                refuse_deafness(session, other)
                prepare(session)
                refuse_unfinished(session)
                self._on_moment(session.run(_MOMENT)[0][0])
        except BaseException:
            for session in sessions:
                session.close()
            raise
        for session in sessions:
            self._connections.release(session)

    def write(self) -> AbstractContextManager[PostgresTx]:
        """See `Store.write`. Raises `DatabaseGone`, `OutcomeUnknown`, `Conflict`."""
        return self._writing.transaction()

    @contextmanager
    def read(self) -> Iterator[PostgresReader]:
        """See `Store.read`. Raises `DatabaseGone`."""
        session = self._connections.take_snapshot()
        try:
            with raise_storage_errors(session.connection):
                yield PostgresReader(session)
                session.run(("COMMIT", None))
        finally:
            self._connections.give_back(session)

    @contextmanager
    def shadow(self) -> Iterator[PostgresShadow]:
        """See `Store.shadow`."""
        with folding_place() as place:
            session = self._connections.connect()
            try:
                with raise_storage_errors(session.connection):
                    yield PostgresShadow(place, session)
            finally:
                self._connections.drop(session)

    def interrupt(self) -> None:
        """End whatever is waited for, from another thread: it is told that the server is gone."""
        self._writing.interrupt()
        self._connections.interrupt()

    def follow(self) -> Listening:
        """See `ServedStore.follow`."""
        return Listening(self._connections.url, self._writing.serves)

    def checkpoint(self) -> bool:
        """See `ServedStore.checkpoint`: the server sees to it."""
        return True

    def wait_for_turn(self) -> None:
        """See `ServedStore.wait_for_turn`: no read is in the way of a write."""

    def close(self) -> None:
        """See `Store.close`: what a thread waits for ends, and the thread lets go of it."""
        self._writing.interrupt()
        self._connections.close(self._writing.session)
