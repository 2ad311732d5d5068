"""AddNodes: more nodes for a task that is there."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, field

from agentd.api.imports import EarlyEnds, ImportedNodeSpec, NoteSpec, check_notes, settle_ends
from agentd.api.params import Nullable, TaskParams
from agentd.api.registration import MOST_NODES, settle_nodes
from agentd.api.trace_context import Traceparent, check_traceparent
from agentd.api.types import Id, NodeRef, OrNull, ResultId, canonical_id, canonical_ref

Reference = Annotated[
    str, Meta(description="the id or the name of a node of this request, or of the task")
]
Before = Annotated[
    OrNull[list[Reference]], Meta(description="PENDING nodes that shall wait for this one too")
]


class AddedNodeSpec(ImportedNodeSpec, kw_only=True, forbid_unknown_fields=True):
    """One node that is added to a task; `dependencies` may be of any of the task's nodes.

    It may have ended where the task was imported, and nowhere else.
    """

    dependencies: OrNull[list[Reference]] = field(default_factory=list)
    before: Before = field(default_factory=list)


class LeaseRef(Nullable, omit_defaults=True, forbid_unknown_fields=True):
    """The lease of a node of the task."""

    node_id: NodeRef
    lease_id: Id

    def __post_init__(self) -> None:
        self.node_id = canonical_ref(self.node_id)
        self.lease_id = canonical_id(self.lease_id)


class AddNodesParams(TaskParams, kw_only=True, forbid_unknown_fields=True):
    """Add nodes to a task that is not cancelled, all or nothing."""

    nodes: Annotated[list[AddedNodeSpec], Meta(max_length=MOST_NODES)]
    lease: Annotated[
        LeaseRef | None, Meta(description="add them only while this lease is current")
    ] = None
    events: Annotated[
        OrNull[list[NoteSpec]],
        Meta(
            description="of a task that was imported: what agents noted elsewhere about its nodes"
        ),
    ] = field(default_factory=list)
    traceparent: Traceparent | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_traceparent(self.traceparent)
        settle_nodes(self.nodes, "$.nodes")
        settle_ends(self.nodes, "$.nodes")
        check_notes(self.events, "$.events")
        for node in self.nodes:
            if node.before:
                node.before = list(dict.fromkeys(map(canonical_ref, node.before)))
            elif node.before is None:
                node.before = []


class AddNodesResult(Struct):
    """The ids of the new nodes, in the order given; what else there is to know."""

    node_ids: list[ResultId]
    warnings: EarlyEnds = UNSET
