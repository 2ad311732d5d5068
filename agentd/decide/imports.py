"""ImportTask: what was planned and done elsewhere becomes a task.

The rule this file keeps: what has ended elsewhere has ended, and nothing of that is judged again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from msgspec import UNSET, Raw, Struct, UnsetType

from agentd.api import (
    EMPTY_OBJECT,
    NULL,
    ImportedEventSpec,
    ImportedNodeSpec,
    ImportTaskParams,
    NoteSpec,
    moment_or_none,
    or_default,
)
from agentd.decide.context import Context
from agentd.decide.registration import check_graph, ids_by_name, node_settings, settings_of_task
from agentd.decide.takeovers import LiveLease, TakeOver
from agentd.decide.usage import is_reached
from agentd.errors import InvalidParams, NodeNotFound
from agentd.events import (
    EventCommitted,
    NodeAcquired,
    NodeAdded,
    NodeSettings,
    Status,
    TaskRegistered,
)
from agentd.journal import Draft

_QUOTED = 128
"""Characters of a name that a message repeats: no name is longer."""


class ImportState(Struct, frozen=True):
    """The state ImportTask decides on: the new ids, and which of the nodes' are taken already.

    `known_events` are those of the events' ids that the journal has. `result_seq` points at the
    registration of the task that was imported from the same source; 0 where there is none.
    """

    taken_over: TakeOver
    node_ids: Sequence[str] = ()
    taken: Sequence[str] = ()
    known_events: Sequence[str] = ()
    result_seq: int = 0
    version: ClassVar[int] = 0

    @property
    def task_id(self) -> str:
        """The id of the new task."""
        return self.taken_over.task_id


def import_task(state: ImportState, params: ImportTaskParams, context: Context) -> list[Draft]:
    """The task, its nodes as they were, and then what was noted about them.

    Nothing where a task was imported from the same source.
    """
    if state.result_seq:
        return []
    nodes = list(zip(state.node_ids, params.nodes, strict=True))
    named = ids_by_name(nodes)
    dependencies = check_graph(nodes, named, state.taken)
    meant = named | {node_id: node_id for node_id in state.node_ids}
    notes = list(note_events(params.events, meant, context.now, state.known_events))
    of_task = settings_of_task(params.node_defaults, params.priority)
    registered = _registration(params, of_task)
    drafts = [Draft(registered, payload=or_default(params.context, EMPTY_OBJECT))]
    drafts += _add_nodes(nodes, dependencies, of_task, state.taken_over.changed)
    leases = state.taken_over.leases
    drafts += [Draft(_take_lease(lease), node_id) for node_id, lease in leases.items()]
    return drafts + notes


def _registration(params: ImportTaskParams, of_task: NodeSettings | None) -> TaskRegistered:
    ended = [status_of(spec) for spec in params.nodes]
    return TaskRegistered(
        params.goal,
        len(params.nodes),
        node_defaults=of_task,
        labels=params.labels,
        budget=params.budget,
        spent=is_reached(params.budget, {}),
        paused=params.paused,
        completed=ended.count("COMPLETED"),
        failed=ended.count("FAILED"),
        traceparent=params.traceparent,
        imported_from=params.source,
        created_at=moment_or_none(params.created_at, "$.created_at"),
    )


def _add_nodes(
    nodes: Sequence[tuple[str, ImportedNodeSpec]],
    dependencies: Mapping[str, Sequence[str]],
    of_task: NodeSettings | None,
    changed: Mapping[str, int],
) -> Iterator[Draft]:
    settings = {node_id: node_settings(spec, of_task) for node_id, spec in nodes}
    satisfied = {node_id for node_id, spec in nodes if satisfies(spec, settings[node_id])}
    for position, (node_id, spec) in enumerate(nodes):
        needed = tuple(dependencies[node_id])
        event = NodeAdded(
            position,
            needed,
            sum(each not in satisfied for each in needed),
            status_of(spec),
            spec.name,
            settings[node_id],
            result=result_of(spec),
            updated_at=changed.get(node_id, moment_or_none(spec.ended_at, "$.nodes")),
        )
        yield Draft(event, node_id, or_default(spec.payload_schema, EMPTY_OBJECT))


def status_of(spec: ImportedNodeSpec) -> Status:
    """How the node begins."""
    return spec.status or "PENDING"


def satisfies(spec: ImportedNodeSpec, settings: NodeSettings | None) -> bool:
    """Whether those that depend on the node do not wait for it."""
    runs_on = settings is not None and settings.on_failure == "continue"
    return spec.status == "COMPLETED" or (spec.status == "FAILED" and runs_on)


def result_of(spec: ImportedNodeSpec) -> Raw | UnsetType:
    """What a node that has ended brings; null is as good as nothing."""
    result = spec.result_payload
    if status_of(spec) == "PENDING" or isinstance(result, UnsetType) or bytes(result) == NULL:
        return UNSET
    return result


def _take_lease(lease: LiveLease) -> NodeAcquired:
    return NodeAcquired(
        lease.lease_id,
        lease.owner,
        lease.expires_at,
        "RUNNING",
        acquired_at=lease.acquired_at,
    )


def note_events(
    events: Sequence[NoteSpec], meant: Mapping[str, str], now: int, known: Sequence[str] = ()
) -> Iterator[Draft]:
    """What was noted, in its order, about the nodes that are `meant` by an id or a name.

    What tells no moment was noted `now` (Unix milliseconds). `known` are ids that the journal has.
    Raises `NodeNotFound` or `InvalidParams`.
    """
    taken = set(known)
    for number, spec in enumerate(events):
        node_id = meant.get(spec.node_id)
        if node_id is None:
            named = spec.node_id[:_QUOTED]
            raise NodeNotFound(
                f"`$.events[{number}].node_id`: {named!r} is neither the id nor the name of a node "
                "of this task",
                node_id=named,
            )
        event_id = spec.id if isinstance(spec, ImportedEventSpec) else None
        if event_id in taken:
            raise InvalidParams(
                f"ImportTask: `$.events[{number}].id`: the journal has an event {event_id} "
                "already: leave the id out, and it gets a new one"
            )
        at = moment_or_none(spec.timestamp, f"$.events[{number}].timestamp")
        event = EventCommitted(spec.action_type, noted_at=now if at is None else at)
        yield Draft(event, node_id, or_default(spec.payload, NULL), event_id=event_id)
