"""The nodes that could be handed out next.

The rule this file keeps: each is the first row of an index. Workers come in crowds, so a write
transaction reads ahead.
"""

from collections import deque

from agentd.projections import NODES, NodeRow
from agentd.store.sqlite.statements import SELECT_NODES
from agentd.store.sqlite.tables.rows import RowReader, RowTx

IS_RUNNABLE = "status = 'PENDING' AND waiting_on = 0"
"""What a node's row says then, and the index of those that say it."""

# A task's nodes were recorded behind it, with no other task's among them: whose is not its own
# comes after all that are.
_RUNNABLE = (
    f"SELECT * FROM ({SELECT_NODES} WHERE {IS_RUNNABLE} AND added_seq > "
    "(SELECT registered_seq FROM tasks WHERE task_id = ?1) ORDER BY added_seq LIMIT ?2) "
    "WHERE task_id = ?1"
)

_AHEAD = 16
"""Runnable nodes that are read at a time."""


class QueueReader(RowReader):
    """See `protocols.queue`."""

    def next_runnable(self, task_id: str) -> NodeRow | None:
        """See `Reader.next_runnable`."""
        found = self._first_runnable(task_id, 1)
        return found[0] if found else None

    def has_ready(self, task_id: str) -> bool:
        """See `Reader.has_ready`."""
        return self.next_runnable(task_id) is not None

    def _first_runnable(self, task_id: str, limit: int) -> list[NodeRow]:
        """The first runnable nodes of the task in registration order."""
        return [NodeRow(*row) for row in self._all(_RUNNABLE, (task_id, limit))]


class QueueTx(RowTx, QueueReader):
    """The queue in a write transaction. `SqliteTx` makes what is declared here."""

    _runnable: dict[str, deque[str]]  # the cache's

    def next_runnable(self, task_id: str) -> NodeRow | None:
        """See `Reader.next_runnable`: read ahead."""
        rows, ahead = self._rows[NODES.name], self._runnable.get(task_id)
        while ahead:
            node: NodeRow | None = rows[ahead[0],]
            if node is not None and node.status == "PENDING":
                return node
            ahead.popleft()
        self._write_tasks_and_nodes()
        found = self._first_runnable(task_id, _AHEAD)
        self._runnable[task_id] = deque(node.node_id for node in found)
        rows.update(((node.node_id,), node) for node in found)
        return found[0] if found else None
