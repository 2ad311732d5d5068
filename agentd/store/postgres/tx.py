"""The write transaction in PostgreSQL: what was written goes to the server as late as possible.

The rule this file keeps: before an index is asked, what it must know of is sent; all the rest is
one statement at the end, together with the commit.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from agentd.errors import StorageError
from agentd.journal import Draft, Recorded
from agentd.projections import EDGES, NODES, EdgeRow, Key, NodeRow
from agentd.store.postgres.changes import Version, encode_changes
from agentd.store.postgres.dialect import to_postgres
from agentd.store.postgres.migrate import LATEST
from agentd.store.postgres.reader import PostgresReader
from agentd.store.postgres.session import Session
from agentd.store.postgres.writes import (
    NewEnd,
    Write,
    append,
    put_rows,
    remember,
    remove_rows,
    together,
)
from agentd.store.sql.cache import Cache
from agentd.store.sql.statements import SELECT_NODES, columns
from agentd.store.sql.tables.requests import FORGET
from agentd.store.sql.tx import SqlTx

_TIMES_AHEAD = 4
_SAME_NODES = f"{SELECT_NODES} WHERE node_id IN (SELECT value FROM json_each(?))"
_SAME_EDGES = (
    f"SELECT {columns(EDGES)} FROM edges WHERE dependency_id IN (SELECT value FROM json_each(?1)) "
    "AND node_id IN (SELECT value FROM json_each(?2))"
)


class End(NamedTuple):
    """The journal's last record when the lock was had: its seq and moment; and what time it was.

    Moments are Unix milliseconds of the server's clock. `folds` says how often the rows were folded
    anew, and is below 0 while the database is being filled from another one; `schema` is the
    database's.
    """

    seq: int
    at: int
    slots: int
    folds: int
    schema: int
    now: int

    @property
    def version(self) -> Version:
        """Of the rows: they are the same as long as it is."""
        return Version(self.seq, self.slots, self.folds)

    def refuse(self) -> None:
        """Raise `StorageError` where nothing may be written, or not by this agentd."""
        if self.schema > LATEST:
            raise StorageError(
                f"the database has schema {self.schema}, this agentd knows {LATEST}: start the "
                "newer one; nothing of this request is recorded"
            )
        if self.folds < 0:
            raise StorageError(
                "the database is being filled from another one (`agentd database move`): nothing "
                "of this request is recorded"
            )


class PostgresTx(SqlTx, PostgresReader):
    """One transaction of the session that writes; `PostgresStore.write` begins and ends it."""

    def __init__(self, session: Session, cache: Cache, end: End, *, has_company: bool) -> None:
        """`has_company`: other daemons write, too, and are told what changed."""
        cache.last_seq = end.seq
        super().__init__(session, cache)
        self.version = end.version
        self._end = end
        self._has_company = has_company
        self._recorded: list[Recorded] = []
        self._touched: dict[tuple[str, Key], None] = {}
        self._is_last = False
        self._writes: list[Write] = []
        self._last_statements: list[tuple[str, Any]] = []

    def last_at(self) -> int:
        """See `Reader.last_at`."""
        return self._end.at if self.last is None else self.last.at

    def append(
        self,
        task_id: str,
        expected_version: int,
        drafts: Iterable[Draft],
        at: int,
        new_id: Callable[[], str],
    ) -> list[Recorded]:
        """See `Tx.append`."""
        recorded = super().append(task_id, expected_version, drafts, at, new_id)
        if self._has_company:
            self._recorded += recorded
        if len(recorded) > 1:
            self._read_together(recorded)
        return recorded

    def flush(self) -> None:
        """Gather what waits for the end of the transaction: `ending` has it."""
        self._is_last = True
        super().flush()

    def ending(self) -> list[tuple[str, Any]]:
        """What is left to be sent, and the commit. `version` is that of the rows behind it."""
        last, end = self.last, None
        if last is not None:
            end = NewEnd(last.seq, last.at, self.version, self._changes())
            self.version = end.version
        written = [together(self._writes, end)] if self._writes else []
        return [*written, *self._last_statements, ("COMMIT", None)]

    def _reads_ahead(self) -> int:
        # Of what is read ahead other daemons take most, and each look costs a round trip.
        return _TIMES_AHEAD * super()._reads_ahead()

    def _changes(self) -> list[bytes]:
        if not self._has_company:
            return []
        return encode_changes(self._cache, self._touched, self._recorded)

    def _read_together(self, recorded: Sequence[Recorded]) -> None:
        """Read what is about to be asked of each of the records' nodes, or is not there."""
        nodes, edges = self._rows[NODES.name], self._rows[EDGES.name]
        ids = {each.node_id for each in recorded if each.node_id is not None}
        if unknown := [node_id for node_id in ids if (node_id,) not in nodes]:
            nodes.update({(node_id,): None for node_id in unknown})
            for row in self._all(_SAME_NODES, (json.dumps(unknown),)):
                nodes[row[0],] = NodeRow(*row)
        pairs = {
            (dependency, each.node_id): None
            for each in recorded
            for dependency in getattr(each.event, "dependencies", ())
        }
        if new := [pair for pair in pairs if pair not in edges]:
            edges.update(dict.fromkeys(new))
            ends = (json.dumps([pair[0] for pair in new]), json.dumps([pair[1] for pair in new]))
            for row in self._all(_SAME_EDGES, ends):
                edges[row] = EdgeRow(*row)

    def _send(self, write: Write) -> None:
        if self._is_last:
            self._writes.append(write)
        else:
            self._session.run(together([write], None))

    def _write_records(self) -> None:
        self._send(append(self._appended))

    def _write_answered(self) -> None:
        if self._answered:
            self._send(remember(self._answered.values()))
            self._last_statements.append((to_postgres(FORGET), self._to_forget()))

    def _write_changed(self, name: str, changed: dict[Key, Any]) -> None:
        rows = self._rows[name]
        gone = [key for key in changed if rows[key] is None]
        put = [row for key, before in changed.items() if (row := rows[key]) not in (None, before)]
        if gone:
            self._send(remove_rows(name, gone))
        if put:
            self._send(put_rows(name, put))
        if self._has_company:
            self._touched.update({(name, key): None for key in changed})
        changed.clear()
