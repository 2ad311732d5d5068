"""Nodes and their leases."""

import itertools
from collections.abc import Iterator, Sequence

from agentd.projections import (
    EDGES,
    NODES,
    NodeRow,
)
from agentd.store.memory.rows import Rows


class Nodes(Rows):
    """See `protocols.nodes` and `protocols.leases`."""

    def nodes(self, task_id: str, after: int = -1, limit: int | None = None) -> Iterator[NodeRow]:
        """See `Reader.nodes`."""
        nodes = (n for n in self._nodes() if n.task_id == task_id and n.position > after)
        return itertools.islice(sorted(nodes, key=lambda node: node.position), limit)

    def node_named(self, task_id: str, name: str) -> NodeRow | None:
        """See `Reader.node_named`."""
        return next((node for node in self.nodes(task_id) if node.name == name), None)

    def nodes_named(self, task_id: str, names: Sequence[str]) -> list[NodeRow]:
        """See `Reader.nodes_named`."""
        named = [node for node in self.nodes(task_id) if node.name in names]
        return sorted(named, key=lambda node: node.name or "")

    def failed_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.failed_nodes`."""
        return [node for node in self.nodes(task_id) if node.status == "FAILED"]

    def pending_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.pending_nodes`."""
        return [node for node in self.nodes(task_id) if node.status == "PENDING"]

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        if self._dependents is None:
            self._dependents = {}
            for dependency, node in sorted(self.tables[EDGES.name]):
                self._dependents.setdefault(dependency, []).append(node)
        return self._dependents.get(node_id, [])

    def existing_nodes(self, node_ids: Sequence[str]) -> list[str]:
        """See `Reader.existing_nodes`."""
        return [node_id for node_id in node_ids if (node_id,) in self.tables[NODES.name]]

    def expired_leases(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """See `Reader.expired_leases`."""
        leased = [node for node in self._leased_nodes() if task_id in (None, node.task_id)]
        expired = [
            node
            for node in leased
            if after < (node.lease_expires_at or 0) <= until or _is_over(node.deadline_at, until)
        ]
        return sorted(expired, key=lambda node: (node.lease_expires_at, node.node_id))

    def leased_nodes(self, task_id: str) -> list[NodeRow]:
        """See `Reader.leased_nodes`."""
        return [node for node in self.nodes(task_id) if node.lease_expires_at is not None]

    def next_expiry(self, after: int) -> int | None:
        """See `Reader.next_expiry`."""
        ends = (
            end
            for node in self._leased_nodes()
            for end in (node.lease_expires_at, node.deadline_at)
        )
        return min((end for end in ends if end is not None and end > after), default=None)


def _is_over(deadline: int | None, now: int) -> bool:
    return deadline is not None and deadline <= now
