"""The params that several methods share: their request, task, node and lease.

The rule this file keeps: what may be null on the wire is its default once it is decoded, and ids
are written as agentd writes them.
"""

from functools import cache
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Raw, Struct, UnsetType

from agentd.api.types import Id, NodeRef, RequestId, canonical_id, canonical_ref


class Nullable(Struct, omit_defaults=True):
    """An object in which a field that is null counts as left out."""

    def __post_init__(self) -> None:
        for name, default in _null_defaults(type(self)):
            if getattr(self, name) is None:
                setattr(self, name, default)


class Params(Nullable, kw_only=True, omit_defaults=True):
    """What every method takes."""

    request_id: RequestId | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.request_id is not None:
            self.request_id = canonical_id(self.request_id)


@cache
def _null_defaults(kind: type[Nullable]) -> tuple[tuple[str, Any], ...]:
    """The fields that may be null, and what they are then. No request changes a default."""
    return tuple(
        (field.name, default)
        for field in msgspec.structs.fields(kind)
        if (default := _default_of(field)) not in (NODEFAULT, UNSET, None)
    )


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is NODEFAULT else factory()


class NoParams(Params):
    """The params of a method that takes none of its own."""


class TaskParams(Params):
    """Params that name a task."""

    task_id: Id

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task_id = canonical_id(self.task_id)


class NodeParams(TaskParams):
    """Params that name a node of a task."""

    node_id: NodeRef

    def __post_init__(self) -> None:
        super().__post_init__()
        self.node_id = canonical_ref(self.node_id)


class LeaseParams(NodeParams):
    """Params that name the lease under which the caller holds the node."""

    lease_id: Id

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lease_id = canonical_id(self.lease_id)


def one_payload(
    payload: Raw | UnsetType, alias: Raw | UnsetType, alias_name: str
) -> Raw | UnsetType:
    """The one payload, whichever of its two names it was given under."""
    if isinstance(alias, UnsetType):
        return payload
    if not isinstance(payload, UnsetType):
        raise ValueError(  # noqa: TRY004 - msgspec reports a ValueError as invalid params
            f"`payload` and `{alias_name}` are two names of one value: give one of them"
        )
    return alias
