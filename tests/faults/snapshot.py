"""The journal of a database in one snapshot, read with plain SQL: of a file, or on a server.

The rule this file keeps: it shares no code with agentd.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Database = Path | str
"""A SQLite file, or the URL of a database on a PostgreSQL server."""

ROWS = """
SELECT seq, event_id, task_id, node_id, kind, at, data, payload FROM journal WHERE seq > ?
ORDER BY seq
"""


class Snapshot:
    """What a database says, however long it is asked."""

    def __init__(self, ask: Callable[[str, tuple[int]], Iterable[tuple[Any, ...]]]) -> None:
        """`ask` takes SQL with `?` for what is bound."""
        self._ask = ask

    def rows(self, after: int) -> Iterable[tuple[Any, ...]]:
        """The journal's rows behind that seq, in their order."""
        return self._ask(ROWS, (after,))

    def hash_at(self, seq: int) -> bytes:
        """The hash of the row at that seq, empty where there is none."""
        found = list(self._ask("SELECT hash FROM journal WHERE seq = ?", (seq,)))
        return found[0][0] if found else b""

    def count(self, until: int) -> int:
        """How many rows there are up to that seq."""
        [found] = self._ask("SELECT count(*) FROM journal WHERE seq <= ?", (until,))
        return int(found[0])


@contextmanager
def snapshot(database: Database) -> Iterator[Snapshot]:
    """Take one for the length of the block."""
    if isinstance(database, Path):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as file:
            file.execute("BEGIN")
            yield Snapshot(file.execute)
        return
    import psycopg  # only where there is a server

    with psycopg.connect(database, options="-c search_path=agentd") as server:
        server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield Snapshot(lambda sql, bound: server.execute(sql.replace("?", "%s").encode(), bound))
