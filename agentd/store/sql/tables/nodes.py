"""Nodes of a task, by task, by id and by what they depend on."""

import json
from collections.abc import Iterator, Sequence

from agentd.projections import EDGES, NODES, NodeRow
from agentd.store.sql.statements import LARGEST_INTEGER, SELECT_NODES
from agentd.store.sql.tables.rows import RowReader, RowTx

_TASK_NODES = f"{SELECT_NODES} WHERE task_id = ? AND position > ? ORDER BY position LIMIT ?"
_NAMED = f"{SELECT_NODES} WHERE task_id = ? AND name = ?"
_ALL_NAMED = (
    f"{SELECT_NODES} WHERE task_id = ? AND name IN (SELECT value FROM json_each(?)) ORDER BY name"
)
_FAILED = f"{SELECT_NODES} WHERE task_id = ? AND status = 'FAILED' ORDER BY position"
_PENDING = f"{SELECT_NODES} WHERE task_id = ? AND status = 'PENDING' ORDER BY position"
_DEPENDENTS = (
    "SELECT dependency_id, node_id FROM edges "
    "WHERE dependency_id IN (SELECT value FROM json_each(?)) ORDER BY dependency_id, node_id"
)
_TAKEN = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM nodes WHERE node_id = value)"


class NodeReader(RowReader):
    """See `protocols.nodes`."""

    def nodes(self, task_id: str, after: int = -1, limit: int | None = None) -> Iterator[NodeRow]:
        """See `Reader.nodes`."""
        most = LARGEST_INTEGER if limit is None else limit
        return (NodeRow(*row) for row in self._walk(_TASK_NODES, (task_id, after, most)))

    def node_named(self, task_id: str, name: str) -> NodeRow | None:
        """See `Reader.node_named`."""
        rows = self._all(_NAMED, (task_id, name))
        return NodeRow(*rows[0]) if rows else None

    def nodes_named(self, task_id: str, names: Sequence[str]) -> list[NodeRow]:
        """See `Reader.nodes_named`."""
        return [NodeRow(*row) for row in self._all(_ALL_NAMED, (task_id, json.dumps(names)))]

    def failed_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.failed_nodes`."""
        return [NodeRow(*row) for row in self._all(_FAILED, (task_id,))]

    def pending_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.pending_nodes`."""
        return [NodeRow(*row) for row in self._all(_PENDING, (task_id,))]

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

    def nodes_named(self, task_id: str, names: Sequence[str]) -> list[NodeRow]:
        """See `Reader.nodes_named`."""
        self._write_rows(NODES.name)
        return super().nodes_named(task_id, names)

    def failed_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.failed_nodes`."""
        self._write_rows(NODES.name)
        return super().failed_nodes(task_id)

    def pending_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.pending_nodes`."""
        self._write_rows(NODES.name)
        return super().pending_nodes(task_id)

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`: they are remembered."""
        known = self._cache.dependents
        if node_id not in known:
            self._write_rows(EDGES.name)
            known[node_id] = super().dependents(node_id)
        return known[node_id]

    def read_dependents_ahead(self, node_ids: Sequence[str]) -> None:
        """Read those of all these together: one is asked for soon."""
        self._write_rows(EDGES.name)
        found: dict[str, list[str]] = {node_id: [] for node_id in node_ids}
        for dependency, node in self._all(_DEPENDENTS, (json.dumps(node_ids),)):
            found[dependency].append(node)
        self._cache.dependents.update(found)

    def existing_nodes(self, node_ids: Sequence[str]) -> list[str]:
        """See `Reader.existing_nodes`."""
        self._write_rows(NODES.name)
        return super().existing_nodes(node_ids)
