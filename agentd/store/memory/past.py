"""One task as it was, or all locks: records folded up to a place in the journal.

The rule this file keeps: rows are kept here, and records are not: a record never changes, so it is
asked of the journal when somebody wants to see it.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import Any, Protocol

from msgspec import Struct

from agentd.events import LockMode
from agentd.journal import Recorded
from agentd.projections import (
    EDGES,
    NODES,
    USAGE,
    EdgeRow,
    Key,
    NodeRow,
    Projection,
    UsageRow,
    project_all,
)
from agentd.store.memory.gates import Gates
from agentd.store.memory.journal import Journal
from agentd.store.memory.tasks import Tasks

_FOLDED_AT_ONCE = 500


class Present(Protocol):
    """Where the records are."""

    def record_at(self, seq: int) -> Recorded:
        """See `Reader.record_at`."""

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `Reader.journal`."""

    def payload_size(self, seq: int) -> int:
        """See `Reader.payload_size`."""

    def seq_at(self, moment: int) -> int:
        """See `Reader.seq_at`."""

    def records_of_locks(self, until: int) -> Iterator[Recorded]:
        """See `Reader.records_of_locks`."""

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`."""


class _Then(Journal, Tasks, Gates):
    """Rows as they were; of the journal it knows what is asked by seq."""

    def __init__(self, present: Present) -> None:
        super().__init__()
        self._present = present
        self._depending: defaultdict[str, list[str]] = defaultdict(list)
        self._usage: defaultdict[str, dict[str, UsageRow]] = defaultdict(dict)

    def fold(self, records: Iterator[Recorded]) -> None:
        """Fold these into the rows."""
        while some := list(islice(records, _FOLDED_AT_ONCE)):
            project_all(self, some)

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """See `Tx.put`; what many rows are asked for is kept at hand."""
        super().put(projection, key, row)
        if projection is EDGES and isinstance(row, EdgeRow):
            insort(self._depending[row.dependency_id], row.node_id)
        elif projection is USAGE and isinstance(row, UsageRow):
            self._usage[row.scope][row.unit] = row

    def dependents(self, node_id: str) -> list[str]:
        """See `Reader.dependents`."""
        return self._depending.get(node_id, [])

    def conflicting_locks(self, _key: str, _mode: LockMode, _limit: int | None = None) -> tuple[()]:
        """None: the locks of others are not in the task's own records, so none is looked for."""
        return ()

    def conflicting_wishes(self, _key: str, _mode: LockMode) -> tuple[()]:
        """Likewise."""
        return ()

    def wishes_of(self, _node_id: str) -> tuple[()]:
        """Likewise."""
        return ()

    def usage(self, scope: str) -> list[UsageRow]:
        """See `Reader.usage`."""
        found = self._usage.get(scope, {})
        return [found[unit] for unit in sorted(found)]

    def record_at(self, seq: int) -> Recorded:
        """See `Reader.record_at`."""
        return self._present.record_at(seq)

    def payload_size(self, seq: int) -> int:
        """See `Reader.payload_size`."""
        return self._present.payload_size(seq)

    def seq_at(self, moment: int) -> int:
        """See `Reader.seq_at`."""
        return self._present.seq_at(moment)

    def past(self, task_id: str, until: int) -> "Past":
        """See `Reader.past`."""
        return Past(self._present, task_id, until)

    def past_locks(self, until: int) -> "PastLocks":
        """See `Reader.past_locks`."""
        return PastLocks(self._present, until)


class Past(_Then):
    """See `Reader.past`."""

    def __init__(self, present: Present, task_id: str, until: int) -> None:
        super().__init__(present)
        self.fold(takewhile(lambda r: r.seq <= until, present.journal(task_id=task_id)))


class PastLocks(_Then):
    """See `Reader.past_locks`: of a task it folds all once one of its nodes is asked for.

    That is done for locks that were held then. Those that had ended cost their own records.
    """

    def __init__(self, present: Present, until: int) -> None:
        super().__init__(present)
        self._until = until
        self._pasts: dict[str, Past] = {}
        self._is_folding = True
        self.fold(present.records_of_locks(until))
        self._is_folding = False

    def get(self, projection: Projection, key: Key) -> Any:
        """See `Reader.get`."""
        if projection is not NODES:
            return super().get(projection, key)
        if self._is_folding:  # nobody asks for what locks change of nodes
            return None
        now: NodeRow | None = self._present.get(NODES, key)
        if now is None:
            return None
        if now.task_id not in self._pasts:
            self._pasts[now.task_id] = self.past(now.task_id, self._until)
        return self._pasts[now.task_id].get(NODES, key)
