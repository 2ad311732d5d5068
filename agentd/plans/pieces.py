"""A plan as requests: one where it fits a line, else a first one and what is added to it.

The rule this file keeps: a plan that fits keeps its order. One that does not comes with what others
wait for first, for nobody can wait for a node that is not there yet; events come behind all nodes.
"""

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from agentd.api import ImportedEventSpec, ImportedNodeSpec
from agentd.plans.plan import Plan, PlanEvent, PlanNode, node_id

MOST_BYTES = 900 * 1024
"""Of the nodes or events of one request: a line of 1 MiB has room for the rest of it."""

MOST_NODES = 5_000
"""Of one request: every other client waits while they are recorded."""


class Piece(NamedTuple):
    """What goes into one request."""

    nodes: list[ImportedNodeSpec]
    events: list[ImportedEventSpec]


def pieces_of(plan: Plan, source: str) -> list[Piece]:
    """The plan in as few pieces as it takes, at least one."""
    size = len(bytes(plan.context)) + len(plan.goal.encode())
    nodes = [_node_spec(node, source) for node in plan.nodes]
    events = [_event_spec(event, source) for event in plan.events]
    sizes = [_size(each) for each in (*nodes, *events)]
    if size + sum(sizes) <= MOST_BYTES and len(nodes) <= MOST_NODES:
        return [Piece(nodes, events)]
    nodes = [nodes[place] for place in _needed_first(plan.nodes)]
    found = [Piece(each, []) for each in _cut(nodes, size)]
    return found + [Piece([], each) for each in _cut(events, 0)]


def _cut(specs: Sequence[msgspec.Struct], taken: int) -> Iterator[list]:  # type: ignore[type-arg]
    """The specs in lists that each fit a request; of the first one so many bytes are taken."""
    piece: list[msgspec.Struct] = []
    for spec in specs:
        size = _size(spec)
        if taken and (taken + size > MOST_BYTES or len(piece) >= MOST_NODES):
            yield piece
            piece, taken = [], 0
        piece.append(spec)
        taken += size
    if piece:
        yield piece


def _size(spec: msgspec.Struct) -> int:
    return len(msgspec.json.encode(spec)) + len(b",")


def _needed_first(nodes: Sequence[PlanNode]) -> list[int]:
    """The places of the nodes, each behind all that it waits for, else in their order."""
    places = {node.key: place for place, node in enumerate(nodes)}
    missing = [len(node.needs) for node in nodes]
    waiting: list[list[int]] = [[] for _ in nodes]
    for place, node in enumerate(nodes):
        for need in node.needs:
            waiting[places[need]].append(place)
    ready = [place for place, many in enumerate(missing) if not many]
    found = []
    while ready:
        place = heapq.heappop(ready)
        found.append(place)
        for other in waiting[place]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, other)
    return found


def _node_spec(node: PlanNode, source: str) -> ImportedNodeSpec:
    spec = ImportedNodeSpec(
        id=node_id(source, node.key),
        name=node.name,
        dependencies=[node_id(source, need) for need in node.needs],
        payload_schema=node.payload,
        **node.settings,
    )
    if node.ended is not None:
        spec.status, spec.ended_at = node.ended, node.ended_at
        spec.result_payload = UNSET if node.result is None else node.result
    return spec


def _event_spec(event: PlanEvent, source: str) -> ImportedEventSpec:
    return ImportedEventSpec(
        node_id=node_id(source, event.key),
        action_type=event.action_type,
        payload=event.payload,
        timestamp=event.timestamp,
    )
