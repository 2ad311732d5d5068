"""What a node may say of itself besides its work, and what a task says for all its nodes."""

import re
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from agentd.api.amounts import Text
from agentd.api.gates import GateSpec
from agentd.api.moments import LONGEST_SECS, Moment, Seconds, to_milliseconds
from agentd.api.resource_keys import ResourceKey, normalised
from agentd.api.types import OrNull, is_id
from agentd.events import LockMode, LockOfNode, NodeSettings, OnFailure, Retry

LONGEST_NAME = 128
"""Characters."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Priority = Annotated[int, Meta(ge=-100, le=100, description="higher first")]
LeaseSeconds = Annotated[int, Meta(ge=1, le=86_400, description="how long a lease lasts")]
TimeoutSeconds = Annotated[
    int, Meta(ge=1, le=LONGEST_SECS, description="how long one attempt may take in all")
]
NotBefore = Annotated[Moment | None, Meta(description="not handed out before it")]
OnFailureParam = Annotated[
    OnFailure | None,
    Meta(
        description="`block`, where it is left out: dependents never run; `continue`: they run, "
        "and find its error"
    ),
]


MOST_NAMED = 64
"""Labels, or limits, of one node."""

Names = Annotated[list[Text], Meta(max_length=MOST_NAMED)]
Requires = Annotated[Names | None, Meta(description="labels, all of which a worker must offer")]
Limits = Annotated[
    Names | None, Meta(description="limits of which it takes a slot while it is RUNNING")
]


class LockSpec(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A lock that a node's lease holds."""

    key: ResourceKey
    mode: OrNull[LockMode] = "exclusive"


Locks = Annotated[list[ResourceKey | LockSpec], Meta(max_length=MOST_NAMED)]


class RetrySpec(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """How often a node may be tried, and after which pauses."""

    max_attempts: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None, Meta(description="1 where it is left out")
    ] = None
    backoff_secs: Annotated[
        Seconds | None, Meta(description="the first pause; 1 where it is left out")
    ] = None
    factor: Annotated[
        Annotated[float, Meta(ge=1)] | None,
        Meta(description="how much longer each further pause is; 2 where it is left out"),
    ] = None
    max_backoff_secs: Annotated[
        Seconds | None, Meta(description="the longest pause; 300 where it is left out")
    ] = None
    jitter: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="the part of a pause that is chance; 0.2 where it is left out"),
    ] = None
    on_expiry: Annotated[
        bool | None,
        Meta(description="whether leases that ran out count; true where it is left out"),
    ] = None


class NodeDefaults(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the nodes of a task have where they say nothing."""

    retry: RetrySpec | None = None
    lease_secs: LeaseSeconds | None = None
    timeout_secs: TimeoutSeconds | None = None
    not_before: NotBefore = None
    on_failure: OnFailureParam = None
    requires: Requires = None
    limits: Limits = None


class NodeSettingsSpec(NodeDefaults, kw_only=True, forbid_unknown_fields=False):
    """The fields of a node that are settings; one of its own replaces the task's whole."""

    priority: Annotated[Priority | None, Meta(description="the task's where it is left out")] = None
    gate: Annotated[
        GateSpec | None,
        Meta(description="it is decided, never acquired, and has nothing of `node_defaults`"),
    ] = None
    locks: Annotated[
        Locks | None, Meta(description="resource keys that its lease holds, all or none")
    ] = None


def own_settings(spec: NodeDefaults, priority: int, place: str = "$") -> NodeSettings:
    """What is said here and no more, as events record it. Raises ValueError for no moment."""
    at = spec.not_before
    return NodeSettings(
        priority,
        None if spec.retry is None else retry_of(spec.retry),
        _milliseconds(spec.lease_secs),
        _milliseconds(spec.timeout_secs),
        None if at is None else to_milliseconds(at, f"{place}.not_before"),
        spec.on_failure,
        once_each(spec.requires),
        once_each(spec.limits),
        locks=locks_of(spec.locks, place) if isinstance(spec, NodeSettingsSpec) else None,
    )


def locks_of(
    given: Sequence[str | LockSpec] | None, place: str = "$"
) -> tuple[LockOfNode, ...] | None:
    """The locks, as events record them; of a key that is named twice the exclusive one.

    Raises ValueError for a path that is none.
    """
    if given is None:
        return None
    found: dict[str, LockOfNode] = {}
    for number, each in enumerate(given):
        spec = LockSpec(each) if isinstance(each, str) else each
        key = normalised(spec.key, f"{place}.locks[{number}]")
        if key not in found or spec.mode == "exclusive":
            found[key] = LockOfNode(key, spec.mode or "exclusive")
    return tuple(found.values())


def once_each(names: list[str] | None) -> tuple[str, ...] | None:
    """What was named, and of what was named twice the first."""
    return None if names is None else tuple(dict.fromkeys(names))


def check_name(name: str, place: str) -> None:
    """Raise ValueError where a node cannot be named so."""
    if not 1 <= len(name) <= LONGEST_NAME or _CONTROL.search(name) or is_id(name):
        raise ValueError(
            f"`{place}.name`: {name[:LONGEST_NAME]!r} is no name: expected 1 to {LONGEST_NAME} "
            "characters, none of them a control character, and no UUID"
        )


def _milliseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000


def retry_of(spec: RetrySpec) -> Retry:
    """The same, as events record it."""
    return Retry(*(getattr(spec, name) for name in RetrySpec.__struct_fields__))
