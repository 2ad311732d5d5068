"""The SQL that follows from the row Structs: a projection's columns are its row's fields.

Every name in here is a literal of this program; values are always bound.
"""

from typing import Any

from msgspec.structs import astuple

from agentd.journal import Recorded
from agentd.projections import GATES, LOCKS, NODES, PROJECTIONS, QUEUE, WISHES, Projection

RECORD_COLUMNS = Recorded.__struct_fields__[:-1]
"""The journal's, in the order of a record's fields; the last of these, the event, is in `data`."""

JOURNAL_COLUMNS = ", ".join(RECORD_COLUMNS)


def values_of(recorded: Recorded) -> tuple[Any, ...]:
    """What a record has in the journal's columns."""
    return astuple(recorded)[: len(RECORD_COLUMNS)]


def columns(projection: Projection) -> str:
    """The projection's columns, in the order of its row's fields."""
    return ", ".join(projection.row.__struct_fields__)


SELECT_NODES = f"SELECT {columns(NODES)} FROM nodes"

LARGEST_INTEGER = 2**63 - 1


class Statements:
    """How to read and write one set of projection tables, each named `prefix` + projection."""

    def __init__(self, prefix: str) -> None:
        tables = {p.name: prefix + p.name for p in PROJECTIONS}
        self.get = {p.name: f"{_select(p, tables)} WHERE {_key(p)}" for p in PROJECTIONS}
        self.rows = {
            p.name: f"{_select(p, tables)} ORDER BY {', '.join(p.key)}" for p in PROJECTIONS
        }
        self.put = {p.name: _upsert(p, tables[p.name]) for p in PROJECTIONS}
        self.update = {p.name: _update(p, tables[p.name]) for p in PROJECTIONS}
        self.count = {p.name: _count(p, tables[p.name]) for p in PROJECTIONS if p.counters}
        self.remove = {p.name: f"DELETE FROM {tables[p.name]} WHERE {_key(p)}" for p in PROJECTIONS}
        self.stretches = f"{_select(QUEUE, tables)} WHERE task_id = ? ORDER BY rank, batch, demand"
        self.near_locks = _near(LOCKS, tables)
        self.near_wishes = _near(WISHES, tables, " AND waits")
        self.wishes_of = f"{_select(WISHES, tables)} WHERE node_id = ? ORDER BY resource_key"
        self.wishes_of_task = (
            f"{_select(WISHES, tables)} WHERE task_id = ? ORDER BY node_id, resource_key"
        )
        self.gates_in = f"{_select(GATES, tables)} WHERE task_id = ? AND stage = ?"
        self.dependents = f"SELECT node_id FROM {tables['edges']} WHERE dependency_id = ?"


def _select(projection: Projection, tables: dict[str, str]) -> str:
    return f"SELECT {columns(projection)} FROM {tables[projection.name]}"


def _near(projection: Projection, tables: dict[str, str], more: str = "") -> tuple[str, str]:
    """How what stands at a prefix or above it is found, and how what stands below.

    Of what names one thing alone only that counts which is this one, or which fits a pattern.
    """
    select = _select(projection, tables)
    above = "prefix IN (SELECT value FROM json_each(?1)) AND (reach <> 'one' OR prefix = ?2)"
    below = "prefix > ?1 AND prefix < ?2 AND (reach <> 'one' OR resource_key GLOB ?3)"
    return f"{select} WHERE {above}{more}", f"{select} WHERE {below}{more}"


def _key(projection: Projection) -> str:
    return " AND ".join(f"{name} = ?" for name in projection.key)


def _update(projection: Projection, table: str) -> str | None:
    """How a row changes that is there: a third cheaper. None where no row ever does."""
    numbered = [(name, n) for n, name in enumerate(projection.row.__struct_fields__, 1)]
    changes = [f"{name} = ?{n}" for name, n in numbered if name not in projection.fixed]
    key = [f"{name} = ?{n}" for name, n in numbered if name in projection.key]
    last, count = numbered[-1]
    if last in projection.fixed and last not in projection.key:  # apsw counts what is bound
        key.append(f"{last} IS ?{count}")
    return f"UPDATE {table} SET {', '.join(changes)} WHERE {' AND '.join(key)}" if changes else None


def _count(projection: Projection, table: str) -> str:
    """How the counters of a row change, whose other columns do not."""
    changes = ", ".join(f"{name} = ?" for name in projection.counters)
    return f"UPDATE {table} SET {changes} WHERE {_key(projection)}"


def _upsert(projection: Projection, table: str) -> str:
    values = ", ".join("?" * len(projection.row.__struct_fields__))
    return (
        f"INSERT INTO {table} ({columns(projection)}) VALUES ({values}) {on_conflict(projection)}"
    )


def on_conflict(projection: Projection) -> str:
    """How a row is put where there is one with its key."""
    names = projection.row.__struct_fields__
    rest = [f"{name} = excluded.{name}" for name in names if name not in projection.fixed]
    action = f"UPDATE SET {', '.join(rest)}" if rest else "NOTHING"
    return f"ON CONFLICT ({', '.join(projection.key)}) DO {action}"


MAIN = Statements("main.")
SHADOW = Statements("temp.shadow_")
SERVER = Statements("")
