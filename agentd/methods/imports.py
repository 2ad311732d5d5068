"""ImportTask, and what a whole database brings besides."""

from collections.abc import Sequence

from msgspec import UNSET

from agentd import decide, queries
from agentd.api import ImportTaskParams, ImportTaskResult
from agentd.decide import Context, ImportState, LiveLock, LiveLockState, TakeOver
from agentd.events import LOCKS_STREAM, NodeAdded
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.registration import registered_nodes
from agentd.projections import LOCKS
from agentd.store import Reader

MOST_WARNINGS = 10
"""Nodes that have a warning each; the others share one."""


def _load(reader: Reader, params: ImportTaskParams, context: Context) -> ImportState:
    """What a repeat finds, or what is taken already of the ids that are given."""
    return _load_state(reader, params, context, TakeOver(context.new_id()))


def _prepare(reader: Reader, params: ImportTaskParams, _context: Context) -> Command:
    """The same, with the ids of events looked up beforehand: what is recorded never changes."""
    given = _given_ids(params)
    known, until = reader.existing_events(given) if given else [], reader.last_seq()

    def load(reader: Reader, params: ImportTaskParams, context: Context) -> ImportState:
        return _load_state(reader, params, context, TakeOver(context.new_id()), known, until)

    return IMPORT_TASK._replace(load=load)


def _load_state(
    reader: Reader,
    params: ImportTaskParams,
    context: Context,
    taken_over: TakeOver,
    known: Sequence[str] = (),
    until: int = 0,
) -> ImportState:
    """`known` are the events' ids that the journal has up to the seq `until`."""
    if (seq := queries.seq_of_import(reader, params.source)) is not None:
        return ImportState(taken_over, result_seq=seq)
    node_ids = [spec.id or context.new_id() for spec in params.nodes]
    taken = reader.existing_nodes([spec.id for spec in params.nodes if spec.id is not None])
    given = _given_ids(params)
    newer = reader.existing_events(given, until) if given else []
    return ImportState(taken_over, node_ids, taken, [*known, *newer])


def _given_ids(params: ImportTaskParams) -> list[str]:
    return [event.id for event in params.events if event.id is not None]


def _show_import(
    _reader: Reader, records: Sequence[Recorded], _params: ImportTaskParams, _context: Context
) -> ImportTaskResult:
    node_ids = [each.node_id or "" for each in records if isinstance(each.event, NodeAdded)]
    warnings = warnings_of_ends(records)
    return ImportTaskResult(records[0].task_id, node_ids, warnings or UNSET)


def _show_existing(
    reader: Reader, recorded: Recorded | None, _context: Context
) -> ImportTaskResult:
    assert recorded is not None  # noqa: S101 - nothing is imported where another was
    task_id = recorded.task_id
    return ImportTaskResult(task_id, registered_nodes(reader, task_id), existing=True)


def warnings_of_ends(records: Sequence[Recorded]) -> list[str]:
    """What to say of nodes that came as COMPLETED behind what is not satisfied."""
    early = [
        (each.node_id if each.event.name is None else repr(each.event.name), each.event.waiting_on)
        for each in records
        if isinstance(each.event, NodeAdded)
        and each.event.status == "COMPLETED"
        and each.event.waiting_on
    ]
    warnings = [
        f"node {label} is COMPLETED, and {count:,} of the nodes that it depends on "
        f"{'is' if count == 1 else 'are'} not: it was taken as it is"
        for label, count in early[:MOST_WARNINGS]
    ]
    if len(early) > MOST_WARNINGS:
        warnings.append(f"so were {len(early) - MOST_WARNINGS:,} more nodes")
    return warnings


IMPORT_TASK = Command(
    _load, decide.import_task, unchanged=_show_existing, show=_show_import, prepare=_prepare
)


def take_over_task(taken_over: TakeOver, known_events: Sequence[str] = ()) -> Command:
    """ImportTask of a task that keeps its id, with the leases that are live.

    `known_events` are those of its events' ids that the journal has: who takes over many tasks
    looks for all of them at once, for it is a look at the whole journal.
    """

    def load(reader: Reader, params: ImportTaskParams, context: Context) -> ImportState:
        last = reader.last_seq()
        return _load_state(reader, params, context, taken_over, known_events, last)

    return IMPORT_TASK._replace(load=load, prepare=None)


def take_over_lock(lock: LiveLock) -> Command:
    """A command, for params of any kind, that takes over a lock; nothing where it is here."""

    def load(reader: Reader, _params: object, _context: Context) -> LiveLockState:
        stream = lock.task_id or LOCKS_STREAM
        in_way = reader.get(LOCKS, (lock.lease_id,)) or queries.lock_in_way(reader, lock.key)
        return LiveLockState(stream, reader.head(stream).version, lock, in_way)

    return Command(load, decide.take_lock)
