"""The journal as it grows, the newest last.

The rule this file keeps: it is bounded, and so is what is kept of each event. While the cursor
stands on the newest it goes with what comes.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from agentd.api import RecordedEventView
from agentd.label import SHORTEST_ID
from agentd.states import EVENT_COLOURS
from agentd.times import format_clock
from agentd.top.fit import fit, fit_right
from agentd.top.lines import Line, Lines, Part

MOST = 1000
"""Events that are kept."""

_PAYLOAD = 300
"""Bytes of a payload that are kept: more than a line shows."""

_SEQ, _TIME, _KIND, _NODE = 7, 8, 15, 12


class KeptEvent(Struct):
    """An event, and the beginning of its payload."""

    seq: int
    at: float
    kind: str
    task_id: str | None
    node_id: str | None
    node: str
    payload: str
    by_client: bool


class Journal(Lines[KeptEvent]):
    """A line each."""

    empty = "nothing has happened yet"

    def heading(self, cells: int) -> Sequence[Part]:
        """What the columns are."""
        head = f"{fit_right('SEQ', _SEQ)} {fit('TIME', _TIME)}  {fit('EVENT', _KIND)} "
        return [(fit(f"{head}{fit('NODE', _NODE)} WHAT IT SAYS", cells), "")]

    def parts(self, item: KeptEvent, cells: int) -> Sequence[Part]:
        """An event."""
        return event_line(item, cells)

    def show(self, lines: Sequence[Line[KeptEvent]]) -> None:
        """Show these; the cursor stays on the newest where it is there."""
        is_last = self.is_at_end
        super().show(lines)
        if is_last:
            self.action_edge(at_end=True)

    @property
    def is_at_end(self) -> bool:
        """The cursor stands on the newest."""
        return self.key is None or (bool(self._lines) and self._lines[-1].key == self.key)


class Kept:
    """The newest events."""

    def __init__(self) -> None:
        self.events: deque[KeptEvent] = deque(maxlen=MOST)

    def begin(self, events: Sequence[RecordedEventView], called: Mapping[str, str]) -> None:
        """Go on with the newest, where what is kept leads there; else begin with them anew.

        A backup may have been restored, or more have happened than was seen.
        """
        kept = {(each.seq, each.at) for each in self.events}
        leads_there = bool(events) and (events[0].seq, _moment(events[0])) in kept
        if not leads_there or self.events[-1].seq > events[-1].seq:
            self.events.clear()
        self.add(events, called)

    def add(self, events: Iterable[RecordedEventView], called: Mapping[str, str]) -> None:
        """Keep these too; `called` is what nodes are called that are known, perhaps by now only."""
        last = self.events[-1].seq if self.events else 0
        self.events.extend(_keep(each) for each in events if each.seq > last)
        for each in self.events:
            if (label := called.get(each.node_id or "")) is not None:
                each.node = label[:_PAYLOAD]


def event_lines(events: Iterable[KeptEvent], wanted: str) -> list[Line[KeptEvent]]:
    """Those that the filter leaves."""
    words = wanted.casefold()
    return [Line(str(each.seq), each) for each in events if not words or _fits(each, words)]


def event_line(event: KeptEvent, cells: int) -> list[Part]:
    """Its place, when it was, what happened to which node, and what it says."""
    rest = max(cells - _SEQ - _TIME - _KIND - _NODE - 5, 0)
    colour = "" if event.by_client else EVENT_COLOURS.get(event.kind, "")
    return [
        (fit_right(str(event.seq), _SEQ) + " ", "dim"),
        (fit(format_clock(int(event.at)), _TIME) + "  ", "dim"),
        (fit(event.kind, _KIND) + " ", colour),
        (fit(event.node, _NODE) + " ", ""),
        (fit(event.payload, rest), "dim"),
    ]


def _keep(event: RecordedEventView) -> KeptEvent:
    return KeptEvent(
        event.seq,
        _moment(event),
        event.action_type[:_PAYLOAD],
        event.task_id,
        event.node_id,
        (event.node_id or "")[-SHORTEST_ID:],
        bytes(event.payload)[:_PAYLOAD].decode(errors="replace"),
        event.by_client,
    )


def _moment(event: RecordedEventView) -> float:
    return datetime.fromisoformat(event.timestamp).timestamp()


def _fits(event: KeptEvent, words: str) -> bool:
    return any(
        words in each.casefold()
        for each in (event.kind, event.node, event.task_id or "", event.payload)
    )
