"""The stage of a rehearsal: rows, a clock that is turned by hand, and one way to change them.

The rule this file keeps: whatever changes a row goes through `transact`, so what is decided here is
decided as by the daemon. Whoever is interested is told what was recorded.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

from agentd.api import RuntimeMetrics
from agentd.decide import Context
from agentd.errors import RequestRefused
from agentd.journal import Recorded
from agentd.methods import Command
from agentd.rehearsal.tables import QuickTables
from agentd.rehearsal.waiting import Waiting
from agentd.transact import Call, transact

Then = Callable[[], object]
"""What is done at a moment."""

Still = Callable[[], bool]
"""Whether that is still to be done."""

EVEN = 0.5
"""Chance, where nobody knows better."""

_NO_FIGURES = RuntimeMetrics()


class Stage:
    """Rows and a clock. `now` is Unix milliseconds; `lease_ms` is the daemon's node timeout."""

    def __init__(self, tables: QuickTables, begin: int, lease_ms: int) -> None:
        self.tables = tables
        self.now = begin
        self.waiting = Waiting(tables, begin)
        self.refused = 0
        self.recorded = 0
        self.on_records: Callable[[Sequence[Recorded]], None] = lambda _records: None
        self._lease_ms = lease_ms
        self._ids = 0
        self._order = 0
        self._agenda: list[tuple[int, int, Then, Still | None]] = []

    def at(self, moment: int, then: Then, still: Still | None = None) -> None:
        """Do it at that moment, or now where that is over; not where it is not `still` to be done.

        For what is not, the clock does not move.
        """
        self._order += 1
        heappush(self._agenda, (max(moment, self.now), self._order, then, still))

    @property
    def next_moment(self) -> int | None:
        """When something is done next; None where nothing is to be done any more."""
        while self._agenda:
            moment, _, _, still = self._agenda[0]
            if still is None or still():
                return moment
            heappop(self._agenda)
        return None

    def step(self) -> None:
        """Turn the clock to the next moment, and do what is done then."""
        moment, _, then, _ = heappop(self._agenda)
        self.now = self.waiting.now = moment
        then()

    def do(self, command: Command, params: Any, chance: float = EVEN) -> Sequence[Recorded]:
        """Carry a command out: what was recorded; nothing where it was refused, which is counted.

        `params` are those of the command, or stand for them.
        """
        context = Context(
            self.now, self._new_id, self._lease_ms, 0, _NO_FIGURES, lambda: chance, 0, 0, 0
        )
        try:
            recorded = transact(self.tables, Call(command, params), context).recorded
        except RequestRefused:
            self.refused += 1
            return ()
        if recorded:
            self.recorded += len(recorded)
            self.on_records(recorded)
        return recorded

    def _new_id(self) -> str:
        self._ids += 1
        return f"00000000-0000-8000-8000-{self._ids:012x}"
