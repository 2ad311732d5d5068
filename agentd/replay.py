"""Refolding the journal: rebuild the projections, check them, look at an earlier moment.

The rule this file keeps: the journal is the truth. A check folds it into empty tables beside the
real ones and compares row by row; a rebuild puts those tables in the real ones' place.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import asdict

from agentd.api import TaskStatusParams, TaskStatusResult
from agentd.errors import IllegalTransition, RecordDamaged, TaskNotFound
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
from agentd.journal import GENESIS, Head, Recorded, chain_hash
from agentd.lifecycle import step
from agentd.progress import Advance
from agentd.projections import (
    NODES,
    PROJECTIONS,
    TOTALS,
    Key,
    NodeRow,
    Projection,
    Tables,
    TotalsRow,
    project,
)
from agentd.projections.totals import SCOPE
from agentd.queries import task_status
from agentd.store import Reader, Shadow, Store
from agentd.store.memory import MemoryTx

PROGRESS_EVERY = 2_000

SLICE = 20_000
"""Records that are checked in one read transaction."""

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


class Difference(Struct, frozen=True):
    """Something that is not as the journal, or the rules, say."""

    where: str
    what: str

    def __str__(self) -> str:
        # What damage left of a text may be anything, also what a terminal would obey.
        return "".join(
            c if c.isprintable() else ascii(c)[1:-1] for c in f"{self.where}: {self.what}"
        )


def rebuild(store: Store, advance: Advance) -> int:
    """Put freshly folded projections in the place of the real ones; returns the events.

    `advance` is told the seq of the last record folded, now and then.
    """
    with store.shadow() as shadow:
        events = 0
        with store.read() as reader:
            for recorded in reader.journal():
                project(shadow, recorded)
                events += 1
                _report_progress(recorded, advance)
        shadow.swap()
        return events


class Readable(Protocol):
    """What a check asks of a store."""

    def read(self) -> AbstractContextManager[Reader]:
        """See `Store.read`."""

    def shadow(self) -> AbstractContextManager[Shadow]:
        """See `Store.shadow`."""


def check(store: Readable, advance: Advance) -> Iterator[Difference]:
    """Every record that breaks its chain or an edge, then every row that is not their fold.

    The journal only grows, so it is read in slices: a long read beside a busy daemon would keep its
    WAL from being reused. The last slice and the rows are one snapshot.
    """
    with store.shadow() as shadow:
        journal = _JournalCheck(shadow)
        while not journal.ended:
            with store.read() as reader:
                yield from journal.fold_slice(reader, advance)
                if journal.ended:
                    yield from journal.check_end(reader)
                    for projection in PROJECTIONS:
                        yield from _compare(projection, shadow, reader)


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
        self._heads: dict[str, Head | None] = {}
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
                self._heads[damage.task_id] = None  # what follows it has nothing to be held against
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
        yield from self._check_link(recorded)
        yield from _check_edge(recorded, self._tables)
        project(self._tables, recorded)

    def _check_seq(self, seq: int) -> Iterator[Difference]:
        if seq < 1:
            yield Difference(f"seq {seq}", "no place in the journal: they begin with 1")
            return
        if seq != self._seq + 1:
            yield Difference(f"seq {self._seq + 1}", f"missing; the next is {seq}")
        self._seq = seq

    def _check_link(self, recorded: Recorded) -> Iterator[Difference]:
        head = self._heads.get(recorded.task_id, GENESIS)
        self._heads[recorded.task_id] = Head(recorded.version, recorded.hash)
        if head is None:
            return
        where = f"seq {recorded.seq} (task {recorded.task_id}, {recorded.kind})"
        if recorded.version != head.version + 1:
            number = head.version + 1
            yield Difference(where, f"is event {recorded.version} of its task, expected {number}")
        if chain_hash(head.hash, recorded) != recorded.hash:
            yield Difference(where, "the hash chain breaks: it or the event before it was changed")


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


def _compare(projection: Projection, shadow: Shadow, reader: Reader) -> Iterator[Difference]:
    """Walk both tables in the order of their keys."""
    folded, stored = shadow.rows(projection), reader.rows(projection)
    for expected, actual in zip_longest(folded, stored):
        if expected == actual:
            continue
        if expected is None or actual is None or _is_other(projection, expected, actual):
            yield from _one_too_many(projection, expected, actual)
            # One row too many or too few shifts all that follow: saying so once is enough.
            yield Difference(
                projection.name, "has other rows than the journal says; stopped comparing"
            )
            return
        yield from _differences(projection, expected, actual)


def _is_other(projection: Projection, expected: Struct, actual: Struct) -> bool:
    return _key_of(projection, expected) != _key_of(projection, actual)


def _one_too_many(
    projection: Projection, expected: Struct | None, actual: Struct | None
) -> Iterator[Difference]:
    """The row that one of the two tables has and the other has not: that with the lesser key."""
    if expected is not None and (actual is None or _comes_before(projection, expected, actual)):
        yield Difference(_name_of(projection, expected), "the row is missing")
    elif actual is not None:
        yield Difference(_name_of(projection, actual), "the journal knows no such row")


def _comes_before(projection: Projection, row: Struct, other: Struct) -> bool:
    """Whether its key is the lesser one: damage may have left a value of any type in a row."""
    one, two = (
        [(type(value).__name__, value) for value in _key_of(projection, each)]
        for each in (row, other)
    )
    return one < two


def _differences(projection: Projection, expected: Struct, actual: Struct) -> Iterator[Difference]:
    where, before, now = _name_of(projection, expected), asdict(expected), asdict(actual)
    for name in before:
        if before[name] != now[name]:
            yield Difference(where, f"{name} is {now[name]!r}, the journal says {before[name]!r}")


def _name_of(projection: Projection, row: Struct) -> str:
    """What the row is called, and of which task it is."""
    name = f"{projection.name} {' '.join(map(str, _key_of(projection, row)))}"
    return f"{name} (task {row.task_id})" if isinstance(row, NodeRow) else name


def _key_of(projection: Projection, row: Struct) -> Key:
    return tuple(getattr(row, name) for name in projection.key)


def _report_progress(recorded: Recorded, advance: Advance) -> None:
    if recorded.seq % PROGRESS_EVERY == 0:
        advance(recorded.seq)
