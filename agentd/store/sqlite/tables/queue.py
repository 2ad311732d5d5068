"""The nodes that could be handed out next, and those that wait for a moment.

The rule this file keeps: each is the first row of an index. Workers come in crowds, so a write
transaction reads ahead, and remembers the first moment that a node waits for.
"""

import sys
from collections import deque

from agentd.projections import NODES, TASK_STATES, NodeRow, is_runnable
from agentd.store.sqlite.statements import SELECT_NODES
from agentd.store.sqlite.tables.rows import RowReader, RowTx

IS_RUNNABLE = "status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL"
"""What a node's row says then, and the indexes of those that say it."""

_RUNNABLE = f"{SELECT_NODES} WHERE {IS_RUNNABLE} AND task_id = ? ORDER BY rank, added_seq LIMIT ?"
_DUE = (
    f"{SELECT_NODES} WHERE not_before <= ?1 AND (?2 IS NULL OR +task_id = ?2) "
    "ORDER BY not_before, added_seq LIMIT ?3"
)
_NEXT_DUE = "SELECT min(not_before) FROM nodes WHERE not_before > ?"

_WAITING = (
    "SELECT 1 FROM nodes WHERE task_id = ? AND not_before IS NOT NULL "
    "AND status = 'PENDING' AND waiting_on = 0 LIMIT 1"
)

_NEVER = sys.maxsize

# This walks past the nodes of every task that hands out none: a large one that is paused, and first
# in the order, is looked through each time that the queue is read.
_RUNNABLE_OF_ALL = (
    f"{SELECT_NODES} WHERE {IS_RUNNABLE} AND EXISTS (SELECT 1 FROM task_states AS its_task "
    "WHERE its_task.task_id = nodes.task_id AND cancelled_seq IS NULL AND paused_seq IS NULL "
    "AND spent = 0) ORDER BY rank, added_seq LIMIT ?"
)

_AHEAD = 16
"""Runnable nodes that are read at a time."""


class QueueReader(RowReader):
    """See `protocols.queue`."""

    def next_runnable(self, task_id: str | None = None) -> NodeRow | None:
        """See `Reader.next_runnable`."""
        found = self._first_runnable(task_id, 1)
        return found[0] if found else None

    def has_ready(self, task_id: str) -> bool:
        """See `Reader.has_ready`."""
        return self.next_runnable(task_id) is not None or bool(self._all(_WAITING, (task_id,)))

    def _first_runnable(self, task_id: str | None, limit: int) -> list[NodeRow]:
        """The first runnable nodes of the task, or of all that hand out, in their order."""
        if task_id is None:
            found = self._all(_RUNNABLE_OF_ALL, (limit,))
        else:
            found = self._all(_RUNNABLE, (task_id, limit))
        return [NodeRow(*row) for row in found]

    def due_nodes(self, until: int, limit: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.due_nodes`."""
        return [NodeRow(*row) for row in self._all(_DUE, (until, task_id, limit))]

    def next_due(self, after: int) -> int | None:
        """See `Reader.next_due`."""
        found: int | None = self._execute(_NEXT_DUE, (after,)).get
        return found


class QueueTx(RowTx, QueueReader):
    """The queue in a write transaction. `SqliteTx` makes what is declared here."""

    _runnable: dict[str | None, deque[str]]  # the cache's

    def next_runnable(self, task_id: str | None = None) -> NodeRow | None:
        """See `Reader.next_runnable`: read ahead."""
        rows, ahead = self._rows[NODES.name], self._runnable.get(task_id)
        while ahead:
            node: NodeRow | None = rows[ahead[0],]
            if node is not None and is_runnable(node):
                return node
            ahead.popleft()
        self._write_rows(NODES.name)
        if task_id is None:
            self._write_rows(TASK_STATES.name)
        found = self._first_runnable(task_id, _AHEAD)
        self._runnable[task_id] = deque(node.node_id for node in found)
        rows.update(((node.node_id,), node) for node in found)
        return found[0] if found else None

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
