"""Who follows the journal by `seq`, as WatchEvents, replay and every other daemon do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agentd.store.postgres import PostgresStore

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.faults.snapshot import Snapshot

Place = tuple[int, str]
"""A seq, and the id of the event there."""

PIECE = 50
PAUSE_SECONDS = 0.005
"""Between two looks of which the first has found nothing."""


class Follower:
    """Reads what is behind the place that it knows, in pieces, while the block runs."""

    def __init__(self, url: str) -> None:
        self._store = PostgresStore(url)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self.seen: list[Place] = []

    def wrong(self, now: Snapshot) -> list[str]:
        """What it did not see once, in order, of what the journal has in the end."""
        there = [(row[0], row[1]) for row in now.rows(0)]
        if self.seen == there:
            return []
        seen = set(self.seen)
        lost = [f"a follower never saw seq {place[0]}" for place in there if place not in seen]
        return lost or [f"a follower saw {len(self.seen)} events of {len(there)}, out of order"]

    def _follow(self) -> None:
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

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()
