"""Stores on a PostgreSQL server, for tests that ask for an empty one every few milliseconds.

The rule this file keeps: databases and connections are used again. A database of one's own costs
20 ms, a connection that has planned all questions 100 ms; to delete what a test has left costs 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.pq import TransactionStatus

from agentd.store.postgres import PostgresStore, connecting
from agentd.store.postgres.connecting import connect
from agentd.store.postgres.connections import Connections
from agentd.store.postgres.writing import PATIENCE_SECONDS as LOOKING_SECONDS
from agentd.store.postgres.writing import Writing
from tests.daemon_process import PATIENCE_SECONDS
from tests.postgres_server import shared_server

if TYPE_CHECKING:
    from pathlib import Path

    from agentd.store.postgres.session import Session

# Where many tests share few processors, a transaction of this process may be silent for long.
connecting.HANGING_SECONDS = connecting.WRITING_SECONDS = round(PATIENCE_SECONDS)
connecting.LOCK_SECONDS = connecting.HANGING_SECONDS
# And what is idle here is kept, though the kernel has no time to answer for itself.
connecting.NETWORK["tcp_user_timeout"] = connecting.HANGING_SECONDS * 1_000

_KEPT = 4
"""Databases that nobody has open, and whose directories may be asked for again."""

_VACUUM_EVERY = 100
"""Times that a database is emptied until its files are."""

_TABLES = """
SELECT tablename FROM pg_tables
WHERE schemaname = 'agentd' AND tablename NOT IN ('journal_end', 'migrations')
"""


def migrated(url: str) -> None:
    """Make agentd's schema in an empty database."""
    PostgresStore.open(url).close()


class Database:
    """One that is used again and again, and its connections that nobody uses."""

    def __init__(self) -> None:
        self.url = shared_server().fresh_database(migrated)
        self.idle: list[Session] = []
        self.open = 0
        """Stores on it that are not closed."""
        self._emptied = 0
        self._session = connect(self.url)
        self._admin = self._session.connection
        names = [name for (name,) in self._admin.execute(_TABLES).fetchall()]
        deletions = "; ".join(f"DELETE FROM {name}" for name in names)
        end = "UPDATE journal_end SET seq = 0, at = 0, slots = 0, folds = 0"
        self._empty = f"BEGIN; {deletions}; {end}; COMMIT".encode()
        self._admin.execute("SET session_replication_role = replica")  # no trigger is asked

    def empty(self) -> None:
        """Leave nothing of what was written to it."""
        self._admin.execute(self._empty)
        self._emptied += 1
        if self._emptied % _VACUUM_EVERY == 0:
            self._admin.execute("VACUUM")

    def close(self) -> None:
        """Close its connections."""
        for session in self.idle:
            session.close()
        self._session.close()


class ReusedConnections(Connections):
    """Those of a store that outlive it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.url, connect)
        self._database = database

    def connect(self) -> Session:
        idle = self._database.idle
        return idle.pop() if idle else super().connect()

    def close(self, writer: Session | None) -> None:
        """Give back the connections that are in no transaction."""
        with self._lock:
            sessions = self._idle + ([] if writer is None else [writer])
            self._idle = []
        for session in sessions:
            if session.connection.info.transaction_status == TransactionStatus.IDLE:
                self._database.idle.append(session)
            else:
                session.close()
        self._database.open -= not self._is_closed
        super().close(None)


class ReusedStore(PostgresStore):
    """A store whose connections outlive it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.url)
        self._connections = ReusedConnections(database)
        self._writing = Writing(self._connections, self._on_moment, LOOKING_SECONDS)
        database.open += 1

    def close(self) -> None:
        """Nothing of it is in use."""
        super().close()
        self._writing.session = None


_by_directory: dict[Path, Database] = {}
"""In the order in which their directories were asked for last."""


def open_reused(directory: Path) -> ReusedStore:
    """A store on a database for this directory: asked for again, it is the same one."""
    database = _by_directory.pop(directory, None) or _find_empty()
    _by_directory[directory] = database
    return ReusedStore(database)


def _find_empty() -> Database:
    closed = [each for each, database in _by_directory.items() if database.open == 0]
    if len(closed) < _KEPT:
        return Database()
    database = _by_directory.pop(closed[0])
    database.empty()
    return database


def close_databases() -> None:
    """At the end of the suite, before their server is gone."""
    for database in _by_directory.values():
        database.close()
    _by_directory.clear()
