"""Several statements in one message, and their answers in one go.

The rule this file keeps: whatever is sent together is one write to the socket, and a statement is
prepared once for each connection. The driver's own pipeline writes for each statement.
"""

import contextlib
from collections.abc import Generator, Iterable
from itertools import count
from typing import Any

import psycopg
from psycopg import errors
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready, Wait

Statement = tuple[str, Any]
"""Its text, with `$1` for the first thing that is bound, and what is bound: a sequence or None."""

_Key = tuple[str, tuple[int, ...]]
"""A text, and the types of what is bound: of other types it is another statement."""

_MOST_PREPARED = 1_000
"""Statements that a server keeps for a connection; what comes later is planned each time."""


class _Bound:
    """A statement as it is sent, and how its rows are read."""

    def __init__(self, connection: psycopg.Connection, sql: str, bindings: Any) -> None:
        self._driver = Transformer(connection)
        bound = bindings or ()
        self.sql = sql.encode()
        self.values = self._driver.dump_sequence(bound, [PyFormat.AUTO] * len(bound))
        self.formats = self._driver.formats
        self.types = self._driver.types or ()
        self.key: _Key = (sql, tuple(self.types))

    def load(self, result: PGresult) -> list[Any]:
        """The rows that were found."""
        if result.status != ExecStatus.TUPLES_OK:
            return []
        self._driver.set_pgresult(result)
        return self._driver.load_rows(0, result.ntuples, tuple)


class Pipeline:
    """What one connection is asked."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._names: dict[_Key, bytes] = {}
        self._numbers = count(1)

    def run(self, statements: Iterable[Statement]) -> list[list[Any]]:
        """What each of them found, as rows.

        Raises psycopg's errors: that of the first statement that failed. None behind it is carried
        out.
        """
        bound = [_Bound(self._connection, *statement) for statement in statements]
        known = len(self._names)
        try:
            results = self._ask(bound)
            return [each.load(result) for each, result in zip(bound, results, strict=True)]
        except errors.InvalidSqlStatementName:  # what is in between may have dropped them
            self._names.clear()
            raise
        except BaseException:
            for key in list(self._names)[known:]:  # the server may know nothing of it
                del self._names[key]
            raise

    def _ask(self, bound: list[_Bound]) -> list[PGresult]:
        self._libpq.enter_pipeline_mode()
        try:
            is_answer = [of for each in bound for of in self._send(each)]
            self._libpq.pipeline_sync()
            results = self._connection.wait(self._exchange())
        finally:
            with contextlib.suppress(psycopg.OperationalError):  # then it is broken
                self._libpq.exit_pipeline_mode()
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise errors.error_from_result(result)
        return [result for result, of in zip(results, is_answer, strict=True) if of]

    def _send(self, each: _Bound) -> list[bool]:
        """Send it; for each result that it will have, whether that is the statement's own."""
        name, is_new = self._names.get(each.key), False
        if name is None and len(self._names) < _MOST_PREPARED:
            name, is_new = f"agentd_{next(self._numbers)}".encode(), True
            self._libpq.send_prepare(name, each.sql, each.types)
            self._names[each.key] = name
        values, formats = each.values, each.formats
        if name is None:
            self._libpq.send_query_params(each.sql, values, each.types, formats, Format.BINARY)
        else:
            self._libpq.send_query_prepared(name, values, formats, Format.BINARY)
        return [False, True] if is_new else [True]

    def _exchange(self) -> Generator[Wait, Ready | int, list[PGresult]]:
        """Have everything sent; the results up to the end of it, or to the connection's."""
        while self._libpq.flush():  # more than the socket takes at once
            if (yield Wait.RW) & Ready.R:
                self._libpq.consume_input()
        results: list[PGresult] = []
        try:
            while (result := (yield from self._next())) is None or not _ends(result):
                if result is not None:  # which is between two statements
                    results.append(result)
        except psycopg.OperationalError:  # the server may have said why it went
            if not any(result.status == ExecStatus.FATAL_ERROR for result in results):
                raise
        return results

    def _next(self) -> Generator[Wait, Ready | int, PGresult | None]:
        while self._libpq.is_busy():
            if (yield Wait.R):
                self._libpq.consume_input()
        result = self._libpq.get_result()
        if result is None and self._libpq.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection is lost")
        return result


def _ends(result: PGresult) -> bool:
    return result.status == ExecStatus.PIPELINE_SYNC
