"""ForkTask: a new task that begins as another was."""

from typing import Annotated

from msgspec import Meta, Struct, field

from agentd.api.moments import At, check_at
from agentd.api.params import TaskParams
from agentd.api.registration import MOST_NODES
from agentd.api.trace_context import Traceparent, check_traceparent
from agentd.api.types import NodeRef, OrNull, ResultId, canonical_ref


class ForkTaskParams(TaskParams, forbid_unknown_fields=True):
    """Begin a new task as another is, or was; what had ended there has ended here, with its result.

    Nodes are new, with the same names, fields and edges.
    """

    at: At | None = None
    rerun: Annotated[
        OrNull[Annotated[list[NodeRef], Meta(max_length=MOST_NODES)]],
        Meta(description="these are PENDING, and all that depend on them"),
    ] = field(default_factory=list)
    failed: Annotated[
        OrNull[bool], Meta(description="so is every one that is FAILED, and all behind it")
    ] = False
    goal: Annotated[str | None, Meta(description="another one")] = None
    traceparent: Traceparent | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at(self.at)
        check_traceparent(self.traceparent)
        self.rerun = list(dict.fromkeys(map(canonical_ref, self.rerun)))


class ForkTaskResult(Struct):
    """The new ids, the nodes' in the order of their registration."""

    task_id: ResultId
    node_ids: list[ResultId]


class ForkOrigin(Struct):
    """Which task it was forked from, as that was after the event at `seq`."""

    task_id: ResultId
    seq: int
