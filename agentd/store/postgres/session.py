"""A connection to a server, with the little of APSW's interface that `store.sql` asks for.

The rule this file keeps: every question is prepared once for each connection, and what it found is
here whole when it returns; only a walk over what may be long goes on with a cursor of the server's.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg

from agentd.store.postgres.dialect import to_postgres
from agentd.store.postgres.pipeline import Pipeline

NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
"""What the server's clock says, in Unix milliseconds."""

GIVEN_UP = "no answer has come in time, and the connection was given up"
"""Why a connection broke that was interrupted: it looks as if the server had closed it."""

_FETCHED = 1_000
"""Rows of a walk that are taken at a time."""


class Rows:
    """What a question found."""

    def __init__(self, found: list[Any]) -> None:
        self._found = found

    @property
    def get(self) -> Any:
        """See `store.sql.session.Rows`."""
        if not self._found:
            return None
        row = self._found[0]
        return row[0] if len(row) == 1 else row

    def fetchall(self) -> list[Any]:
        """See `store.sql.session.Rows`."""
        return self._found

    def __iter__(self) -> Iterator[Any]:
        """See `store.sql.session.Rows`."""
        return iter(self._found)

    def close(self, force: bool = False, /) -> None:  # noqa: FBT001, FBT002 - APSW's signature
        """See `store.sql.session.Rows`: there is nothing to give back."""


class Session:
    """One connection. Raises the driver's errors; `driver_errors` says what they mean."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._cursor = connection.cursor(binary=True)
        self._pipeline = Pipeline(connection)
        self._walks = count(1)
        # A handle of its own: the driver lets go of its number whenever the connection breaks, and
        # that may be another connection's by then.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._at_socket = threading.Lock()
        self.is_given_up = False

    def cursor(self) -> "Session":
        """Itself: nothing that was found stays with it."""
        return self

    def execute(self, sql: str, bindings: Any = None, /) -> Rows:
        """See `store.sql.session.Session`."""
        return Rows(self.run((to_postgres(sql), bindings)))

    def run(self, *statements: tuple[str, Any]) -> list[Any]:
        """Statements of PostgreSQL's own, sent together; what the last of them found."""
        return self.run_all(*statements)[-1]

    def run_all(self, *statements: tuple[str, Any]) -> list[list[Any]]:
        """Statements of PostgreSQL's own, sent together; what each of them found."""
        try:
            return self._pipeline.run(statements)
        except psycopg.OperationalError as error:
            if self.is_given_up and error.sqlstate is None:
                raise psycopg.OperationalError(GIVEN_UP) from error
            raise

    def walk(self, sql: str, bindings: Any) -> Iterator[Any]:
        """What it finds, row by row, however much it is; other questions may come between."""
        name = f"walk_{next(self._walks)}"
        declare = f"DECLARE {name} NO SCROLL CURSOR FOR {to_postgres(sql)}"
        self._cursor.execute(declare, bindings)
        fetch = f"FETCH {_FETCHED} FROM {name}"
        while found := self._cursor.execute(fetch).fetchall():
            yield from found
            if len(found) < _FETCHED:
                break
        # Where nobody takes all, the end of the transaction closes it.
        self._cursor.execute(f"CLOSE {name}")

    def interrupt(self) -> None:
        """End whatever the connection waits for, from another thread: it is of no use then."""
        self.is_given_up = True
        with self._at_socket, contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give it up."""
        with contextlib.suppress(psycopg.Error):
            self.connection.close()
        with self._at_socket:
            self._socket.close()
