"""All that a database holds, brought into another one: of the same engine, or of the other.

The rule this file keeps: the journal arrives as it is, and nothing else is believed. What the
target has is read back: its hash chains hold, and the rows that its journal gives are those of the
source. Only then it is a database that a daemon works on. The source is read in one moment and
never written to.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from agentd import replay
from agentd.errors import DatabaseRefused, JournalDamaged
from agentd.journal import Head, Recorded
from agentd.progress import Advance, Progress, begin
from agentd.projections import TOTALS, TotalsRow
from agentd.projections.totals import EMPTY_TOTALS, SCOPE
from agentd.replay.chains import Chains
from agentd.store import Reader
from agentd.store.intake import Intake

_MOST_RECORDS = 5_000
_MOST_BYTES = 8 * 2**20
"""Records, and bytes of them, that are added at a time; a kill loses as many."""


class Moved(Struct, frozen=True):
    """What is in the target now, and how many of its events were brought by this call.

    `last_seq` is the seq of the source's last event, 0 where it has none.
    """

    tasks: int
    last_seq: int
    brought: int


def move(source: Reader, target: Intake, progress: Progress) -> Moved:
    """Bring into `target` what it lacks of `source`, and make a database of it.

    Raises `DatabaseRefused` where it has begun with something else, `JournalDamaged` where the
    source or what arrived is not whole; `target` is not finished then.
    """
    last = source.last_seq()
    with target.read() as reader:
        there = reader.last_seq()
        if there > last or not _is_same(source, reader, there):
            raise DatabaseRefused("the target was begun with another journal: name an empty one")
    _copy(source, target, there, begin(progress, "copying events", last))
    _fold(source, target, begin(progress, "checking events", last))
    progress("copying answered requests", 0, 0)
    target.finish(source.answered_requests())
    return _sum_up(source, last - there)


def find_moved(source: Reader, target: Reader) -> Moved:
    """What a whole database has of `source`: all of it.

    Raises `DatabaseRefused` where it has something else, or not all.
    """
    last, there = source.last_seq(), target.last_seq()
    if not _is_same(source, target, min(last, there)):
        raise DatabaseRefused("the target has another journal: name an empty database")
    if there < last:
        raise DatabaseRefused(
            f"the target is whole with the source's events up to seq {there:,}, and the source "
            f"has gone on to {last:,} since: name an empty database"
        )
    return _sum_up(source, 0)


def _is_same(source: Reader, target: Reader, place: int) -> bool:
    """Whether both have the same record there: no two events have one id, or one hash."""
    if not place:
        return True
    ours, theirs = source.record_at(place), target.record_at(place)
    return (ours.event_id, ours.hash) == (theirs.event_id, theirs.hash)


def _sum_up(source: Reader, brought: int) -> Moved:
    totals: TotalsRow = source.get(TOTALS, (SCOPE,)) or EMPTY_TOTALS
    return Moved(totals.tasks, source.last_seq(), brought)


def _copy(source: Reader, target: Intake, there: int, advance: Advance) -> None:
    chains = Chains(lambda task_id: _head(target, task_id)) if there else Chains()
    try:
        for records in _pieces(source.journal(there)):
            for recorded in records:
                _follow(chains, recorded)
            target.add(records)
            advance(records[-1].seq)
    except JournalDamaged as error:
        raise JournalDamaged(f"the source is damaged: {error}") from error


def _follow(chains: Chains, recorded: Recorded) -> None:
    for difference in chains.follow(recorded):
        raise JournalDamaged(str(difference))


def _head(target: Intake, task_id: str) -> Head:
    with target.read() as reader:
        return reader.head(task_id)


def _pieces(journal: Iterable[Recorded]) -> Iterator[list[Recorded]]:
    """The journal in pieces that memory holds."""
    piece: list[Recorded] = []
    size = 0
    for recorded in journal:
        piece.append(recorded)
        size += len(recorded.data) + len(recorded.payload or b"")
        if len(piece) == _MOST_RECORDS or size > _MOST_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _fold(source: Reader, target: Intake, advance: Advance) -> None:
    """Read the target's journal back, and make its rows; those of the source are no others."""
    with target.shadow() as shadow:
        for difference in replay.check_fold(target, shadow, advance, source):
            raise JournalDamaged(
                f"what arrived does not fit the source's rows: {difference}; `agentd replay` on "
                "the source folds them anew where only they are wrong"
            )
        shadow.hold()
        shadow.swap()
