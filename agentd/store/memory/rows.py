"""Rows, by key: what the questions of every noun stand on."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from agentd.answers import Answered
from agentd.journal import Recorded
from agentd.projections import (
    EDGES,
    LIMITS,
    NODES,
    PROJECTIONS,
    QUEUE,
    TASKS,
    Key,
    LimitRow,
    NodeRow,
    Projection,
    StretchRow,
    TaskRow,
)


class Rows:
    """The containers of the whole database."""

    def __init__(
        self,
        records: dict[int, Recorded] | None = None,
        tables: dict[str, dict[Key, Struct]] | None = None,
        requests: dict[str, Answered] | None = None,
    ) -> None:
        self.records = records or {}
        self.requests = requests or {}
        self.tables = tables or {projection.name: {} for projection in PROJECTIONS}
        self._dependents: dict[str, list[str]] | None = None  # of every node, while no edge is new

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`."""
        return self.tables[projection.name].get(key)

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """See `Reader.rows`."""
        table = self.tables[projection.name]
        return (table[key] for key in sorted(table))

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`."""
        if projection is EDGES:
            self._dependents = None
        if row is None:
            self.tables[projection.name].pop(key, None)
        else:
            self.tables[projection.name][key] = row

    def _tasks(self, prefix: str) -> list[TaskRow]:
        tasks: list[TaskRow] = list(self.tables[TASKS.name].values())  # type: ignore[arg-type]
        return [task for task in tasks if task.task_id.startswith(prefix)]

    def _nodes(self) -> list[NodeRow]:
        return list(self.tables[NODES.name].values())  # type: ignore[arg-type]  # NODES holds NodeRows

    def _stretches(self) -> list[StretchRow]:
        return list(self.tables[QUEUE.name].values())  # type: ignore[arg-type]  # its rows

    def _limits(self) -> list[LimitRow]:
        return list(self.tables[LIMITS.name].values())  # type: ignore[arg-type]  # its rows

    def _waiting_nodes(self) -> list[NodeRow]:
        return [node for node in self._nodes() if node.not_before is not None]

    def _leased_nodes(self) -> list[NodeRow]:
        return [node for node in self._nodes() if node.lease_expires_at is not None]
