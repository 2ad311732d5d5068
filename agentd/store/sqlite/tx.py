"""The write transaction in SQLite: how rows, records and answered requests are written.

The rule this file keeps: a row that is known to be there is updated, and where only its counters
have changed, only these; either is cheaper than putting the whole of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
from msgspec import Struct
from msgspec.structs import astuple, replace

from agentd.answers import Answered
from agentd.journal import Recorded
from agentd.projections import PROJECTIONS, Key
from agentd.store.sql.cache import Cache
from agentd.store.sql.statements import JOURNAL_COLUMNS, RECORD_COLUMNS, values_of
from agentd.store.sql.tables.requests import COLUMNS, FORGET
from agentd.store.sql.tx import SqlTx
from agentd.store.sqlite.reader import SqliteReader

_COUNTERS = {p.name: p.counters for p in PROJECTIONS if p.counters}
_BOUND = ", ".join("?" * len(RECORD_COLUMNS))
_APPEND = f"INSERT INTO journal ({JOURNAL_COLUMNS}) VALUES ({_BOUND})"
_REMEMBER = f"INSERT INTO requests ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class SqliteTx(SqlTx, SqliteReader):
    """One transaction on the write connection; `SqliteStore.write` begins and ends it."""

    def __init__(self, connection: apsw.Connection, cache: Cache) -> None:
        # Inside the transaction: https://sqlite.org/pragma.html#pragma_data_version
        cache.keep_only(connection.execute("PRAGMA data_version").get)
        super().__init__(connection, cache)
        self._executemany = connection.executemany

    def adopt(self, records: Sequence[Recorded]) -> None:
        """Add records as another database has them, and make nothing of them."""
        self._write(_APPEND, [values_of(recorded) for recorded in records])
        self.last = records[-1]
        self._cache.clear()

    def adopt_answered(self, answered: Iterable[Answered]) -> None:
        """Remember these requests, and no others."""
        self._execute("DELETE FROM requests")
        self._executemany(_REMEMBER, map(astuple, answered))

    def _write_records(self) -> None:
        self._write(_APPEND, [values_of(recorded) for recorded in self._appended])

    def _write_answered(self) -> None:
        if self._answered:
            self._executemany(_REMEMBER, [astuple(a) for a in self._answered.values()])
            self._execute(FORGET, self._to_forget())

    def _write_changed(self, name: str, changed: dict[Key, Any]) -> None:
        rows, tables = self._rows[name], self._tables
        put, update, remove = tables.put[name], tables.update[name], tables.remove[name]
        writes: dict[str, list[tuple[Any, ...]]] = {}
        for key, before in changed.items():
            row = rows[key]
            if row is None:
                writes.setdefault(remove, []).append(key)
            elif before is None:  # it may be new
                writes.setdefault(put, []).append(astuple(row))
            elif before != row and update is not None:  # else it changed, and changed back
                if (counts := _counts(name, before, row)) is not None:
                    writes.setdefault(tables.count[name], []).append((*counts, *key))
                else:
                    writes.setdefault(update, []).append(astuple(row))
        for sql, bindings in writes.items():
            self._write(sql, bindings)
        changed.clear()

    def _write(self, sql: str, bindings: list[tuple[Any, ...]]) -> None:
        if len(bindings) == 1:  # the one cursor is at hand
            self._cursor.execute(sql, bindings[0])
        else:
            self._executemany(sql, bindings)


def _counts(name: str, before: Struct, row: Struct) -> list[int] | None:
    """The counters of the row, where nothing but they has changed; None where something has."""
    counters = _COUNTERS.get(name)
    if counters is None:
        return None
    counts = {counter: getattr(row, counter) for counter in counters}
    return [*counts.values()] if replace(before, **counts) == row else None
