"""Who worked when: the attempts of a task, from its events.

The rule this file keeps: an attempt begins when its node is acquired, and ends with the first event
that takes the lease away; one that has no such event goes on.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec
from msgspec import Struct

from agentd.api import RecordedEventView

_ENDS: Mapping[str, str] = MappingProxyType(
    {
        "COMPLETE_NODE": "completed",
        "FAIL_NODE": "failed",
        "RELEASE_NODE": "released",
        "REVOKE_LEASE": "revoked",
        "TIMEOUT_ROLLBACK": "expired",
    }
)

SPAN_KINDS = ("ACQUIRE_NODE", *_ENDS)
"""The action types of the events that `attempt_spans` reads: `kinds` of WatchEvents."""


class Span(Struct):
    """One attempt; `begin` and `end` are Unix seconds, `end` and `how` None while it goes on."""

    node_id: str
    attempt: int
    owner: str | None
    begin: float
    end: float | None = None
    how: str | None = None


class _Lease(Struct):
    lease_owner: str | None = None


def attempt_spans(events: Iterable[RecordedEventView]) -> list[Span]:
    """The attempts, in the order in which they began; the events are in the journal's order."""
    spans: list[Span] = []
    going_on: dict[str, Span] = {}
    begun: dict[str, int] = {}
    for event in events:
        node, kind = event.node_id, event.action_type
        if node is None or event.by_client:
            continue
        at = datetime.fromisoformat(event.timestamp).timestamp()
        if kind == "ACQUIRE_NODE":
            begun[node] = begun.get(node, 0) + 1
            owner = msgspec.json.decode(event.payload, type=_Lease).lease_owner
            going_on[node] = span = Span(node, begun[node], owner, at)
            spans.append(span)
        elif kind in _ENDS and (span_of := going_on.pop(node, None)) is not None:
            span_of.end, span_of.how = at, _ENDS[kind]
    return spans
