"""Rule: a reader keeps a place, and goes on behind it; what it is shown is counted.

Reads a journal on PostgreSQL while it is written, and how old a record is when it can be read.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.postgres_server import connect
from benchmarks.sequencing.ways import READ_BY_HORIZON, READ_BY_SEQ

PAUSE_SECONDS = 0.005


class Reader:
    """`ages` has the seconds between recording and reading, of each record that was read."""

    def __init__(self, address: str, *, horizon: bool) -> None:
        self._address = address
        self._horizon = horizon
        self._over = threading.Event()
        self.begun = threading.Event()
        self.ages: list[float] = []

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read beside the block, and to the end after it."""
        thread = threading.Thread(target=self._read)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _read(self) -> None:
        query, place = (READ_BY_HORIZON, [0, 0]) if self._horizon else (READ_BY_SEQ, [0])
        with connect(self._address) as session:
            while True:
                last = self._over.is_set()
                rows = session.execute(query, place).fetchall()
                self.ages += [age for *_, age in rows]
                if rows:
                    self.begun.set()
                    *place, _ = rows[-1]
                elif last:
                    return
                self._over.wait(PAUSE_SECONDS)
