"""Refolding the journal: rebuild the projections, check them, look at an earlier moment.

The rule this file keeps: the journal is the truth. A check folds it into empty tables beside the
real ones and compares row by row; a rebuild puts those tables in the real ones' place.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from agentd.api import TaskStatusParams, TaskStatusResult
from agentd.errors import Failure, IllegalTransition, RecordDamaged, TaskNotFound
from agentd.events import (
    Event,
    LeaseExpired,
    LeaseRevoked,
    NodeAcquired,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
)
from agentd.journal import Recorded
from agentd.lifecycle import step
from agentd.progress import Advance
from agentd.projections import (
    NODES,
    PROJECTIONS,
    TOTALS,
    NodeRow,
    Tables,
    TotalsRow,
    project,
)
from agentd.projections.totals import SCOPE
from agentd.queries import task_status
from agentd.replay.chains import Chains
from agentd.replay.difference import Difference
from agentd.replay.rows import compare
from agentd.store import Reader, Shadow, Store
from agentd.store.memory import MemoryTx
from agentd.store.protocols.journal import JournalReader

PROGRESS_EVERY = 2_000

SLICE = 20_000
"""Records that are checked in one read transaction."""

_MORE_SLICES = 10
"""Slices that may be recorded while a short journal is folded."""

_BEFORE_ALL = -(2**63)
"""Less than every seq that SQLite can hold, those too that no record may have."""

_TRIGGERS = {
    NodeAcquired: "acquire",
    NodeCompleted: "complete",
    NodeFailed: "fail",
    LeaseExpired: "timeout_rollback",
    NodeReleased: "release",
    NodeRetried: "retry_failed",
    LeaseRevoked: "revoke",
}


def rebuild(store: Store, advance: Advance) -> int:
    """Put freshly folded projections in the place of the real ones; returns the events.

    `advance` is told the seq of the last record folded, now and then. Raises `Failure` where so
    much is recorded meanwhile that the fold never comes to the journal's end.
    """
    with store.read() as reader:
        slices = 2 * (reader.last_seq() // SLICE) + _MORE_SLICES
    with store.shadow() as shadow:
        fold = _Fold(shadow, advance)
        for _ in range(slices):
            with store.read() as reader:
                if fold.go_on(reader, SLICE) < SLICE:
                    break
        else:
            raise Failure(
                "events are recorded faster than they are folded: try again when less goes on"
            )
        fold.go_on(shadow.hold())
        shadow.swap()
        return fold.events


class _Fold:
    """The journal as far as it was folded into `tables`."""

    def __init__(self, tables: Tables, advance: Advance) -> None:
        self._tables = tables
        self._advance = advance
        self._last_seq = 0
        self.events = 0

    def go_on(self, journal: JournalReader, limit: int | None = None) -> int:
        """Fold the next `limit` records, or all; returns how many there were."""
        before = self.events
        for recorded in journal.journal(self._last_seq, limit=limit):
            project(self._tables, recorded)
            self._last_seq = recorded.seq
            self.events += 1
            _report_progress(recorded, self._advance)
        return self.events - before


class Readable(Protocol):
    """What a check asks of a store."""

    def read(self) -> AbstractContextManager[Reader]:
        """See `Store.read`."""

    def shadow(self) -> AbstractContextManager[Shadow]:
        """See `Store.shadow`."""


def check(store: Readable, advance: Advance) -> Iterator[Difference]:
    """Every record that breaks its chain or an edge, then every row that is not their fold."""
    with store.shadow() as shadow:
        yield from check_fold(store, shadow, advance)


def check_fold(
    store: Readable, shadow: Shadow, advance: Advance, rows: Reader | None = None
) -> Iterator[Difference]:
    """As `check`, with `shadow` to fold into; the rows are those of another database, if given.

    The journal only grows, so it is read in slices: a long read beside a busy daemon would keep its
    WAL from being reused. The last slice and the rows are one snapshot.
    """
    journal = _JournalCheck(shadow)
    while not journal.ended:
        with store.read() as reader:
            yield from journal.fold_slice(reader, advance)
            if journal.ended:
                kept = reader if rows is None else rows
                yield from journal.check_end(kept)
                for projection in PROJECTIONS:
                    yield from compare(projection, shadow, kept)


def task_at(store: Store, task_id: str, until: Callable[[Recorded], bool]) -> TaskStatusResult:
    """The task as it was after its last record for which `until` holds. Raises `TaskNotFound`."""
    then = MemoryTx()
    with store.read() as reader:
        for recorded in reader.journal(task_id=task_id):
            if not until(recorded):
                break
            then.records[recorded.seq] = recorded
            project(then, recorded)
    if not then.records:
        raise TaskNotFound(f"there was no task {task_id} then", task_id=task_id)
    return task_status(then, TaskStatusParams(task_id=task_id), then.last_at())


class _JournalCheck:
    """The journal as far as it was checked and folded."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._chains = Chains()
        self._last_read = _BEFORE_ALL
        self._seq = 0
        self.ended = False

    def fold_slice(self, reader: Reader, advance: Advance) -> Iterator[Difference]:
        """Say what is wrong with the next `SLICE` records, and fold them."""
        left = SLICE
        while left and not self.ended:
            try:
                for recorded in reader.journal(self._last_read, limit=left):
                    left -= 1
                    self._last_read = recorded.seq
                    yield from self._fold(recorded)
                    _report_progress(recorded, advance)
                self.ended = left > 0
            except RecordDamaged as damage:
                left -= 1
                if damage.seq <= self._last_read:  # no row: the page behind it cannot be read
                    yield Difference(f"seq {self._seq + 1}", "the journal cannot be read from here")
                    self.ended = True
                    return
                self._last_read = damage.seq
                self._chains.lose(damage.task_id)
                yield from self._check_seq(damage.seq)
                yield Difference(f"seq {damage.seq} (task {damage.task_id})", damage.why)

    def check_end(self, reader: Reader) -> Iterator[Difference]:
        """Say where records are missing behind the last one: by the count, it was not the last."""
        totals: TotalsRow | None = reader.get(TOTALS, (SCOPE,))
        if totals is not None and totals.events > self._seq:
            what = f"missing; {totals.events} events were recorded"
            yield Difference(f"seq {self._seq + 1}", what)

    def _fold(self, recorded: Recorded) -> Iterator[Difference]:
        yield from self._check_seq(recorded.seq)
        yield from self._chains.follow(recorded)
        yield from _check_edge(recorded, self._tables)
        project(self._tables, recorded)

    def _check_seq(self, seq: int) -> Iterator[Difference]:
        if seq < 1:
            yield Difference(f"seq {seq}", "no place in the journal: they begin with 1")
            return
        if seq != self._seq + 1:
            yield Difference(f"seq {self._seq + 1}", f"missing; the next is {seq}")
        self._seq = seq


def _check_edge(recorded: Recorded, tables: Tables) -> Iterator[Difference]:
    trigger = _trigger_of(recorded.event)
    if trigger is None:
        return
    where = f"seq {recorded.seq} (task {recorded.task_id}, node {recorded.node_id})"
    event: Any = recorded.event
    row: NodeRow | None = tables.get(NODES, (recorded.node_id or "",))
    if row is None:
        yield Difference(where, f"{recorded.kind} of a node that was never added")
        return
    try:
        if step(row.status, trigger) != event.status:
            yield Difference(where, f"{recorded.kind} records {event.status} after {row.status}")
    except IllegalTransition as error:
        yield Difference(where, error.message)


def _trigger_of(event: Event) -> str | None:
    """The edge that the event took; a failure may have left its node to be tried again."""
    if isinstance(event, NodeFailed) and event.status == "PENDING":
        return "retry"
    return _TRIGGERS.get(type(event))


def _report_progress(recorded: Recorded, advance: Advance) -> None:
    if recorded.seq % PROGRESS_EVERY == 0:
        advance(recorded.seq)
