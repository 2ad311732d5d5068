"""RegisterTask: a goal and its nodes."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from agentd.api.amounts import Budget, Text
from agentd.api.gates import check_gate
from agentd.api.node_settings import (
    NodeDefaults,
    NodeSettingsSpec,
    Priority,
    check_name,
    own_settings,
)
from agentd.api.params import Params
from agentd.api.trace_context import Traceparent, check_traceparent
from agentd.api.types import Id, OptionalObject, OrNull, ResultId, canonical_id, canonical_ref

MOST_LABELS = 64

LONGEST_SECONDS = 31_536_000
"""A year."""

MOST_NODES = 20_000
"""Nodes in one request: every other client waits while they are recorded, some 30 µs each. More of
them do not fit a line with anything in it.
"""


NodeName = Annotated[
    str, Meta(description="1 to 128 characters, unique in the task, no UUID, no control characters")
]
Dependency = Annotated[str, Meta(description="the id or the name of a node of this request")]
Labels = Annotated[
    dict[Text, Text], Meta(max_length=MOST_LABELS, description="what it is found by")
]


class NodeSpec(NodeSettingsSpec):
    """One node of a new task."""

    id: Id | None = None
    dependencies: OrNull[list[Dependency]] = field(default_factory=list)
    payload_schema: OptionalObject = UNSET
    name: NodeName | None = None


class RegisterTaskParams(Params, dict=True):
    """Register a goal and its DAG of nodes, all or nothing."""

    goal: str
    context: OptionalObject = UNSET
    initial_nodes: OrNull[Annotated[list[NodeSpec], Meta(max_length=MOST_NODES)]] = field(
        default_factory=list
    )
    priority: OrNull[
        Annotated[Priority, Meta(description="of the nodes that have none of their own")]
    ] = 0
    node_defaults: NodeDefaults | None = None
    parent_task_id: Id | None = None
    labels: OrNull[Labels] = field(default_factory=dict)
    budget: Budget | None = None
    paused: OrNull[bool] = False
    timeout_secs: (
        Annotated[
            float,
            Meta(ge=0, le=LONGEST_SECONDS, description="then it is cancelled, if it goes on"),
        ]
        | None
    ) = None
    dedupe_key: (
        Annotated[Text, Meta(description="while a task with it goes on, that one is the answer")]
        | None
    ) = None
    traceparent: Traceparent | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_traceparent(self.traceparent)
        self.parent_task_id = self.parent_task_id and canonical_id(self.parent_task_id)
        settle_nodes(self.initial_nodes, "$.initial_nodes")
        if self.node_defaults is not None:
            own_settings(self.node_defaults, self.priority, "$.node_defaults")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its sender is told. It is no field: nobody sends it, and no repeat differs by it."""
        found: tuple[str, ...] = self.__dict__.get("warnings", ())
        return found

    def warn(self, warnings: tuple[str, ...]) -> None:
        """Have its sender told."""
        self.__dict__["warnings"] = warnings


def settle_nodes(nodes: Sequence[NodeSpec], place: str) -> None:
    """Write ids as agentd writes them. Raise ValueError for what the types alone do not tell.

    All at once and not node by node: too many of them are refused before any of this is done.
    """
    for number, node in enumerate(nodes):
        node.id = node.id and canonical_id(node.id)
        # A duplicated dependency counts once; dict keeps the order.
        node.dependencies = list(dict.fromkeys(map(canonical_ref, node.dependencies or ())))
        if node.name is not None or node.not_before is not None or node.gate or node.locks:
            _check_node(node, f"{place}[{number}]")


def _check_node(node: NodeSpec, place: str) -> None:
    """Raise ValueError for what the types alone do not tell."""
    if node.name is not None:
        check_name(node.name, place)
    if node.gate is not None:
        check_gate(node, place)
    own_settings(node, 0, place)


class RegisterTaskResult(Struct):
    """The new ids, the nodes' in the order given; what else there is to know about the request."""

    task_id: ResultId
    node_ids: list[ResultId]
    warnings: Annotated[
        list[str] | UnsetType,
        Meta(description="fields of nodes that are not known; left out where there are none"),
    ] = UNSET
    existing: Annotated[
        bool | UnsetType,
        Meta(description="true where the task goes on that bears the dedupe_key; else left out"),
    ] = UNSET
