"""ImportTask: what was planned and done elsewhere, as a task.

`AddNodes` takes the same fields of a node where the task was imported.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from agentd.api.amounts import Budget
from agentd.api.moments import Moment, to_milliseconds
from agentd.api.node_settings import NodeDefaults, Priority, own_settings
from agentd.api.params import Nullable, Params
from agentd.api.registration import MOST_NODES, Labels, NodeSpec, settle_nodes
from agentd.api.trace_context import Traceparent, check_traceparent
from agentd.api.types import (
    NULL,
    Id,
    NodeRef,
    OptionalJson,
    OptionalObject,
    OrNull,
    ResultId,
    canonical_id,
    canonical_ref,
)

LONGEST_SOURCE = 4_096
"""Characters."""

StatusElsewhere = Literal["PENDING", "COMPLETED", "FAILED"]

Source = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_SOURCE,
        description="what stands for what is imported: repeated with it, that task is the answer",
    ),
]

EarlyEnds = Annotated[
    list[str] | UnsetType,
    Meta(description="nodes that completed behind others that did not; left out for none"),
]


class ImportedNodeSpec(NodeSpec, kw_only=True, forbid_unknown_fields=True):
    """One node of a task that is imported, as it was elsewhere."""

    status: Annotated[
        StatusElsewhere | None,
        Meta(description="how it has ended, if it has; PENDING where it is left out"),
    ] = None
    result_payload: Annotated[
        OptionalJson, Meta(description="of one that has ended: its result, or its error")
    ] = UNSET
    ended_at: Annotated[
        Moment | None, Meta(description="of one that has ended; left out: the import's moment")
    ] = None

    @property
    def tells_an_end(self) -> bool:
        """Whether it has a field that only nodes of imported tasks may have."""
        return not (
            self.status is None
            and self.ended_at is None
            and isinstance(self.result_payload, UnsetType)
        )


class NoteSpec(Nullable, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an agent noted elsewhere about a node of the task."""

    node_id: NodeRef
    action_type: OrNull[str] = "COMMIT_EVENT"
    payload: OptionalJson = UNSET
    timestamp: Annotated[
        Moment | None, Meta(description="when it was noted; left out: the import's moment")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.node_id = canonical_ref(self.node_id)


class ImportedEventSpec(NoteSpec, kw_only=True, forbid_unknown_fields=True):
    """The same, about one of the nodes of the request; it may keep its id."""

    id: Annotated[Id | None, Meta(description="its own, which no event here has")] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.id = self.id and canonical_id(self.id)


class ImportTaskParams(Params, kw_only=True, forbid_unknown_fields=True):
    """Take over what was planned and done elsewhere, all or nothing; a repeat finds the task."""

    goal: str
    source: Source
    nodes: Annotated[list[ImportedNodeSpec], Meta(max_length=MOST_NODES)]
    context: OptionalObject = UNSET
    created_at: Annotated[
        Moment | None, Meta(description="when it was planned; left out: the import's moment")
    ] = None
    paused: OrNull[bool] = False
    labels: OrNull[Labels] = field(default_factory=dict)
    priority: OrNull[
        Annotated[Priority, Meta(description="of the nodes that have none of their own")]
    ] = 0
    node_defaults: NodeDefaults | None = None
    budget: Budget | None = None
    events: Annotated[
        OrNull[list[ImportedEventSpec]],
        Meta(description="what agents noted, in the order in which contexts show it"),
    ] = field(default_factory=list)
    traceparent: Traceparent | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_traceparent(self.traceparent)
        moment_or_none(self.created_at, "$.created_at")
        settle_nodes(self.nodes, "$.nodes")
        settle_ends(self.nodes, "$.nodes")
        check_notes(self.events, "$.events")
        _check_ids(self.events, "$.events")
        if self.node_defaults is not None:
            own_settings(self.node_defaults, self.priority, "$.node_defaults")


class ImportTaskResult(Struct):
    """The ids, the nodes' in the order given; what else there is to know about the request."""

    task_id: ResultId
    node_ids: list[ResultId]
    warnings: EarlyEnds = UNSET
    existing: Annotated[
        bool | UnsetType,
        Meta(description="true where the source was imported before; else left out"),
    ] = UNSET


def settle_ends(nodes: Sequence[ImportedNodeSpec], place: str) -> None:
    """Raise ValueError for what the types alone do not tell of how nodes ended."""
    for number, node in enumerate(nodes):
        if not node.tells_an_end:
            continue
        moment_or_none(node.ended_at, f"{place}[{number}].ended_at")
        if node.status in ("COMPLETED", "FAILED"):
            continue
        if node.ended_at is not None:
            raise ValueError(_explain_status(f"{place}[{number}]", "ended_at"))
        if isinstance(node.result_payload, Raw) and bytes(node.result_payload) != NULL:
            raise ValueError(_explain_status(f"{place}[{number}]", "result_payload"))


def _explain_status(place: str, name: str) -> str:
    return (
        f"`{place}.{name}` is of a node that has ended, and this one has not: expected `status` "
        "COMPLETED or FAILED beside it"
    )


def check_notes(notes: Sequence[NoteSpec], place: str) -> None:
    """Raise ValueError for a moment that is none."""
    for number, note in enumerate(notes):
        moment_or_none(note.timestamp, f"{place}[{number}].timestamp")


def _check_ids(events: Sequence[ImportedEventSpec], place: str) -> None:
    """Raise ValueError for an id that is given twice."""
    seen: dict[str, int] = {}
    for number, event in enumerate(events):
        if event.id is None:
            continue
        first = seen.setdefault(event.id, number)
        if first != number:
            raise ValueError(
                f"`{place}[{number}].id` is that of `{place}[{first}]` too, {event.id}: give each "
                "event its own, or none"
            )


def moment_or_none(moment: float | str | None, place: str) -> int | None:
    """The moment in Unix milliseconds, if there is one. Raises ValueError for what is none."""
    return None if moment is None else to_milliseconds(moment, place)
