"""The stretch of the journal that is rehearsed, and what there was before it.

The rule this file keeps: only tasks in which something happened are looked at, each from its first
record on. Payloads are left where they are: no decision reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

from msgspec import Struct
from msgspec.structs import replace

from agentd.errors import Failure
from agentd.events import LIMITS_STREAM, LOCKS_STREAM, Event
from agentd.journal import Recorded
from agentd.projections import project
from agentd.rehearsal.tables import QuickTables
from agentd.store import Reader

_SHARED = (LIMITS_STREAM, LOCKS_STREAM)
_NO_BYTES = b""


class Stretch(Struct, frozen=True):
    """What was recorded `before` of the tasks that matter, and what then: both in order."""

    before: list[Recorded]
    records: list[Recorded]

    @property
    def begin(self) -> int:
        """Unix milliseconds."""
        return self.records[0].at

    @property
    def tasks(self) -> list[str]:
        """The tasks in which something happened, the first one first."""
        found = dict.fromkeys(recorded.task_id for recorded in self.records)
        return [task_id for task_id in found if task_id not in _SHARED]

    def begin_tables(self, amend: Callable[[Event], Event] | None = None) -> QuickTables:
        """The rows as they were when the stretch began, or would have been."""
        tables = QuickTables()
        for recorded in self.before:
            kept = recorded if amend is None else bare(recorded, amend(recorded.event))
            tables.take(kept)
            project(tables, kept)
        return tables


def read_stretch(reader: Reader, task_id: str | None, since: int | None) -> Stretch:
    """What happened in a task, or in all of them, since that moment (Unix milliseconds).

    Raises `Failure` where nothing did.
    """
    after = 0 if since is None else reader.seq_at(since - 1)
    if task_id is None:
        records = [bare(recorded) for recorded in reader.journal(after)]
        tasks = dict.fromkeys(each.task_id for each in records)
    else:
        records, tasks = _of_task(reader, task_id, after), {task_id: None}
    if not any(recorded.task_id not in _SHARED for recorded in records):
        raise Failure(
            "nothing was recorded in that time: there is nothing to rehearse; --since looks "
            "further back"
        )
    streams = dict.fromkeys((*tasks, *_SHARED)) if after else ()
    before = [each for stream in streams for each in _until(reader, stream, 0, after)]
    return _split([*sorted(before, key=_place), *records], after)


def _split(everything: Sequence[Recorded], after: int) -> Stretch:
    """It begins with what happened in a task: a limit may have been set a month before."""
    is_first = (each.seq > after and each.task_id not in _SHARED for each in everything)
    first = next(index for index, found in enumerate(is_first) if found)
    timely = list(_never_back(everything))
    return Stretch(timely[:first], timely[first:])


def _never_back(records: Iterable[Recorded]) -> Iterator[Recorded]:
    """Where the clock was put back, time stands still until it is where it was."""
    latest = 0
    for recorded in records:
        latest = max(latest, recorded.at)
        yield recorded if recorded.at == latest else replace(recorded, at=latest)


def _of_task(reader: Reader, task_id: str, after: int) -> list[Recorded]:
    """Its own records, and what happened to limits and shared locks meanwhile."""
    own = [bare(recorded) for recorded in reader.journal(after, task_id)]
    last = own[-1].seq if own else 0
    shared = [each for stream in _SHARED for each in _until(reader, stream, after, last)]
    return sorted((*own, *shared), key=_place)


def _until(reader: Reader, stream: str, after: int, until: int) -> Iterator[Recorded]:
    """One stream at a time: a server may let nobody read several side by side."""
    return map(bare, takewhile(lambda each: each.seq <= until, reader.journal(after, stream)))


def _place(recorded: Recorded) -> int:
    return recorded.seq


def bare(recorded: Recorded, event: Event | None = None) -> Recorded:
    """The record without its bytes; with another event, if one is given."""
    return Recorded(
        recorded.seq,
        recorded.event_id,
        recorded.task_id,
        recorded.version,
        recorded.node_id,
        recorded.kind,
        recorded.schema,
        recorded.at,
        _NO_BYTES,
        None,
        _NO_BYTES,
        recorded.event if event is None else event,
    )
