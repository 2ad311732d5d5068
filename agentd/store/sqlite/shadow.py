"""Projections in temporary tables, to refold the journal beside the real ones.

The rule this file keeps: the real tables change in one transaction or not at all. Temporary tables
live in a private file that SQLite removes by itself, so a fold that is killed leaves nothing
behind, and a fold on a read-only connection writes nothing to the database.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
from msgspec import Struct
from msgspec.structs import astuple

from agentd.projections import EDGES, PROJECTIONS, Key, Projection
from agentd.store.protocols.journal import JournalReader
from agentd.store.sql.shadow import SqlShadow
from agentd.store.sql.statements import SHADOW, columns
from agentd.store.sqlite.driver_errors import raise_failures
from agentd.store.sqlite.reader import SqliteReader

FoldingPlace = apsw.Connection


@contextmanager
def folding_place() -> Iterator[FoldingPlace]:
    """Temporary files to fold into where the real tables are elsewhere. Raises `Failure`."""
    with (
        raise_failures(Path("a fold"), "the directory of temporary files (TMPDIR)"),
        closing(apsw.Connection("")) as connection,
    ):
        yield connection


class SqliteShadow(SqlShadow, SqliteReader):
    """See `Shadow`."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection, SHADOW)
        self._connection = connection
        self._held = {}
        for projection in PROJECTIONS:
            self._execute(f"DROP TABLE IF EXISTS temp.shadow_{projection.name}")
            self._execute(_create_table(projection))
            for column in projection.searched:
                self._execute(_create_index(projection, column))

    def hold(self) -> JournalReader:
        """See `Shadow.hold`: whoever folds a file anew has it for itself."""
        return self

    def swap(self) -> None:
        """See `Shadow.swap`."""
        self.flush()
        with self._connection:
            indexes = list(self._execute(_INDEXES))
            for name, _sql in indexes:
                self._execute(f"DROP INDEX main.{name}")
            for projection in PROJECTIONS:
                name, names = projection.name, columns(projection)
                self._execute(f"DELETE FROM main.{name}")
                self._execute(
                    f"INSERT INTO main.{name} ({names}) SELECT {names} FROM temp.shadow_{name}"
                )
            for _name, sql in indexes:  # filling an index at the end is faster than row by row
                self._execute(sql)

    def flush(self) -> None:
        """See `SqlShadow.flush`."""
        for (name, key), row in self._held.items():
            if row is None:
                self._execute(self._tables.remove[name], key)
            else:
                self._execute(self._tables.put[name], astuple(row))
        self._held.clear()

    def _put_edge(self, _key: Key, row: Struct) -> None:
        self._execute(self._tables.put[EDGES.name], astuple(row))


_INDEXES = (
    "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL "
    f"AND tbl_name IN ({', '.join(repr(p.name) for p in PROJECTIONS)})"
)


def _create_table(projection: Projection) -> str:
    key = ", ".join(projection.key)
    return (
        f"CREATE TEMP TABLE shadow_{projection.name} "
        f"({columns(projection)}, PRIMARY KEY ({key})) WITHOUT ROWID"
    )


def _create_index(projection: Projection, column: str) -> str:
    name = projection.name
    return f"CREATE INDEX temp.shadow_{name}_{column} ON shadow_{name} ({column})"
