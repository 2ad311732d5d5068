"""RetryNode: nodes that failed are tried again."""

from typing import Annotated

from msgspec import Meta, Struct

from agentd.api.params import TaskParams
from agentd.api.types import NodeRef, OrNull, ResultId, canonical_ref


class RetryNodeParams(TaskParams, forbid_unknown_fields=True):
    """Make a node that FAILED, or with `failed` all of a task, PENDING again."""

    node_id: NodeRef | None = None
    failed: OrNull[
        Annotated[bool, Meta(description="every node that FAILED and may be tried again")]
    ] = False
    reason: str | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.node_id is None) is not self.failed:
            raise ValueError("`$.node_id`, or `$.failed`: true: give one of the two")
        self.node_id = None if self.node_id is None else canonical_ref(self.node_id)


class RetryNodeResult(Struct):
    """The nodes that are PENDING again."""

    node_ids: list[ResultId]
