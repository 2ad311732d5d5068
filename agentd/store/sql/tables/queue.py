"""The nodes that could be handed out next, and those that wait for a moment.

The rule this file keeps: each is the first row of an index, in a stretch that is the first row of
one. Workers come in crowds, so a write transaction reads ahead; and it remembers the first stretch
of every demand, and the first moment that a node waits for.
"""

import sys
from collections import deque
from collections.abc import Iterable, Sequence

from agentd.projections import NODES, QUEUE, Key, NodeRow, StretchRow, is_runnable
from agentd.projections.queue import key_of, stretch_of
from agentd.store.sql.statements import SELECT_NODES, columns
from agentd.store.sql.tables.journal import JournalTx
from agentd.store.sql.tables.nodes import NodeTx
from agentd.store.sql.tables.rows import RowReader

IS_RUNNABLE = (
    "status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL AND gate = 0 AND locks_in_way = 0"
)
"""What a node's row says then, and the index of those that say it."""

HANDS_OUT = "hands_out"
"""What a stretch says then, and the indexes of those that say it."""

_RUNNABLE = (
    f"{SELECT_NODES} WHERE {IS_RUNNABLE} AND task_id = ? AND demand = ? AND rank = ? "
    "AND added_seq >= ? ORDER BY added_seq LIMIT ?"
)
_FIRST_DEMAND = f"SELECT min(demand) FROM queue WHERE {HANDS_OUT}"
_NEXT_DEMAND = f"{_FIRST_DEMAND} AND demand > ?"
_FIRST_STRETCH = (
    f"SELECT {columns(QUEUE)} FROM queue WHERE {HANDS_OUT} AND demand = ? "
    "ORDER BY rank, batch LIMIT 1"
)
_DUE = (
    f"{SELECT_NODES} WHERE not_before <= ?1 AND (?2 IS NULL OR +task_id = ?2) "
    "ORDER BY not_before, added_seq LIMIT ?3"
)
_NEXT_DUE = "SELECT min(not_before) FROM nodes WHERE not_before > ?"

_NEVER = sys.maxsize

_AHEAD = 16
"""Runnable nodes that are read at a time."""


class QueueReader(RowReader):
    """See `protocols.queue`."""

    def stretches(self, task_id: str) -> Sequence[StretchRow]:
        """See `Reader.stretches`."""
        return [StretchRow(*row) for row in self._all(self._tables.stretches, (task_id,))]

    def next_stretches(self) -> Iterable[StretchRow]:
        """See `Reader.next_stretches`."""
        found: list[StretchRow] = []
        [(demand,)] = self._all(_FIRST_DEMAND, ())
        while demand is not None:
            found += self._first_stretch(demand)
            [(demand,)] = self._all(_NEXT_DEMAND, (demand,))
        return sorted(found, key=lambda stretch: (*stretch.order, stretch.demand))

    def first_of(self, stretch: StretchRow) -> NodeRow | None:
        """See `Reader.first_of`."""
        found = self._runnable_nodes(stretch, 1)
        return found[0] if found else None

    def _first_stretch(self, demand: str) -> list[StretchRow]:
        return [StretchRow(*row) for row in self._all(_FIRST_STRETCH, (demand,))]

    def _runnable_nodes(self, stretch: StretchRow, limit: int) -> list[NodeRow]:
        """The first runnable nodes of the stretch, in their order."""
        key = stretch.task_id, stretch.demand, stretch.rank, stretch.batch
        return [NodeRow(*row) for row in self._all(_RUNNABLE, (*key, limit))]

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.due_nodes`."""
        return [NodeRow(*row) for row in self._all(_DUE, (until, task_id, limit))]

    def next_due(self, after: int) -> int | None:
        """See `Reader.next_due`."""
        found: int | None = self._execute(_NEXT_DUE, (after,)).get
        return found


class QueueTx(JournalTx, NodeTx, QueueReader):
    """The queue in a write transaction."""

    def stretches(self, task_id: str) -> Sequence[StretchRow]:
        """See `Reader.stretches`: their keys are remembered."""
        keys = self._cache.stretches.get(task_id)
        if keys is None:
            self._write_rows(QUEUE.name)
            found = super().stretches(task_id)
            by_key = {key_of(stretch): stretch for stretch in found}
            self._rows[QUEUE.name].update(by_key)
            self._cache.stretches[task_id] = dict.fromkeys(by_key)
            return found
        rows = self._rows[QUEUE.name]
        return sorted((rows[key] for key in keys), key=lambda row: (*row.order, row.demand))

    def next_stretches(self) -> Iterable[StretchRow]:
        """See `Reader.next_stretches`: they are remembered."""
        cache = self._cache
        if cache.firsts_in_order is None:
            cache.firsts_in_order = sorted(self._firsts(), key=_order)
        return (self.get(QUEUE, key) for key in cache.firsts_in_order)

    def _firsts(self) -> Iterable[Key]:
        """Of every demand the first stretch that hands out nodes: those known, and those not."""
        cache = self._cache
        if cache.firsts is None:
            self._write_rows(QUEUE.name)
            found = super().next_stretches()
            cache.firsts = {stretch.demand: key_of(stretch) for stretch in found}
        for demand in cache.unknown_firsts:
            self._write_rows(QUEUE.name)
            for stretch in self._first_stretch(demand):
                cache.firsts[demand] = key_of(stretch)
        cache.unknown_firsts.clear()
        return cache.firsts.values()

    def first_of(self, stretch: StretchRow) -> NodeRow | None:
        """See `Reader.first_of`: read ahead, with what is asked of a node while it is worked on."""
        key = key_of(stretch)
        rows, ahead = self._rows[NODES.name], self._cache.ahead.get(key)
        while ahead:
            node: NodeRow | None = rows[ahead[0],]
            if node is not None and is_runnable(node) and stretch_of(node) == key:
                return node
            ahead.popleft()
        self._write_rows(NODES.name)
        found = self._runnable_nodes(stretch, self._reads_ahead())
        self._cache.ahead[key] = deque(node.node_id for node in found)
        rows.update(((node.node_id,), node) for node in found)
        if len(found) > 1:  # of one that is alone nothing more is asked unless it is handed out
            self.read_ahead(node.added_seq for node in found)
            self.read_dependents_ahead([node.node_id for node in found])
        return found[0] if found else None

    def _reads_ahead(self) -> int:
        """How many runnable nodes are read at a time."""
        return _AHEAD

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.due_nodes`: nothing to ask before the first moment."""
        cache = self._cache
        if cache.first_due is None:
            cache.first_due = self.next_due(-1) or _NEVER
        if until < cache.first_due:
            return []
        cache.first_due = None  # whoever asks is about to say that these are due
        self._write_rows(NODES.name)
        return super().due_nodes(until, limit, task_id)

    def next_due(self, after: int) -> int | None:
        """See `Reader.next_due`."""
        self._write_rows(NODES.name)
        return super().next_due(after)


def _order(key: Key) -> Key:
    """Of a stretch with this key: its rank, its batch, its demand."""
    return *key[2:], key[1]
