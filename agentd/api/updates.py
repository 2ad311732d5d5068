"""UpdateNode: other settings for nodes that are PENDING."""

from msgspec import Struct

from agentd.api.moments import to_milliseconds
from agentd.api.node_settings import (
    LeaseSeconds,
    Limits,
    NotBefore,
    Priority,
    Requires,
    RetrySpec,
    TimeoutSeconds,
)
from agentd.api.params import TaskParams
from agentd.api.types import NodeRef, ResultId, canonical_ref

UPDATABLE = (
    "priority",
    "retry",
    "not_before",
    "lease_secs",
    "timeout_secs",
    "requires",
    "limits",
)
"""The settings that may be changed."""


class UpdateNodeParams(TaskParams, forbid_unknown_fields=True):
    """Change settings of a PENDING node, or of all of a task, from their next acquisition on."""

    node_id: NodeRef | None = None
    priority: Priority | None = None
    retry: RetrySpec | None = None
    not_before: NotBefore = None
    lease_secs: LeaseSeconds | None = None
    timeout_secs: TimeoutSeconds | None = None
    requires: Requires = None
    limits: Limits = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.node_id = None if self.node_id is None else canonical_ref(self.node_id)
        if all(getattr(self, name) is None for name in UPDATABLE):
            raise ValueError(f"`$`: say what to change, any of {', '.join(UPDATABLE)}")
        if self.not_before is not None:
            to_milliseconds(self.not_before, "$.not_before")


class UpdateNodeResult(Struct):
    """The nodes that have the new settings."""

    node_ids: list[ResultId]
