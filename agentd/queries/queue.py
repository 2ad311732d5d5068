"""Which node is handed out next.

The rule this file keeps: stretches of the queue are looked at, and nodes only of those that the
worker can take.
"""

from collections.abc import Collection, Iterable

from agentd.projections import NodeRow, StretchRow, find_demand
from agentd.queries.limits import limit_state
from agentd.store import Reader


def next_node(
    reader: Reader, task_id: str | None, labels: Collection[str], now: int
) -> NodeRow | None:
    """The first node of the task, or of all, that a worker may have who offers these labels."""
    stretches: Iterable[StretchRow]
    if task_id is None:
        stretches = reader.next_stretches()
    else:
        stretches = (each for each in reader.stretches(task_id) if each.hands_out)
    offered = frozenset(labels)
    first: NodeRow | None = None
    order = None
    for stretch in stretches:
        if order is not None and stretch.order != order:
            break
        if _can_take(reader, stretch.demand, offered, now):
            order = stretch.order
            node = reader.first_of(stretch)
            if first is None or (node is not None and node.added_seq < first.added_seq):
                first = node
    return first


def hands_out(reader: Reader, task_id: str, now: int) -> bool:
    """Whether somebody who offers no labels would get a node of the task."""
    return any(
        stretch.hands_out and _can_take(reader, stretch.demand, frozenset(), now)
        for stretch in reader.stretches(task_id)
    )


def _can_take(reader: Reader, demand: str, offered: frozenset[str], now: int) -> bool:
    if not demand:
        return True
    demanded = find_demand(reader, demand)
    if not demanded.requires <= offered:
        return False
    return all(limit_state(reader, name).has_room(now) for name in demanded.limits)
