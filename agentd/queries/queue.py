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
    can_take = Takeable(reader, frozenset(labels), now)
    first: NodeRow | None = None
    order = None
    for stretch in stretches:
        if order is not None and stretch.order != order:
            break
        if can_take(stretch.demand):
            order = stretch.order
            node = reader.first_of(stretch)
            if first is None or (node is not None and node.added_seq < first.added_seq):
                first = node
    return first


class Takeable:
    """Which demands a worker meets who offers these labels, and have room in their limits now.

    Many tasks demand the same: each demand is looked at once.
    """

    def __init__(self, reader: Reader, offered: frozenset[str], now: int) -> None:
        self._reader = reader
        self._offered = offered
        self._now = now
        self._known = {"": True}

    def __call__(self, demand: str) -> bool:
        """Whether a node that demands this can be taken."""
        known = self._known.get(demand)
        if known is None:
            known = self._known[demand] = self._can_take(demand)
        return known

    def _can_take(self, demand: str) -> bool:
        demanded = find_demand(self._reader, demand)
        if not demanded.requires <= self._offered:
            return False
        return all(limit_state(self._reader, each).has_room(self._now) for each in demanded.limits)


def hands_out(reader: Reader, task_id: str, can_take: Takeable) -> bool:
    """Whether somebody to whom these demands can be given would get a node of the task."""
    return any(each.hands_out and can_take(each.demand) for each in reader.stretches(task_id))
