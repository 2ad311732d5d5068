"""The SQL that follows from the row Structs: a projection's columns are its row's fields.

Every name in here is a literal of this program; values are always bound.
"""

from agentd.projections import NODES, PROJECTIONS, QUEUE, Projection

JOURNAL_COLUMNS = "seq, event_id, task_id, version, node_id, kind, schema, at, data, payload, hash"


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
        self.dependents = f"SELECT node_id FROM {tables['edges']} WHERE dependency_id = ?"


def _select(projection: Projection, tables: dict[str, str]) -> str:
    return f"SELECT {columns(projection)} FROM {tables[projection.name]}"


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
    names = projection.row.__struct_fields__
    rest = [f"{name} = excluded.{name}" for name in names if name not in projection.fixed]
    action = f"UPDATE SET {', '.join(rest)}" if rest else "NOTHING"
    return (
        f"INSERT INTO {table} ({columns(projection)}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({', '.join(projection.key)}) DO {action}"
    )


MAIN = Statements("main.")
SHADOW = Statements("temp.shadow_")
