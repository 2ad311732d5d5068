"""A database on a server that is filled from another one.

The rule this file keeps: it is the end of the journal that says so, `folds` below 0, and every
daemon looks there before it writes. COPY writes records some ten times as fast as statements do.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from msgspec.structs import astuple

from agentd.answers import Answered
from agentd.errors import AlreadyRunning, DatabaseRefused
from agentd.journal import Recorded
from agentd.store.postgres import PostgresStore
from agentd.store.postgres.connecting import APPLICATION, connect_tool, tool_session
from agentd.store.postgres.driver_errors import raise_storage_errors
from agentd.store.postgres.migrate import migrate, refuse_schema, schema_version
from agentd.store.postgres.reader import PostgresReader
from agentd.store.postgres.session import Session
from agentd.store.postgres.shadow import PostgresShadow
from agentd.store.postgres.writing import LINE
from agentd.store.sql.statements import JOURNAL_COLUMNS, values_of
from agentd.store.sql.tables.requests import COLUMNS

_END = "SELECT seq, folds FROM journal_end"
_LOCK = f"{_END} FOR UPDATE"
_BEGUN = "UPDATE journal_end SET folds = -1"
_MOVED = "UPDATE journal_end SET seq = $1, at = $2"
_FINISHED = "UPDATE journal_end SET folds = 1"
# Of another role's sessions the server tells nothing but their names, unless one may see all.
_DAEMONS = (
    "SELECT DISTINCT CASE WHEN backend_start IS NULL THEN 'places that this role may not see' "
    "ELSE coalesce(host(client_addr), 'the server''s own machine') END "
    "FROM pg_stat_activity "
    f"WHERE datname = current_database() AND application_name = '{APPLICATION}' ORDER BY 1"
)
_COPY_JOURNAL = f"COPY journal ({JOURNAL_COLUMNS}) FROM STDIN (FORMAT BINARY)"
_JOURNAL_TYPES = (
    *("int8", "text", "text", "int8", "text", "text", "int8", "int8", "bytea", "bytea", "bytea"),
)
_COPY_REQUESTS = f"COPY requests ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
_REQUEST_TYPES = ("text", "bytea", "int8", "int8", "int8", "bool", "int8", "int8")

_ENDING_SECONDS = 3.0
"""How long the server may still show the sessions of a daemon that was stopped."""

_LOOK_SECONDS = 0.05


def has_events(url: str) -> bool:
    """Whether there is a whole database at `url`, with events in it.

    Raises `DatabaseGone`, `DatabaseRefused`.
    """
    with tool_session(url) as session:
        if not schema_version(session):
            return False
        refuse_schema(session)
        [(seq, folds)] = session.run((_END, None))
    return bool(seq > 0 and folds >= 0)


def refuse_daemons(url: str) -> None:
    """Raise `AlreadyRunning` where a daemon is connected to the database."""
    with tool_session(url) as session:
        end = time.monotonic() + _ENDING_SECONDS
        while machines := [machine for (machine,) in session.run((_DAEMONS, None))]:
            if time.monotonic() >= end:
                break
            time.sleep(_LOOK_SECONDS)
    if machines:
        raise AlreadyRunning(
            "daemons work on the database on the server: stop them, and repeat; they are at "
            f"{', '.join(machines)}"
        )


class PostgresIntake:
    """See `Intake`."""

    def __init__(self, url: str, session: Session) -> None:
        self._store = PostgresStore(url, connect_to=connect_tool)
        self._session = session

    @classmethod
    def open(cls, url: str) -> "PostgresIntake":
        """The database at `url`, with agentd's schema in it, made where due.

        No daemon works on it from here on. Raises `DatabaseGone`, `DatabaseRefused`, of one that
        is whole too.
        """
        session = connect_tool(url)
        try:
            with raise_storage_errors(session.connection):
                migrate(session)
            intake = cls(url, session)
            intake._begin()
        except BaseException:
            session.close()
            raise
        return intake

    def read(self) -> AbstractContextManager[PostgresReader]:
        """See `Intake.read`."""
        return self._store.read()

    def shadow(self) -> AbstractContextManager[PostgresShadow]:
        """See `Intake.shadow`."""
        return self._store.shadow()

    def add(self, records: Sequence[Recorded]) -> None:
        """See `Intake.add`."""
        last = records[-1]
        rows = (values_of(each) for each in records)
        with raise_storage_errors(self._session.connection):
            seq, folds = self._lock()
            if folds >= 0 or seq >= records[0].seq:
                self._refuse_another()
            self._copy(_COPY_JOURNAL, _JOURNAL_TYPES, rows)
            self._session.run((_MOVED, (last.seq, last.at)), ("COMMIT", None))

    def finish(self, answered: Iterable[Answered]) -> None:
        """See `Intake.finish`."""
        with raise_storage_errors(self._session.connection):
            _, folds = self._lock()
            if folds >= 0:
                self._refuse_another()
            self._session.run(("DELETE FROM requests", None))
            self._copy(_COPY_REQUESTS, _REQUEST_TYPES, map(astuple, answered))
            self._session.run((_FINISHED, None), ("COMMIT", None))

    def close(self) -> None:
        """See `Intake.close`."""
        self._session.close()
        self._store.close()

    def _begin(self) -> None:
        """Keep daemons from it."""
        with raise_storage_errors(self._session.connection):
            seq, folds = self._lock()
            if folds >= 0 and seq > 0:
                self._session.run(("ROLLBACK", None))
                raise DatabaseRefused("the database on the server has events: name an empty one")
            self._session.run((_BEGUN, None), ("COMMIT", None))

    def _lock(self) -> tuple[int, int]:
        found = self._session.run(("BEGIN", None), LINE, (_LOCK, None))
        return found[0][0], found[0][1]

    def _copy(self, sql: str, types: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        with self._session.connection.cursor().copy(sql) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _refuse_another(self) -> NoReturn:
        self._session.run(("ROLLBACK", None))
        raise DatabaseRefused("somebody else fills the same database on the server: let it end")
