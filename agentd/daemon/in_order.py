"""The records of this daemon and those of others, put in the one order of the journal.

The rule this file keeps: each record once, and none before all that are before it. What this daemon
recorded is known at once, and need not be read; it waits here for what others recorded before it.
"""

from collections import deque
from collections.abc import Sequence

from msgspec.structs import replace

from agentd.journal import Recorded
from agentd.store.protocols.following import Piece

MOST_OWN = 10_000
"""Own records that wait here for others' that were not read; what is more is read with those."""


class InOrder:
    """What is known of the journal behind a place, at first the end of what was known already."""

    def __init__(self, last_seq: int) -> None:
        self._taken = last_seq
        self._read_to = last_seq
        self._own: deque[Recorded] = deque()
        self._last_run = last_seq  # where the last of own records begin that have no gap
        self._others: deque[Recorded] = deque()

    @property
    def end(self) -> int:
        """Everything up to this place was taken, or was read and is here."""
        return max(self._taken, self._read_to)

    @property
    def gap_before(self) -> int | None:
        """Where the last gap behind `end` is over; None where there is none that is known of."""
        return self._last_run if self._own and self._last_run > self.end + 1 else None

    @property
    def has_read(self) -> bool:
        """Whether something that was read is not taken yet."""
        return bool(self._others)

    def own(self) -> frozenset[int]:
        """The places of those that need not be read."""
        return frozenset(each.seq for each in self._own)

    def add_own(self, recorded: Sequence[Recorded]) -> None:
        """Take note of what this daemon has recorded."""
        if len(self._own) >= MOST_OWN:
            return  # they are read
        first = recorded[0].seq
        if not self._own or first != self._own[-1].seq + 1:
            self._last_run = first
        self._own += recorded if first <= self.end + 1 else map(_without_payload, recorded)

    def add_read(self, piece: Piece) -> None:
        """Take note of what was read behind `end`."""
        self._others += piece.records
        self._read_to = max(self._read_to, piece.end)

    def fall_back(self, last_seq: int) -> None:
        """The journal ends there, before what was taken: others are going to be at those places."""
        self._taken = self._read_to = self._last_run = last_seq
        self._own.clear()
        self._others.clear()

    def take(self, until: int | None = None) -> list[Recorded]:
        """All that is in order, up to that place."""
        taken: list[Recorded] = []
        while (first := self._first()) is not None and (until is None or first.seq <= until):
            if first.seq > self._taken:
                self._taken = first.seq
                taken.append(first)
            self._drop(first.seq)
        return taken

    def _first(self) -> Recorded | None:
        own, others = self._own, self._others
        if own and own[0].seq <= self.end + 1 and (not others or own[0].seq <= others[0].seq):
            return own[0]
        return others[0] if others else None

    def _drop(self, seq: int) -> None:
        for records in (self._own, self._others):
            if records and records[0].seq == seq:
                records.popleft()


def _without_payload(recorded: Recorded) -> Recorded:
    """Nobody who is told of it here asks for that, and it may have to wait."""
    return recorded if recorded.payload is None else replace(recorded, payload=None)
