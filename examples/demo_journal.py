"""What the journal says after the demo, read without agentd's own code.

The rule this file keeps: it asks the database file itself, read-only, with the standard library's
sqlite3, so that the daemon does not vouch for the daemon.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One event of the journal; `at` is in Unix milliseconds."""

    event_id: str
    kind: str
    node_id: str | None
    at: int


class Journal:
    """All events of one database, in order."""

    def __init__(self, database: Path) -> None:
        uri = f"{database.as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            query = "SELECT event_id, kind, node_id, at FROM journal ORDER BY seq"
            self.rows = [Row(*row) for row in connection.execute(query)]
        self._acquired = self._first_places("NodeAcquired")
        self._completed = self._first_places("NodeCompleted")

    def kinds(self) -> Counter[str]:
        """How many events there are of each kind."""
        return Counter(row.kind for row in self.rows)

    def lost(self, acknowledged: set[str]) -> set[str]:
        """The acknowledged event ids that are not in the journal."""
        return acknowledged - {row.event_id for row in self.rows}

    def count_by_node(self, kind: str) -> Counter[str]:
        """How many events of that kind each node has."""
        return Counter(row.node_id for row in self.rows if row.kind == kind and row.node_id)

    def seconds_held(self, node_id: str) -> float:
        """From the first acquisition of a completed node to its completion."""
        first, last = self._acquired[node_id], self._completed[node_id]
        return (self.rows[last].at - self.rows[first].at) / 1000

    def out_of_order(self, dependencies: dict[str, list[str]]) -> set[str]:
        """The nodes that were acquired before all they depend on were completed."""
        never = len(self.rows)
        return {
            node_id
            for node_id, place in self._acquired.items()
            if any(self._completed.get(need, never) > place for need in dependencies[node_id])
        }

    def _first_places(self, kind: str) -> dict[str, int]:
        """Where in the journal each node has its first event of that kind."""
        places: dict[str, int] = {}
        for place, row in enumerate(self.rows):
            if row.kind == kind and row.node_id is not None:
                places.setdefault(row.node_id, place)
        return places
