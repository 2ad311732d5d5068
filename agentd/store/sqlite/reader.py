"""The questions of `store.Reader` in SQL.

The rule this file keeps: every question is answered from an index; none costs more on a database
that has more in it, unless it asks for more.
"""

import json
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apsw
from msgspec import Struct

from agentd.answers import Answered
from agentd.errors import JournalDamaged, RecordDamaged
from agentd.journal import GENESIS, Head, Recorded, decode
from agentd.projections import NODES, TASKS, Key, NodeRow, Projection, TaskRow
from agentd.store.sqlite.migrate import LATEST
from agentd.store.sqlite.statements import JOURNAL_COLUMNS, MAIN, Statements, columns

_NODES = f"SELECT {columns(NODES)} FROM nodes"
_IS_RUNNABLE = "status = 'PENDING' AND waiting_on = 0"
# A task's nodes were recorded behind it, with no other task's among them: whose is not its own
# comes after all that are.
_RUNNABLE = (
    f"SELECT * FROM ({_NODES} WHERE {_IS_RUNNABLE} AND added_seq > "
    "(SELECT registered_seq FROM tasks WHERE task_id = ?1) ORDER BY added_seq LIMIT ?2) "
    "WHERE task_id = ?1"
)
_TASK_NODES = f"{_NODES} WHERE task_id = ? ORDER BY position"
_TASKS = f"SELECT {columns(TASKS)} FROM tasks"
# Ids that begin alike were registered together, so many may share a prefix: few are sorted, many
# are met along the order of registration. The + keeps the planner on the one index or the other.
_BEFORE = (
    f"{_TASKS} WHERE +task_id >= ?1 AND +task_id < ?2 AND registered_seq < ?3 "
    "ORDER BY registered_seq DESC LIMIT ?4"
)
_BEFORE_OF_FEW = (
    f"{_TASKS} WHERE task_id >= ?1 AND task_id < ?2 AND +registered_seq < ?3 "
    "ORDER BY +registered_seq DESC LIMIT ?4"
)
_RUNNABLE_OF_FEW = (
    f"{_TASKS} WHERE task_id >= ?1 AND task_id < ?2 AND +registered_seq > ?3 "
    f"AND (SELECT task_id FROM nodes WHERE {_IS_RUNNABLE} AND added_seq > registered_seq "
    "ORDER BY added_seq LIMIT 1) = tasks.task_id ORDER BY +registered_seq LIMIT ?4"
)
_SHARING = "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE task_id >= ? AND task_id < ? LIMIT ?)"
_FEW = 4_000
"""Tasks that share a prefix and are sorted, in some milliseconds."""

_NEXT_TASK = "SELECT min(registered_seq) FROM tasks WHERE registered_seq > ?"
_FIRST_RUNNABLE = (
    f"SELECT task_id FROM nodes WHERE {_IS_RUNNABLE} AND added_seq > ? ORDER BY added_seq LIMIT 1"
)
_EXPIRED = f"{_NODES} WHERE lease_expires_at > ? AND lease_expires_at <= ?"
_EXPIRED_ORDER = " ORDER BY lease_expires_at, node_id"
_RECORDS = f"SELECT {JOURNAL_COLUMNS} FROM journal"
_RECORD = f"{_RECORDS} WHERE seq = ?"
_JOURNAL = f"{_RECORDS} WHERE seq > ? ORDER BY seq LIMIT ?"
_HEARTBEAT, _LISTED, _TOLD = VISIBILITIES = range(3)
"""The values of the column `visibility`; see the migration that made it."""


def _merged(select: str, visibilities: Iterable[int], more: str = "") -> str:
    """Parts of the stream of the task `?1`, each in the index's order: SQLite merges them."""
    parts = (f"{select} WHERE task_id = ?1 AND visibility = {one}{more}" for one in visibilities)
    return f"{' UNION ALL '.join(parts)} ORDER BY version"


_STREAM = f"{_merged(_RECORDS, VISIBILITIES, ' AND seq > ?2')} LIMIT ?3"
TAIL = (
    f"{_RECORDS} WHERE task_id = ? AND visibility = {_TOLD} AND version <= ? "
    "ORDER BY version DESC LIMIT ?"
)
_SHOWN = f"{_merged(_RECORDS, (_LISTED, _TOLD), ' AND version > ?2')} LIMIT ?3"
_FIRST_OF_NEWEST = (
    f"{_merged('SELECT version FROM journal', (_LISTED, _TOLD))} DESC LIMIT 1 OFFSET ?2"
)
_SEQ = (
    f"SELECT seq FROM journal WHERE task_id = ? AND visibility IN {(*VISIBILITIES,)} "
    "AND version = ?"
)
_NEXT = (
    "SELECT seq, CAST(task_id AS BLOB) FROM journal "
    "WHERE seq > ?1 AND (?2 IS NULL OR task_id = ?2) ORDER BY seq LIMIT 1"
)
_LARGEST = 2**63 - 1
_ANSWERED = "SELECT request_id, digest, seq, event_limit, at FROM requests WHERE request_id = ?"
_NEWEST = (
    "SELECT version, hash FROM journal WHERE task_id = ? AND visibility = ? "
    "ORDER BY version DESC LIMIT 1"
)
_TAKEN = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM nodes WHERE node_id = value)"


class SqliteReader:
    """One connection's view; consistent while a transaction is open on it."""

    def __init__(self, connection: apsw.Connection, tables: Statements = MAIN) -> None:
        self._execute = connection.execute
        self._cursor = connection.cursor()
        self._tables = tables

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`."""
        rows = self._all(self._tables.get[projection.name], key)
        return projection.row(*rows[0]) if rows else None

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """See `Reader.rows`."""
        return (projection.row(*row) for row in self._execute(self._tables.rows[projection.name]))

    def next_runnable(self, task_id: str) -> NodeRow | None:
        """See `Reader.next_runnable`."""
        found = self.runnable(task_id, 1)
        return found[0] if found else None

    def runnable(self, task_id: str, limit: int) -> list[NodeRow]:
        """The first runnable nodes of the task in registration order."""
        return [NodeRow(*row) for row in self._all(_RUNNABLE, (task_id, limit))]

    def nodes(self, task_id: str) -> Iterator[NodeRow]:
        """See `Reader.nodes`."""
        return (NodeRow(*row) for row in self._execute(_TASK_NODES, (task_id,)))

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """See `Reader.tasks`."""
        sql = _BEFORE_OF_FEW if self._have_few(prefix) else _BEFORE
        last = _LARGEST if before is None else before
        return [TaskRow(*row) for row in self._all(sql, (*_beginning(prefix), last, limit))]

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """See `Reader.runnable_tasks`: from task to task, however many nodes of one there are."""
        if self._have_few(prefix):
            found = self._all(_RUNNABLE_OF_FEW, (*_beginning(prefix), after, limit))
            return [TaskRow(*row) for row in found]
        tasks: list[TaskRow] = []
        while len(tasks) < limit and (task := self._next_runnable_task(after)) is not None:
            after = task.registered_seq
            if task.task_id.startswith(prefix):
                tasks.append(task)
        return tasks

    def _have_few(self, prefix: str) -> bool:
        if not prefix:  # which all have
            return False
        [(sharing,)] = self._all(_SHARING, (*_beginning(prefix), _FEW + 1))
        return bool(sharing <= _FEW)

    def _next_runnable_task(self, after: int) -> TaskRow | None:
        [(start,)] = self._all(_NEXT_TASK, (after,))
        found = self._all(_FIRST_RUNNABLE, (start,))
        task: TaskRow | None = self.get(TASKS, found[0]) if found else None
        return task

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        return [node for (node,) in self._all(self._tables.dependents, (node_id,))]

    def expired(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired`."""
        if task_id is None:
            found = self._execute(_EXPIRED + _EXPIRED_ORDER, (after, until))
        else:
            found = self._execute(
                # The + keeps the planner on the lease index: it holds only leased nodes.
                f"{_EXPIRED} AND +task_id = ? {_EXPIRED_ORDER}",
                (after, until, task_id),
            )
        return [NodeRow(*row) for row in found]

    def next_expiry(self, after: int) -> int | None:
        """See `Reader.next_expiry`."""
        sql = "SELECT min(lease_expires_at) FROM nodes WHERE lease_expires_at > ?"
        found: int | None = self._execute(sql, (after,)).get
        return found

    def taken(self, node_ids: Sequence[str]) -> list[str]:
        """See `Reader.taken`."""
        return [node for (node,) in self._all(_TAKEN, (json.dumps(node_ids),))]

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        newest = [
            Head(*row) for one in VISIBILITIES for row in self._execute(_NEWEST, (task_id, one))
        ]
        return max(newest, key=lambda head: head.version, default=GENESIS)

    def schema(self) -> tuple[int, int]:
        """See `Reader.schema`."""
        return self._execute("PRAGMA user_version").get, LATEST

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return self._execute("SELECT max(seq) FROM journal").get or 0

    def last_at(self) -> int:
        """See `Reader.last_at`."""
        return self._execute("SELECT at FROM journal ORDER BY seq DESC LIMIT 1").get or 0

    def recorded(self, seq: int) -> Recorded:
        """See `Reader.recorded`."""
        rows = self._all(_RECORD, (seq,))
        if not rows:
            raise JournalDamaged(f"the journal has no record {seq}")
        return _recorded(rows[0])

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """See `Reader.tail`."""
        if limit == 0:
            return []
        last = _LARGEST if until is None else until
        return [_recorded(row) for row in self._all(TAIL, (task_id, last, limit))][::-1]

    def shown(self, task_id: str, after: int | None, limit: int) -> Iterator[Recorded]:
        """See `Reader.shown`."""
        if after is None:
            before = (self._execute(_FIRST_OF_NEWEST, (task_id, limit - 1)).get or 1) - 1
        else:
            before = self._version(task_id, after)
        return map(_recorded, self._execute(_SHOWN, (task_id, before, limit)))

    def _version(self, task_id: str, seq: int) -> int:
        """How many records of the task there are up to `seq`: both grow together."""
        versions = range(1, self.head(task_id).version + 1)
        return bisect(versions, seq, key=lambda version: self._seq(task_id, version))

    def _seq(self, task_id: str, version: int) -> int:
        rows = self._all(_SEQ, (task_id, version))
        if not rows:
            raise JournalDamaged(f"task {task_id} has no record {version} in the journal")
        seq: int = rows[0][0]
        return seq

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `Reader.journal`."""
        most = -1 if limit is None else limit
        if task_id is None:
            found = self._execute(_JOURNAL, (after, most))
        else:
            found = self._execute(_STREAM, (task_id, after, most))
        try:
            for row in found:
                yield _recorded(row)
                after = row[0]
        except UnicodeDecodeError as error:  # the row is gone with it
            seq, task = self._execute(_NEXT, (after, task_id)).get
            text = task.decode(errors="backslashreplace")
            raise RecordDamaged(seq, text, f"its text cannot be read: {error}") from error

    def answered(self, request_id: str) -> Answered | None:
        """See `Reader.answered`."""
        rows = self._all(_ANSWERED, (request_id,))
        return Answered(*rows[0]) if rows else None

    def _all(self, sql: str, bindings: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """All rows at once, so that one cursor serves every question: to make one costs as much."""
        return self._cursor.execute(sql, bindings).fetchall()


def _beginning(prefix: str) -> tuple[str, str]:
    """What all ids with that prefix, and no others, are between."""
    return prefix, prefix + "g"  # behind the digits of a UUID, which are 0 to f


def _recorded(row: tuple[Any, ...]) -> Recorded:
    try:
        return Recorded(*(*row, decode(row[5], row[6], row[8])))
    except JournalDamaged as error:
        raise RecordDamaged(row[0], row[2], str(error)) from error
