"""The tables that a rehearsal folds into: dictionaries, with an index for what is asked often.

The rule this file keeps: what `store/memory` answers in the plainest way is answered here without
looking at every row, and says the same. Nothing is copied for a transaction: a rehearsal is thrown
away whole.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

from msgspec import Struct

from agentd.errors import Conflict
from agentd.journal import Draft, Head, Recorded
from agentd.projections import (
    EDGES,
    LOCKS,
    NODES,
    QUEUE,
    USAGE,
    WISHES,
    EdgeRow,
    Key,
    LockRow,
    NodeRow,
    Projection,
    StretchRow,
    UsageRow,
    WishRow,
    is_runnable,
)
from agentd.projections.queue import key_of, stretch_of
from agentd.store.memory import MemoryTx

_NO_HASH = b""

Watch = Callable[[Any, Any], None]
"""Told of every row of a table that is written: the row before, the row after."""


class QuickTables(MemoryTx):
    """Journal and rows of a rehearsal. `watches` are told of what is written, by table."""

    def __init__(self) -> None:
        super().__init__()
        self.watches: dict[str, Watch] = {}
        self._indexes: dict[str, Callable[[Key, Any, Any], None]] = {
            NODES.name: self._index_node,
            QUEUE.name: self._index_stretch,
            EDGES.name: self._index_edge,
            USAGE.name: self._index_usage,
            WISHES.name: self._index_wish,
        }
        self._heads: dict[str, Head] = {}
        self._last = 0
        self._depending: defaultdict[str, list[str]] = defaultdict(list)
        self._held: dict[str, NodeRow] = {}
        self._ends: list[tuple[int, str]] = []
        self._moments: list[tuple[int, int, str]] = []
        self._runnable: defaultdict[Key, list[tuple[int, str]]] = defaultdict(list)
        self._of_task: defaultdict[str, set[Key]] = defaultdict(set)
        self._of_demand: defaultdict[str, list[tuple[int, int, Key]]] = defaultdict(list)
        self._used: defaultdict[str, dict[str, UsageRow]] = defaultdict(dict)
        self._wished: defaultdict[str, dict[Key, WishRow]] = defaultdict(dict)

    # the journal

    def take(self, recorded: Recorded) -> None:
        """Keep a record that is in the real journal."""
        self.records[recorded.seq] = recorded
        self._heads[recorded.task_id] = Head(recorded.version, _NO_HASH)
        self._last = max(self._last, recorded.seq)

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        return self._heads.get(task_id) or Head(0, _NO_HASH)

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return self._last

    def append(
        self,
        task_id: str,
        expected_version: int,
        drafts: Iterable[Draft],
        at: int,
        _new_id: Callable[[], str],
    ) -> list[Recorded]:
        """See `Tx.append`; what is rehearsed is chained by no hash."""
        version = self.head(task_id).version
        if version != expected_version:
            raise Conflict(f"task {task_id} is at {version}, not at {expected_version}")
        recorded = []
        for draft in drafts:
            version += 1
            self._last += 1
            event = draft.event
            recorded.append(
                Recorded(
                    self._last,
                    "",
                    task_id,
                    version,
                    draft.node_id,
                    type(event).__name__,
                    event.schema,
                    at,
                    _NO_HASH,
                    draft.payload,
                    _NO_HASH,
                    event,
                )
            )
        self._heads[task_id] = Head(version, _NO_HASH)
        self.records.update((each.seq, each) for each in recorded)
        return recorded

    # rows

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        name = projection.name
        table = self.tables[name]
        before = table.get(key)
        if row is None:
            table.pop(key, None)
        else:
            table[key] = row
        if (index := self._indexes.get(name)) is not None:
            index(key, before, row)
        if (watch := self.watches.get(name)) is not None:
            watch(before, row)

    def _index_node(self, _key: Key, _before: NodeRow | None, row: NodeRow) -> None:
        if row.lease_expires_at is not None:
            self._held[row.node_id] = row
            heappush(self._ends, (_end_of(row), row.node_id))
        else:
            self._held.pop(row.node_id, None)
        if row.not_before is not None:
            heappush(self._moments, (row.not_before, row.added_seq, row.node_id))
        elif is_runnable(row):
            heappush(self._runnable[stretch_of(row)], (row.added_seq, row.node_id))

    def _index_stretch(self, key: Key, _before: StretchRow | None, row: StretchRow | None) -> None:
        if row is None:
            self._of_task[key[0]].discard(key)
            return
        self._of_task[key[0]].add(key)
        if row.hands_out:
            waiting = self._of_demand[row.demand]
            entry = (*row.order, key)
            if not waiting or waiting[0] != entry:
                heappush(waiting, entry)

    def _index_edge(self, _key: Key, before: EdgeRow | None, row: EdgeRow) -> None:
        if before is None:
            insort(self._depending[row.dependency_id], row.node_id)

    def _index_usage(self, _key: Key, _before: UsageRow | None, row: UsageRow) -> None:
        self._used[row.scope][row.unit] = row

    def _index_wish(self, key: Key, before: WishRow | None, row: WishRow | None) -> None:
        if row is not None:
            self._wished[row.node_id][key] = row
        elif before is not None:
            self._wished[before.node_id].pop(key, None)

    # what is asked

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        return self._depending.get(node_id, [])

    def stretches(self, task_id: str) -> list[StretchRow]:
        """See `Reader.stretches`."""
        table = self.tables[QUEUE.name]
        mine: list[StretchRow] = [table[key] for key in self._of_task[task_id]]  # type: ignore[misc]  # its rows
        return sorted(mine, key=lambda stretch: (*stretch.order, stretch.demand))

    def next_stretches(self) -> list[StretchRow]:
        """See `Reader.next_stretches`."""
        firsts = [
            first for each in self._of_demand.values() if (first := self._first_to_hand_out(each))
        ]
        return sorted(firsts, key=lambda stretch: (*stretch.order, stretch.demand))

    def _first_to_hand_out(self, waiting: list[tuple[int, int, Key]]) -> StretchRow | None:
        while waiting:
            row = self.tables[QUEUE.name].get(waiting[0][2])
            if isinstance(row, StretchRow) and row.hands_out:
                return row
            heappop(waiting)
        return None

    def first_of(self, stretch: StretchRow) -> NodeRow | None:
        """See `Reader.first_of`."""
        key = key_of(stretch)
        waiting = self._runnable[key]
        while waiting:
            row = self.tables[NODES.name].get((waiting[0][1],))
            if isinstance(row, NodeRow) and is_runnable(row) and stretch_of(row) == key:
                return row
            heappop(waiting)
        return None

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.due_nodes`."""
        due: dict[str, NodeRow] = {}
        kept = set()
        while self._moments and self._moments[0][0] <= until and len(due) < limit:
            entry = heappop(self._moments)
            row = self.tables[NODES.name].get((entry[2],))
            if isinstance(row, NodeRow) and row.not_before == entry[0]:
                kept.add(entry)
                if task_id in (None, row.task_id):
                    due[row.node_id] = row
        for entry in kept:
            heappush(self._moments, entry)
        return list(due.values())

    def expired_leases(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired_leases`. Asked at every change; nearly always there is none."""
        while self._ends and not self._holds_until(*self._ends[0]):
            heappop(self._ends)
        if not self._ends or self._ends[0][0] > until:
            return []
        return super().expired_leases(after, until, task_id)

    def _holds_until(self, end: int, node_id: str) -> bool:
        row = self._held.get(node_id)
        return row is not None and _end_of(row) == end

    def usage(self, scope: str) -> list[UsageRow]:
        """See `Reader.usage`."""
        found = self._used.get(scope, {})
        return [found[unit] for unit in sorted(found)]

    def wishes_of(self, node_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of`."""
        found = self._wished.get(node_id, {})
        return [found[key] for key in sorted(found)]

    def _leased_nodes(self) -> list[NodeRow]:
        return list(self._held.values())

    def _locks(self) -> list[LockRow]:
        return list(self.tables[LOCKS.name].values())  # type: ignore[arg-type]  # its rows

    def _wishes(self) -> list[WishRow]:
        return list(self.tables[WISHES.name].values())  # type: ignore[arg-type]  # its rows


def _end_of(row: NodeRow) -> int:
    ends = (row.lease_expires_at, row.deadline_at)
    return min(end for end in ends if end is not None)
