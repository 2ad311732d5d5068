"""The database that the earlier agentd, written in Rust, has left: found out about, and read.

The rule this file keeps: reading leaves no trace (see `untouched`), all of it is one moment, and
rows come one by one, in the order in which the earlier agentd had them. Values are as SQLite has
them, JSON as bytes: what they mean, and whether they can be so, is for others to say.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
from msgspec import Struct

from agentd.database_files import journal_path
from agentd.errors import AlreadyRunning, DatabaseRefused, Failure
from agentd.store.sqlite.claim import has_open_index
from agentd.store.sqlite.header import (
    EARLIER_TABLES,
    application_of,
    read_header,
    refuse_truncated,
)
from agentd.store.sqlite.migrate import APPLICATION_ID
from agentd.store.sqlite.untouched import file_state, open_untouched

NEWEST = 2
"""The last schema of the earlier agentd."""

ANOTHER = "name the file that the earlier agentd left, or a copy of it"

_QUOTED = 60
"""Characters of a value that a message repeats."""

_AT_ONCE = 500
"""Rows that are looked up together."""


class TaskThere(Struct, frozen=True):
    """A row of `global_tasks`."""

    id: Any
    goal: Any
    context: Any
    created_at: Any


class NodeThere(Struct, frozen=True):
    """A row of `dag_nodes`; of its lease it says nothing in a file that does not know of leases."""

    id: Any
    task_id: Any
    status: Any
    dependencies: Any
    payload_schema: Any
    result_payload: Any
    acquired_at: Any
    updated_at: Any
    lease_id: Any = None
    lease_owner: Any = None
    lease_expires_at: Any = None


class EventThere(Struct, frozen=True):
    """A row of `event_journal`."""

    id: Any
    task_id: Any
    node_id: Any
    action_type: Any
    payload: Any
    timestamp: Any


class LockThere(Struct, frozen=True):
    """A row of `resource_locks`."""

    resource_key: Any
    lease_id: Any
    owner: Any
    provider: Any
    task_id: Any
    node_id: Any
    metadata: Any
    acquired_at: Any
    updated_at: Any
    lease_expires_at: Any


_TABLES: dict[str, type[Struct]] = {
    "global_tasks": TaskThere,
    "dag_nodes": NodeThere,
    "event_journal": EventThere,
    "resource_locks": LockThere,
}
_COLUMNS = (
    "SELECT i.name FROM sqlite_schema s, pragma_table_info(s.name) i "
    "WHERE s.type = 'table' AND s.name = ?"
)
_JSON = {"context", "dependencies", "payload_schema", "result_payload", "payload", "metadata"}
_OF_TASKS = "JOIN global_tasks g ON g.id = t.task_id"
_ENDS = "WHERE t.action_type IN ('COMPLETE_NODE', 'FAIL_NODE')"
_BY_PLACE = "ORDER BY g.rowid, t.rowid"
_BY_TIME = "ORDER BY g.rowid, t.timestamp, t.rowid"
_STRAYS = {
    "node": "SELECT CAST(n.id AS BLOB) FROM dag_nodes n "
    "LEFT JOIN global_tasks t ON t.id = n.task_id WHERE t.id IS NULL LIMIT 1",
    "event": "SELECT CAST(e.id AS BLOB) FROM event_journal e "
    "LEFT JOIN dag_nodes n ON n.id = e.node_id WHERE n.task_id IS NOT e.task_id LIMIT 1",
    "lock": "SELECT CAST(resource_key AS BLOB) FROM resource_locks "
    "WHERE task_id IS NOT NULL AND task_id NOT IN (SELECT id FROM global_tasks) LIMIT 1",
}
"""What belongs to no task, or not to that of its node: nothing that the earlier agentd wrote."""


class EarlierFile:
    """The database of the earlier agentd at `path`, in one moment.

    `schema` is 2, 1, or 0 for one from before they were numbered; `counts` has the rows by table.
    """

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._connection = connection
        self._columns = {table: self._columns_of(table) for table in _TABLES}
        self.schema = self._find_schema()
        self._refuse_incomplete()
        self.counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").get if columns else 0
            for table, columns in self._columns.items()
        }

    def tasks(self) -> Iterator[TaskThere]:
        """All tasks, in the order of their registration."""
        return self._rows("global_tasks", "ORDER BY t.rowid")

    def nodes(self) -> Iterator[NodeThere]:
        """All nodes, those of a task together, in the order of `tasks` and of registration."""
        return self._rows("dag_nodes", f"{_OF_TASKS} {_BY_PLACE}")

    def events(self) -> Iterator[EventThere]:
        """All events, those of a task together, in the order of `tasks` and of their time."""
        return self._rows("event_journal", f"{_OF_TASKS} {_BY_TIME}")

    def ends(self) -> Iterator[EventThere]:
        """Those of `events` that are called as the earlier agentd called the ends of nodes."""
        return self._rows("event_journal", f"{_OF_TASKS} {_ENDS} {_BY_TIME}")

    def locks(self) -> Iterator[LockThere]:
        """All locks, in the order in which they were taken."""
        if not self._columns["resource_locks"]:
            return iter(())
        return self._rows("resource_locks", "ORDER BY t.acquired_at, t.rowid")

    def _rows(self, table: str, which: str) -> Iterator[Any]:
        """The rows one by one; only their places are sorted, however large the rows are."""
        kind = _TABLES[table]
        names = [name for name in kind.__struct_fields__ if name in self._columns[table]]
        values = ", ".join(f"CAST({name} AS BLOB)" if name in _JSON else name for name in names)
        found = self._connection.execute(f"SELECT t.rowid FROM {table} t {which}")
        places = (place for (place,) in found)
        sql = f"SELECT rowid, {values} FROM {table} WHERE rowid IN (SELECT value FROM json_each(?))"
        while some := list(islice(places, _AT_ONCE)):
            there = {row[0]: row[1:] for row in self._ask(table, sql, json.dumps(some))}
            for place in some:
                yield kind(*there[place])

    def damaged(self, what: str) -> DatabaseRefused:
        """What is raised where it is not as the earlier agentd would have left it."""
        return DatabaseRefused(f"{self.path} is damaged: {what}; {ANOTHER}")

    def refuse_strays(self) -> None:
        """Raise `DatabaseRefused` where a row belongs to no task, or not to that of its node."""
        for what, question in _STRAYS.items():
            if what == "lock" and not self._columns["resource_locks"]:
                continue
            for (stray,) in self._connection.execute(question):
                named = bytes(stray or b"")[:_QUOTED].decode(errors="replace")
                raise self.damaged(f"the {what} {named!r} is of no task, or not of its node's")

    def refuse_damage(self) -> None:
        """Raise `DatabaseRefused` where SQLite finds the file damaged."""
        for (found,) in self._ask("its schema", "PRAGMA quick_check(1)"):
            if found != "ok":
                raise self.damaged(" ".join(str(found).split()))

    def _find_schema(self) -> int:
        if not self._columns_of("agentd_schema_migrations"):
            return 0
        found = self._connection.execute(
            "SELECT max(version) FROM agentd_schema_migrations WHERE typeof(version) = 'integer'"
        ).get
        if found is not None and found > NEWEST:
            raise DatabaseRefused(
                f"{self.path} has schema {found} of the earlier agentd, newer than the {NEWEST} "
                "that this agentd knows: upgrade agentd"
            )
        return found or 0

    def _columns_of(self, table: str) -> set[str]:
        """None of what is no table: what a view gives may never end."""
        return {name for (name,) in self._ask("its schema", _COLUMNS, table)}

    def _ask(self, what: str, sql: str, *bindings: str) -> Iterator[Any]:
        """The rows found. Raises `DatabaseRefused` where `what` has text that cannot be read."""
        try:
            yield from self._connection.execute(sql, bindings)
        except UnicodeDecodeError as error:
            raise self.damaged(f"{what} has text that is no UTF-8: {error.reason}") from error

    def _refuse_incomplete(self) -> None:
        for table, kind in _TABLES.items():
            columns = self._columns[table]
            if not columns and table == "resource_locks" and self.schema < NEWEST:
                continue
            needed = kind.__struct_fields__[: -len(kind.__struct_defaults__) or None]
            for name in needed:
                if name not in columns:
                    raise self.damaged(f"its table {table} has no column {name}")


@contextmanager
def opened_earlier(path: Path) -> Iterator[EarlierFile]:
    """What the earlier agentd left at `path`, as it is now.

    Raises `DatabaseRefused` where it is not its database, damaged, or of a newer schema,
    `AlreadyRunning` while a program has it open, and `Failure` where it was written to meanwhile.
    """
    path = Path(os.path.realpath(path))  # what is beside it is beside the file, not beside a link
    _refuse_file(path)
    before = file_state(path)
    try:
        with open_untouched(path) as connection:
            connection.execute("BEGIN")
            _refuse_other(path, connection)
            yield EarlierFile(path, connection)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise DatabaseRefused(f"{path} is damaged: {error}; {ANOTHER}") from error
    except apsw.Error as error:
        raise Failure(f"{path} cannot be read: {error}") from error
    if file_state(path) != before:
        raise Failure(f"{path} was written to meanwhile: stop what does so, and repeat")


def _refuse_file(path: Path) -> None:
    """What can be told before SQLite is asked."""
    try:
        there, is_file = path.exists(), path.is_file()
    except OSError as error:  # nobody lets us into its folder
        raise DatabaseRefused(f"{path} cannot be read: {error.strerror}") from error
    if not there:
        raise DatabaseRefused(f"there is no file {path}: {ANOTHER}")
    if not is_file:
        raise DatabaseRefused(f"{path} is not a file: {ANOTHER}")
    header = read_header(path, ANOTHER)
    if application_of(header) == APPLICATION_ID:
        raise DatabaseRefused(
            f"{path} is a database of this agentd, not of the earlier one: `agentd restore` and "
            "`agentd database move` take such"
        )
    refuse_truncated(path, header, ANOTHER)
    journal = journal_path(path)
    if journal.exists() and journal.stat().st_size:
        raise DatabaseRefused(
            f"{path} was left in the middle of a write, which {journal.name} would undo: start the "
            "earlier agentd on it once, and stop it"
        )
    if has_open_index(path):
        raise AlreadyRunning(
            f"a program has {path} open, the earlier agentd perhaps: stop it first, so that all "
            "it did is taken over"
        )


def _refuse_other(path: Path, connection: apsw.Connection) -> None:
    sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?, ?)"
    if connection.execute(sql, [*EARLIER_TABLES]).get < len(EARLIER_TABLES):
        raise DatabaseRefused(
            f"{path} is a SQLite database, but not one that the earlier agentd left: {ANOTHER}"
        )
