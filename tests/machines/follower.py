"""Who follows the journal by `seq`, as WatchEvents, replay and every other daemon do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentd.store.postgres import PostgresStore
from tests.machines.watching import Watching

if TYPE_CHECKING:
    from tests.faults.snapshot import Snapshot

PIECE = 50
PAUSE_SECONDS = 0.005
"""Between two looks of which the first has found nothing."""


class Follower(Watching):
    """Reads what is behind the place that it knows, in pieces, while the block runs."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._store = PostgresStore(url)

    def wrong(self, now: Snapshot) -> list[str]:
        """What it did not see once, in order, of what the journal has in the end."""
        there = [(row[0], row[1]) for row in now.rows(0)]
        if self.seen == there:
            return []
        seen = set(self.seen)
        lost = [f"a follower never saw seq {place[0]}" for place in there if place not in seen]
        return lost or [f"a follower saw {len(self.seen)} events of {len(there)}, out of order"]

    def _watch(self) -> None:
        while not self._ends.wait(0 if self._read_on() else PAUSE_SECONDS):
            pass
        while self._read_on():
            pass
        self._store.close()

    def _read_on(self) -> bool:
        after = self.seen[-1][0] if self.seen else 0
        with self._store.read() as reader:
            found = [(each.seq, each.event_id) for each in reader.journal(after, limit=PIECE)]
        self.seen += found
        return bool(found)
