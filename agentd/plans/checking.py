"""Whether the nodes of a plan fit together: keys, what they wait for, no cycle.

The rule this file keeps: what the daemon would refuse is a fault here, with its line; and a message
stays short, however many nodes are wrong alike.
"""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec import Raw

from agentd.plans.part import Part
from agentd.plans.plan import PlanEvent, PlanNode
from agentd.suggestion import closest_name
from agentd.text import quote

_MOST_NAMED = 8
"""Nodes of a cycle, or keys, that a message names."""

MOST_EDGES = 2_000_000
"""Of one plan: a few lines can ask for any number."""

_LARGEST_BYTES = 1000 * 1024
"""Of a node's payload, result and dependencies: what a request of 1 MiB has room for."""

_LARGEST_OF_TASK = 1023 * 1024
"""Of a goal and a context together, likewise."""

_ID_BYTES = 39
"""Of an id in a list."""

_MANY = 1_000
"""Dependencies that are worth a word where a node is too large."""

_MOST_SEARCHED = 2_000
"""Keys among which it is worth a search, what was meant."""


def check(
    nodes: Sequence[PlanNode],
    groups: Mapping[str, Sequence[str]],
    left_out: Mapping[str, str],
    root: Part,
) -> None:
    """Keep as faults what does not fit, and write out keys that stand for several nodes."""
    if not nodes and not root.place.faults:
        root.fault("there are no nodes in it: nothing to import")
    known: dict[str, PlanNode] = {}
    names: dict[str, PlanNode] = {}
    for each in nodes:
        _check_alone(each, known, names)
        known.setdefault(each.key, each)
        if each.name is not None:
            names.setdefault(each.name, each)
    edges = 0
    for each in nodes:
        each.needs, looked_at = _written_out(each, known, groups, left_out)
        edges += looked_at
        if edges > MOST_EDGES:
            root.fault(f"there are more than {MOST_EDGES:,} dependencies in it")
            return
        _check_size(each)
    _check_cycle(known)


def check_task(goal: str, context: Raw, root: Part) -> None:
    """Keep as a fault what a plan says of itself as a whole, where no request has room for it."""
    size = len(goal.encode()) + len(bytes(context))
    if size > _LARGEST_OF_TASK:
        root.fault(
            f"without its nodes the plan has {size:,} bytes, and a request has room for "
            f"{_LARGEST_OF_TASK:,}: keep large data in files and send their paths"
        )


def check_events(events: Sequence[PlanEvent], nodes: Sequence[PlanNode]) -> None:
    """Keep as faults events of nodes that there are not, and those that no request has room for."""
    known = {node.key for node in nodes}
    for event in events:
        if event.key not in known:
            event.place.fault(f"it is about the node {quote(event.key)}, and there is none")
        if (size := len(bytes(event.payload))) > _LARGEST_BYTES:
            room = f"a request has room for {_LARGEST_BYTES:,}"
            event.place.fault(f"it has {size:,} bytes, and {room}")


def _check_alone(
    node: PlanNode, known: Mapping[str, PlanNode], names: Mapping[str, PlanNode]
) -> None:
    twin = known.get(node.key) or (names.get(node.name) if node.name is not None else None)
    if twin is not None:
        line = twin.place.faults.line_of(twin.place.path)
        node.place.fault(f"two nodes are called {quote(node.key)}, the other one on line {line}")


def _check_size(node: PlanNode) -> None:
    size = len(bytes(node.payload)) + len(bytes(node.result or b"")) + len(node.needs) * _ID_BYTES
    if size > _LARGEST_BYTES:
        many = f"waits for {len(node.needs):,} nodes and " if len(node.needs) > _MANY else ""
        node.place.fault(
            f"the node {quote(node.key)} {many}has {size:,} bytes, and a request has room for "
            f"{_LARGEST_BYTES:,}: keep large data in files and send their paths"
        )


def _written_out(
    node: PlanNode,
    known: Mapping[str, PlanNode],
    groups: Mapping[str, Sequence[str]],
    left_out: Mapping[str, str],
) -> tuple[list[str], int]:
    """What a node waits for, and how many keys were looked at for that: groups may be long."""
    looked_at = 0
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [*reversed(node.needs)]
    while waiting:
        key = waiting.pop()
        looked_at += 1
        stands_for = groups.get(key, ())
        if stands_for and [*stands_for] != [node.key]:  # what stands for a node needs that one
            if key not in seen:
                waiting += reversed(stands_for)  # which may be groups as well
            seen.add(key)
        elif key in known:
            found[key] = None
        elif key in groups:
            continue  # it stands for nothing, and nobody waits for that
        elif key in left_out:
            told = f"{quote(node.key)} waits for {quote(key)}, which is left out: {left_out[key]}"
            node.place.fault(told)
        else:
            _fault_unknown(node, key, [known, groups])
    return [*found], looked_at


def _fault_unknown(node: PlanNode, key: str, named: Sequence[Mapping[str, object]]) -> None:
    few = sum(map(len, named)) <= _MOST_SEARCHED and not node.place.faults.are_many
    meant = closest_name(key, [each for keys in named for each in keys]) if few else None
    hint = "" if meant is None else f"; did you mean {quote(meant)}?"
    node.place.fault(f"{quote(node.key)} waits for {quote(key)}, and there is none{hint}")


def _check_cycle(nodes: Mapping[str, PlanNode]) -> None:
    try:
        TopologicalSorter({key: node.needs for key, node in nodes.items()}).prepare()
    except CycleError as error:
        cycle: list[str] = [*error.args[1]]  # from dependency to dependent, the first again as last
        named = [quote(key) for key in cycle[:_MOST_NAMED]]
        if len(cycle) > _MOST_NAMED:
            named.append(f"… ({len(cycle) - 1:,} nodes in all)")
        nodes[cycle[0]].place.fault(f"what waits for itself never runs: {' -> '.join(named)}")
