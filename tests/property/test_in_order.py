"""Property: whatever is recorded by whom, and read when, is taken once and in its order."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from agentd.daemon import in_order
from agentd.daemon.in_order import InOrder
from agentd.events import EventCommitted
from agentd.journal import GENESIS, Draft, Recorded, record
from agentd.store.protocols.following import Piece
from tests.core import NOW, Ids, uid

BEGAN = 7
PIECE = 3


class Daemon:
    """One of several on a journal: it knows of its own batches, a little late, and reads."""

    def __init__(self) -> None:
        self.journal: list[Recorded] = []
        self.flight: list[Recorded] = []  # it recorded this, and does not know yet
        self.order = InOrder(BEGAN)
        self.reading: tuple[int, int | None, frozenset[int]] | None = None
        self.taken: list[int] = []

    def record(self, count: int) -> list[Recorded]:
        """Somebody commits so many."""
        drafts = [Draft(EventCommitted("NOTE"), uid(9), b"{}")] * count
        batch = record(GENESIS, BEGAN + 1 + len(self.journal), uid(1), drafts, NOW, Ids())
        self.journal += batch
        return batch

    def own(self, count: int) -> None:
        """It commits, and hears of that later."""
        self.land()
        self.flight = self.record(count)

    def land(self, _count: int = 0) -> None:
        """It hears of its commit."""
        batch, self.flight = self.flight, []
        if batch:
            self.order.add_own(batch)
            self.take(batch[-1].seq)
        self.take()

    def others(self, count: int) -> None:
        """Another daemon commits."""
        self.record(count)

    def begin(self, choice: int) -> None:
        """It begins to read, up to the last gap that it knows of, or all."""
        if self.reading is None and not self.order.has_read:
            before = self.order.gap_before if choice == 1 else None
            self.reading = self.order.end, before, self.order.own()

    def end(self, _count: int) -> None:
        """What it reads comes."""
        if self.reading is None:
            return
        (after, before, known), self.reading = self.reading, None
        behind = [r for r in self.journal if after < r.seq < (before or BEGAN + 10**6)]
        rows = behind[:PIECE]
        more = len(rows) == PIECE
        end = rows[-1].seq if rows else after
        if not more and before is not None:
            end = before - 1
        self.order.add_read(Piece([r for r in rows if r.seq not in known], end, more))
        if not self.flight:
            self.take()

    def take(self, until: int | None = None) -> None:
        """It hands on what it can."""
        self.taken += [each.seq for each in self.order.take(until)]


ACTS: dict[str, Callable[[Daemon, int], None]] = {
    "own": Daemon.own,
    "land": Daemon.land,
    "others": Daemon.others,
    "begin": Daemon.begin,
    "end": Daemon.end,
}


@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(1, 4)), max_size=60))
def test_everything_is_taken_once_and_in_order(acts: list[tuple[str, int]]) -> None:
    """So it is at any time, and once all was read and heard of, nothing is missing."""
    daemon = Daemon()
    for name, count in acts:
        ACTS[name](daemon, count)
        assert daemon.taken == list(range(BEGAN + 1, BEGAN + 1 + len(daemon.taken)))
    daemon.land()
    for _ in range(2 * len(daemon.journal) + 2):
        daemon.begin(0)
        daemon.end(0)
    assert daemon.taken == [each.seq for each in daemon.journal]


def test_what_is_contiguous_is_not_read() -> None:
    """A daemon that is alone has no gap, and takes its own records with their payloads at once."""
    daemon = Daemon()
    for _ in range(3):
        daemon.own(2)
        daemon.land()
        assert (daemon.order.gap_before, daemon.order.has_read) == (None, False)
    assert len(daemon.taken) == 6


def test_what_waits_behind_a_gap_is_bounded() -> None:
    """Where too many own records wait for a gap to be read, what is more is read with it."""
    daemon = Daemon()
    daemon.others(1)
    daemon.own(in_order.MOST_OWN)
    daemon.own(2)
    daemon.land()
    assert len(daemon.order.own()) == in_order.MOST_OWN
    daemon.order.add_read(Piece(daemon.journal[:1], BEGAN + 1, more=False))
    daemon.take()
    assert len(daemon.taken) == 1 + in_order.MOST_OWN
    daemon.order.add_read(Piece(daemon.journal[-2:], daemon.journal[-1].seq, more=False))
    daemon.take()
    assert daemon.taken == [each.seq for each in daemon.journal]
