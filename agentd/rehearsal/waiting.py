"""What nodes waited for, and how long: added up while rows change.

The rule this file keeps: what keeps a ready node from being handed out is asked of `causes`, as
everywhere. Nodes that wait for the same are counted together, so that a change costs the same
however many wait.
"""

from collections import defaultdict

from msgspec import Struct

from agentd.causes import causes_of_limit, causes_of_task
from agentd.projections import (
    LIMITS,
    NODES,
    TASK_STATES,
    LimitRow,
    NodeRow,
    TaskStateRow,
    find_demand,
    is_ready,
)
from agentd.projections.queue import is_held_alike
from agentd.queries.limits import limit_state
from agentd.rehearsal.tables import QuickTables

NO_WORKER = "no_worker"
"""Nothing is in the way: no worker takes it."""

_Place = tuple[str, str]
"""What a ready node waits for, or `work` and its demand where it can be handed out."""


class _Crowd(Struct):
    """So many nodes wait for the same since that moment; `until` is when the cause is over.

    `opened` is when there was room last that time had made.
    """

    count: int = 0
    since: int = 0
    cause: str = NO_WORKER
    until: int | None = None
    opened: int = 0


class Waiting:
    """Follows the rows of `tables`. Times are Unix milliseconds; `now` is set by who moves on.

    `version` grows with whatever may have made work, or ended it.
    """

    def __init__(self, tables: QuickTables, now: int) -> None:
        self.now = now
        self.version = 0
        self._tables = tables
        self._longest_ms = 0
        self._spent: defaultdict[str, int] = defaultdict(int)
        self._causes: dict[str, _Crowd] = {}
        self._demands: dict[str, _Crowd] = {}
        self._naming: defaultdict[str, set[str]] = defaultdict(set)
        self._limited: set[str] = set()
        self._fitting: dict[frozenset[str], list[str]] = {}
        self._counts: defaultdict[_Place, dict[str, int]] = defaultdict(dict)
        self._held: dict[str, str] = {}
        self._since: dict[str, tuple[str, int]] = {}
        for state in tables.tables[TASK_STATES.name].values():
            self._see_task(None, state)  # type: ignore[arg-type]  # its rows
        for node in tables.tables[NODES.name].values():
            self._see_node(None, node)  # type: ignore[arg-type]  # its rows
        tables.watches = {
            TASK_STATES.name: self._see_task,
            NODES.name: self._see_node,
            LIMITS.name: self._see_limit,
        }

    def spent_ms(self) -> dict[str, int]:
        """Milliseconds that nodes have waited by now, all of them together, by cause."""
        for crowd in self._causes.values():
            self._charge(crowd)
        for demand, crowd in self._demands.items():
            self._charge(crowd, demand)
        return {cause: spent for cause, spent in sorted(self._spent.items()) if spent}

    def longest_ms(self) -> int:
        """The longest time that a node was ready before it was worked on, or is by now."""
        waits = max((self.now - since for _, since in self._since.values()), default=0)
        return max(self._longest_ms, waits)

    def anybody(self) -> bool:
        """Whether any node waits now, for whatever it is."""
        crowds = (*self._causes.values(), *self._demands.values())
        return any(crowd.count for crowd in crowds)

    def open_work(self, labels: frozenset[str], task_id: str | None) -> int:
        """How many nodes can be had now, of this task or any, by who offers these labels."""
        found = 0
        for demand in self._demands_for(labels):
            crowd = self._demands[demand]
            if crowd.count and self._is_open(crowd, demand):
                count = crowd.count
                if task_id is not None:
                    own = self._counts["work", demand].get(task_id, 0)
                    count = 0 if task_id in self._held else own
                found += self._with_slots(demand, count)
        return found

    def _with_slots(self, demand: str, count: int) -> int:
        """How many of so many nodes there are slots for in the limits that they name."""
        if demand not in self._limited:
            return count
        for name in find_demand(self._tables, demand).limits:
            limit: LimitRow = self._tables.get(LIMITS, (name,))
            if limit.max_running is not None:
                count = min(count, limit.max_running - limit.running)
        return count

    def opened_by_time(self, labels: frozenset[str]) -> int:
        """When time made room last for who offers these labels; 0 where it never did."""
        crowds = ((demand, self._demands[demand]) for demand in self._demands_for(labels))
        found = (
            crowd.opened for demand, crowd in crowds if crowd.count and self._is_open(crowd, demand)
        )
        return max(found, default=0)

    def next_opening(self) -> int | None:
        """When a limit that nodes wait for has room again by itself, as far as that is known."""
        ends = []
        for demand in self._limited:
            crowd = self._demands[demand]
            if crowd.count:
                self._charge(crowd, demand)
                ends.append(crowd.until)
        return min((end for end in ends if end is not None), default=None)

    def _demands_for(self, labels: frozenset[str]) -> list[str]:
        """Those that who offers these labels can meet: asked at every change, so found once."""
        found = self._fitting.get(labels)
        if found is None:
            every = self._demands
            found = [each for each in every if find_demand(self._tables, each).requires <= labels]
            self._fitting[labels] = found
        return found

    def _is_open(self, crowd: _Crowd, demand: str) -> bool:
        if crowd.until is not None and crowd.until <= self.now:
            self._charge(crowd, demand)
        return crowd.cause is NO_WORKER

    def _see_node(self, before: NodeRow | None, after: NodeRow) -> None:
        left, entered = _place_of(before), _place_of(after)
        if left == entered:
            return
        self.version += 1
        if left is not None:
            self._count(left, after.task_id, -1)
        if entered is not None:
            self._count(entered, after.task_id, 1)
        if after.gate:
            return
        if is_ready(after) and after.not_before is None:
            if self._held.get(after.task_id) != "cancelled":
                self._since.setdefault(after.node_id, (after.task_id, self.now))
        elif after.node_id in self._since:
            self._note_end(after.node_id)

    def _note_end(self, node_id: str) -> None:
        _, since = self._since.pop(node_id)
        self._longest_ms = max(self._longest_ms, self.now - since)

    def _see_task(self, before: TaskStateRow | None, row: TaskStateRow) -> None:
        if before is not None and is_held_alike(before, row):
            return
        causes = causes_of_task(row)
        cause = causes[0] if causes else None
        if cause == self._held.get(row.task_id):
            return
        self.version += 1
        moved = [(place, by_task.pop(row.task_id, 0)) for place, by_task in self._counts.items()]
        for place, count in moved:
            self._move(place, row.task_id, -count)
        if cause is None:
            del self._held[row.task_id]
        else:
            self._held[row.task_id] = cause
        if cause == "cancelled":
            for node_id in [each for each, (task, _) in self._since.items() if task == row.task_id]:
                self._note_end(node_id)
        for place, count in moved:
            self._count(place, row.task_id, count)

    def _see_limit(self, _before: LimitRow | None, row: LimitRow) -> None:
        self.version += 1
        for demand in self._naming.get(row.name, ()):
            crowd = self._demands[demand]
            self._charge(crowd, demand)
            self._ask(crowd, demand, self.now)

    def _count(self, place: _Place, task_id: str, more: int) -> None:
        by_task = self._counts[place]
        by_task[task_id] = by_task.get(task_id, 0) + more
        self._move(place, task_id, more)

    def _move(self, place: _Place, task_id: str, more: int) -> None:
        """What holds the task comes before what holds the node; a cancelled one waits no more."""
        kind, demand = place
        held = self._held.get(task_id)
        if held == "cancelled" or not more:
            return
        if held is not None or kind != "work":
            crowd = self._causes.setdefault(held or kind, _Crowd(0, self.now, held or kind))
            self._charge(crowd)
        else:
            crowd = self._demands.get(demand) or self._new_crowd(demand)
            self._charge(crowd, demand)
        crowd.count += more

    def _new_crowd(self, demand: str) -> _Crowd:
        crowd = self._demands[demand] = _Crowd(0, self.now)
        wanted = find_demand(self._tables, demand)
        for name in wanted.limits:
            self._naming[name].add(demand)
        if wanted.limits:
            self._limited.add(demand)
        for labels, fitting in self._fitting.items():
            if wanted.requires <= labels:
                fitting.append(demand)
        self._ask(crowd, demand, self.now)
        return crowd

    def _charge(self, crowd: _Crowd, demand: str = "") -> None:
        """What has been waited since the last time, cause by cause."""
        while crowd.until is not None and crowd.until <= self.now:
            opened = crowd.until
            self._spend(crowd, opened)
            self._ask(crowd, demand, opened)
            if crowd.cause is NO_WORKER:
                crowd.opened = opened
        self._spend(crowd, self.now)

    def _spend(self, crowd: _Crowd, until: int) -> None:
        if crowd.count and until > crowd.since:
            self._spent[crowd.cause] += crowd.count * (until - crowd.since)
        crowd.since = max(crowd.since, until)

    def _ask(self, crowd: _Crowd, demand: str, now: int) -> None:
        """Why nodes with this demand are not handed out, and until when that is surely so."""
        crowd.cause, crowd.until = NO_WORKER, None
        for name in find_demand(self._tables, demand).limits:
            limit = limit_state(self._tables, name)
            causes = causes_of_limit(limit, now)
            if not causes:
                continue
            ends = [limit.row.closed_until, limit.has_room_at]
            crowd.cause = causes[0]
            crowd.until = min((end for end in ends if end is not None and end > now), default=None)
            return


def _place_of(row: NodeRow | None) -> _Place | None:
    """What the node waits for besides its task and limits; None where it is not ready."""
    if row is None or not is_ready(row):
        return None
    if row.gate:
        return "gate", ""
    if row.not_before is not None:
        return "not_before", ""
    return ("locked", "") if row.locks_in_way else ("work", row.demand)
