"""A plan that was read: nodes, what was done and said already, and what agentd does not take over.

The rule this file keeps: nodes are known by their keys, which are unique in the plan, and refer to
each other by them; ids are made of the keys, so that a repeat names the same nodes.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from msgspec import Raw

from agentd.documents.faults import Place

_IDS = uuid.UUID("b1f7e1a4-5f0b-5a53-9d2f-6c9b0e9e8f10")
"""The name space of ids that are made of a source and a key."""

Ended = Literal["COMPLETED", "FAILED"]


class NotTaken(NamedTuple):
    """Something of the form that agentd has no counterpart for: on which line, where, and why."""

    line: int
    where: str
    why: str


@dataclass(slots=True)
class PlanNode:
    """A node as it is to be imported. `needs` are keys of other nodes.

    `settings` are the other fields of the request by their names. What has not ended has no
    `ended`, `result` and `ended_at` (Unix seconds or RFC 3339).
    """

    key: str
    place: Place
    needs: list[str]
    payload: Raw
    name: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    ended: Ended | None = None
    result: Raw | None = None
    ended_at: float | str | None = None

    @property
    def called(self) -> str:
        """What people know it by: its name; a node without one by its key."""
        return self.name or self.key


class PlanEvent(NamedTuple):
    """What was said about the node with that key."""

    key: str
    action_type: str
    payload: Raw
    timestamp: str | None
    place: Place


@dataclass(slots=True)
class Plan:
    """A plan without a fault. `settings` are the other fields of the task by their names.

    `own_id` is what the form itself calls it by, for all time and wherever the file is.
    """

    form: str
    goal: str
    context: Raw
    nodes: Sequence[PlanNode]
    events: Sequence[PlanEvent] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    own_id: str | None = None
    not_taken: Sequence[NotTaken] = ()


def node_id(source: str, key: str) -> str:
    """The id of a node, the same at each repeat: it follows from the plan's source and its key."""
    return str(uuid.uuid5(_IDS, f"{source}\0{key}"))
