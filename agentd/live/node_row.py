"""A node as a row of a table: what people look for, without payloads.

The rule this file keeps: an event changes a row as the daemon's own tables change; where it does
not tell how, `fold` says so, and the node is asked for.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from agentd.api import NodeView, RecordedEventView
from agentd.references import node_name
from agentd.text import printable

_DERIVED = ("cancelled", "paused", "dependency_failed", "dependency")
"""Causes that follow from the other rows, and from the task."""

_LONGEST_WORD = 200
"""Characters of what an agent said last."""


_LARGEST_PAYLOAD = 16 * 1024
"""Bytes of a payload in which words are looked for; of a larger one the beginning is shown."""


class NodeRow(Struct):
    """One node. Times are Unix seconds; `state` is a word of `agentd.states`."""

    id: str
    name: str | None
    label: str
    status: str
    state: str
    dependencies: list[str]
    owner: str | None
    acquired_at: float | None
    lease_expires_at: float | None
    attempt: int
    updated_at: float
    priority: int
    not_before: float | None
    blocked_by: list[str]
    """What it waits for besides other nodes, and its task: as it was when it was last read."""

    runs_on: bool
    """Its dependents run although it failed."""

    ask: str | None
    """What somebody has to decide, of a gate."""

    last_word: str | None = None
    """What was said of it last: by its agent, or why it failed or was given back."""

    said_at: float | None = None
    """When that was said."""

    @property
    def satisfies_dependents(self) -> bool:
        """Its dependents wait for it no longer."""
        return self.status == "COMPLETED" or (self.status == "FAILED" and self.runs_on)


def row_of(node: NodeView) -> NodeRow:
    """The row of a node; `label` and `state` are for who knows the others to say."""
    return NodeRow(
        id=node.id,
        name=node_name(node),
        label="",
        status=node.status,
        state="",
        dependencies=node.dependencies,
        owner=node.lease_owner,
        acquired_at=node.acquired_at,
        lease_expires_at=node.lease_expires_at,
        attempt=node.attempt,
        updated_at=node.updated_at,
        priority=node.priority,
        not_before=node.not_before,
        blocked_by=[kind for kind in node.blocked_by if kind not in _DERIVED],
        runs_on=node.on_failure == "continue",
        ask=None if node.gate is UNSET else node.gate.ask,
        last_word=_error_of(node.result_payload) if node.status == "FAILED" else None,
    )


def fold(row: NodeRow, event: RecordedEventView) -> bool:
    """Change the row as this event changed its node.

    False where the event leaves open how, and the node has to be asked for.
    """
    hear(row, event)
    if event.by_client:
        return True
    change = _CHANGES.get(event.action_type)
    moment = _moment(event)
    row.updated_at = moment
    if change is not None:
        change(row, moment, _decode(event.payload))
    return change is not None


def hear(row: NodeRow, event: RecordedEventView) -> None:
    """Where this event says something in words, they are the last ones."""
    if word := last_word(event):
        row.last_word, row.said_at = word, _moment(event)


def last_word(event: RecordedEventView) -> str | None:
    """What an event says in words: of what agents commit the text, of failures the error."""
    if len(event.payload) > _LARGEST_PAYLOAD:
        return _start(event.payload)
    found = _decode(event.payload)
    if event.by_client:
        said: Any = found.get("message", found) if isinstance(found, dict) else found
    elif event.action_type == "FAIL_NODE":
        said = found.get("error")
    elif event.action_type == "RELEASE_NODE":
        said = found.get("reason")
    else:
        return None
    return _words(said)


def _error_of(payload: Raw) -> str | None:
    return _start(payload) if len(payload) > _LARGEST_PAYLOAD else _words(_decode(payload))


def _start(payload: Raw) -> str:
    return printable(bytes(payload)[:_LONGEST_WORD].decode(errors="replace"))


def _words(said: Any) -> str | None:
    """What a payload, or a part of one, says to a person."""
    if isinstance(said, Mapping):
        said = next((said[k] for k in ("message", "error", "text", "note") if k in said), said)
    if said in (None, "", {}, []):
        return None
    return printable((said if isinstance(said, str) else _encode(said))[:_LONGEST_WORD])


def _encode(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:  # it could be decoded, by a hair
        return "…"


def _moment(event: RecordedEventView) -> float:
    """Whole seconds, as views have it."""
    return datetime.fromisoformat(event.timestamp).timestamp() // 1


def _acquire(row: NodeRow, moment: float, payload: Mapping[str, Any]) -> None:
    row.status, row.acquired_at, row.not_before = "RUNNING", moment, None
    row.owner = payload.get("lease_owner")
    row.lease_expires_at = payload.get("lease_expires_at")
    row.attempt += 1
    row.blocked_by = []


def _complete(row: NodeRow, _moment: float, _payload: Mapping[str, Any]) -> None:
    _end(row, "COMPLETED")


def _give_back(row: NodeRow, _moment: float, payload: Mapping[str, Any]) -> None:
    _end(row, "PENDING")
    row.not_before = payload.get("not_before")  # of a release


def _open_gate(row: NodeRow, _moment: float, _payload: Mapping[str, Any]) -> None:
    row.blocked_by = ["gate"]


def _decide(row: NodeRow, _moment: float, payload: Mapping[str, Any]) -> None:
    _end(row, "COMPLETED" if payload.get("decision") == "approve" else "FAILED")


def _end(row: NodeRow, status: str) -> None:
    row.status = status
    row.owner = row.acquired_at = row.lease_expires_at = None
    row.blocked_by = []


_CHANGES: Mapping[str, Callable[[NodeRow, float, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "ACQUIRE_NODE": _acquire,
        "COMPLETE_NODE": _complete,
        "TIMEOUT_ROLLBACK": _give_back,
        "REVOKE_LEASE": _give_back,
        "RELEASE_NODE": _give_back,
        "OPEN_GATE": _open_gate,
        "DECIDE_GATE": _decide,
    }
)
"""The others do not tell all: a failure may be final or not, a setting may be any."""


def _decode(payload: Raw) -> Any:
    """The payload; what no decoder takes, or is no object where one is expected, says nothing."""
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return found
