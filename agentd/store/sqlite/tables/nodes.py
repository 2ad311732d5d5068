"""Nodes of a task, by task, by id and by what they depend on."""

import json
from collections.abc import Iterator, Sequence

from agentd.projections import EDGES, NODES, NodeRow
from agentd.store.sqlite.statements import SELECT_NODES
from agentd.store.sqlite.tables.rows import RowReader, RowTx

_TASK_NODES = f"{SELECT_NODES} WHERE task_id = ? AND position > ? ORDER BY position LIMIT ?"
_NAMED = f"{SELECT_NODES} WHERE task_id = ? AND name = ?"
_FAILED = f"{SELECT_NODES} WHERE task_id = ? AND status = 'FAILED' ORDER BY position"
_TAKEN = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM nodes WHERE node_id = value)"


class NodeReader(RowReader):
    """See `protocols.nodes`."""

    def nodes(self, task_id: str, after: int = -1, limit: int | None = None) -> Iterator[NodeRow]:
        """See `Reader.nodes`."""
        most = -1 if limit is None else limit
        return (NodeRow(*row) for row in self._execute(_TASK_NODES, (task_id, after, most)))

    def node_named(self, task_id: str, name: str) -> NodeRow | None:
        """See `Reader.node_named`."""
        rows = self._all(_NAMED, (task_id, name))
        return NodeRow(*rows[0]) if rows else None

    def failed_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.failed_nodes`."""
        return [NodeRow(*row) for row in self._all(_FAILED, (task_id,))]

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        return [node for (node,) in self._all(self._tables.dependents, (node_id,))]

    def existing_nodes(self, node_ids: Sequence[str]) -> list[str]:
        """See `Reader.existing_nodes`."""
        return [node for (node,) in self._all(_TAKEN, (json.dumps(node_ids),))]


class NodeTx(RowTx, NodeReader):
    """Nodes in a write transaction."""

    def nodes(self, task_id: str, after: int = -1, limit: int | None = None) -> Iterator[NodeRow]:
        """See `Reader.nodes`."""
        self._write_rows(NODES.name)
        return super().nodes(task_id, after, limit)

    def node_named(self, task_id: str, name: str) -> NodeRow | None:
        """See `Reader.node_named`."""
        self._write_rows(NODES.name)
        return super().node_named(task_id, name)

    def failed_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.failed_nodes`."""
        self._write_rows(NODES.name)
        return super().failed_nodes(task_id)

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        self._write_rows(EDGES.name)
        return super().dependents(node_id)

    def existing_nodes(self, node_ids: Sequence[str]) -> list[str]:
        """See `Reader.existing_nodes`."""
        self._write_rows(NODES.name)
        return super().existing_nodes(node_ids)
