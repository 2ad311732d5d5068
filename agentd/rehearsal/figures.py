"""What came out: counted in the same way of what happened and of what would have.

The rule this file keeps: a figure is folded from records and rows, whoever made them.
"""

from collections import Counter
from collections.abc import Collection, Mapping

from msgspec import Struct

from agentd.events import (
    Ending,
    LeaseExpired,
    LeaseRevoked,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
)
from agentd.journal import Recorded
from agentd.rehearsal.waiting import Waiting

_HOUR_MS = 3_600_000


class Span(Struct):
    """A worker worked on a node: Unix milliseconds, `end` None while it goes on."""

    worker: int
    node_id: str
    begin: int
    end: int | None = None
    how: str = "running"


class Figures(Struct):
    """What came out. `makespan_secs`: until all had ended that did end in fact.

    `waiting_secs` are those of all nodes together, by cause, `busy_secs` those of all workers.
    """

    makespan_secs: float
    completed: int
    failed: int
    attempts: int
    retries: int
    expiries: int
    timeouts: int
    completed_per_hour: float
    waiting_secs: Mapping[str, float]
    longest_wait_secs: float
    workers: int
    most_at_once: int
    busy_secs: float


class Tally:
    """Counts what is recorded of nodes that are worked on; of gates only their ends."""

    def __init__(self, targets: Collection[str], begin: int) -> None:
        """`targets` are the nodes that ended in fact; `begin` is Unix milliseconds."""
        self.spans: list[Span] = []
        self.left = set(targets)
        self.begin = begin
        self.done_at = begin
        self._last_end = begin
        self._counts: Counter[str] = Counter()
        self._open: dict[str, Span] = {}
        self._at_once = 0

    def acquire(self, lease_id: str, worker: int, node_id: str, at: int) -> None:
        """A worker began."""
        span = self._open[lease_id] = Span(worker, node_id, at)
        self.spans.append(span)
        self._counts["attempts"] += 1
        self._at_once = max(self._at_once, len(self._open))

    def hold(self, lease_id: str, worker: int, node_id: str) -> None:
        """A worker had begun before."""
        span = self._open[lease_id] = Span(worker, node_id, self.begin)
        self.spans.append(span)
        self._at_once = max(self._at_once, len(self._open))

    def end(self, recorded: Recorded, event: Ending) -> None:
        """An attempt ended, or a gate was decided."""
        span = self._open.pop(event.lease_id, None)
        how = how_it_ended(event)
        if span is not None:
            span.end, span.how = recorded.at, how
        if how in ("expired", "timed_out"):
            self._counts[how] += 1
        if event.status == "PENDING":
            self._counts["again"] += how != "released"
            return
        self._counts[event.status] += 1
        self._last_end = max(self._last_end, recorded.at)
        if recorded.node_id in self.left:
            self.left.discard(recorded.node_id)
            self.done_at = max(self.done_at, recorded.at)

    def close(self, waiting: Waiting, workers: int) -> Figures:
        """All of it, as it is now."""
        counts, now = self._counts, waiting.now
        makespan = self.done_at - self.begin
        working = max(self._last_end - self.begin, 1)
        spent = waiting.spent_ms()
        return Figures(
            makespan / 1000,
            counts["COMPLETED"],
            counts["FAILED"],
            counts["attempts"],
            counts["again"],
            counts["expired"],
            counts["timed_out"],
            round(counts["COMPLETED"] * _HOUR_MS / working, 2) if counts["COMPLETED"] else 0.0,
            {cause: ms / 1000 for cause, ms in spent.items()},
            waiting.longest_ms() / 1000,
            workers,
            self._at_once,
            sum((now if each.end is None else each.end) - each.begin for each in self.spans) / 1000,
        )


def how_it_ended(event: Ending) -> str:
    """In the words of an attempt."""
    match event:
        case NodeCompleted():
            return "completed"
        case NodeFailed():
            return event.how
        case LeaseExpired():
            return "expired"
        case NodeReleased():
            return "released"
        case LeaseRevoked():
            return "revoked"
