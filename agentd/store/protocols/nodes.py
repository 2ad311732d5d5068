"""Nodes, by task, by id and by what they depend on."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from agentd.projections import NodeRow


class NodeReader(Protocol):
    """What is asked of nodes."""

    def nodes(self, task_id: str, after: int = -1, limit: int | None = None) -> Iterator[NodeRow]:
        """The task's first `limit` nodes behind that position, in registration order."""

    def node_named(self, task_id: str, name: str) -> NodeRow | None:
        """The node of the task that has this name."""

    def nodes_named(self, task_id: str, names: Sequence[str]) -> list[NodeRow]:
        """The nodes of the task that have one of these names, by name."""

    def failed_nodes(self, task_id: str) -> list[NodeRow]:
        """The task's nodes that are FAILED, in registration order."""

    def pending_nodes(self, task_id: str) -> list[NodeRow]:
        """The task's nodes that are PENDING, in registration order."""

    def dependents(self, node_id: str) -> list[str]:
        """The nodes that depend on this one."""

    def existing_nodes(self, node_ids: Sequence[str]) -> list[str]:
        """Those of the ids that are nodes already."""
