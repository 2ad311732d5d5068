"""The newest records of the tasks that workers are asking about.

The rule this file keeps: it holds copies of records, which never change, and forgets all of them when
a transaction is undone. So it can save reads, but never answer differently from the journal.
"""

from collections import deque
from collections.abc import Sequence

from agentd.journal import Recorded

_TASKS = 64
_LARGEST_PAYLOAD = 4_096
"""Bytes. A task with larger payloads is read from the journal each time, so that memory stays small."""


class Tails:
    """By task, the last `limit` records that are not heartbeats."""

    def __init__(self) -> None:
        self._tails: dict[str, deque[Recorded]] = {}

    def get(self, task_id: str, limit: int) -> list[Recorded] | None:
        """The tail of that length, oldest first, or None when it has to be read."""
        tail = self._tails.get(task_id)
        return list(tail) if tail is not None and tail.maxlen == limit else None

    def keep(self, task_id: str, limit: int, tail: Sequence[Recorded]) -> None:
        """Remember a tail that was read."""
        if len(self._tails) >= _TASKS:
            del self._tails[next(iter(self._tails))]  # the one that was read first
        if all(map(_small, tail)):
            self._tails[task_id] = deque(tail, limit)

    def add(self, recorded: Sequence[Recorded]) -> None:
        """Lengthen the tail of the task by its new records."""
        task_id = recorded[0].task_id
        if (tail := self._tails.get(task_id)) is None:
            return
        if all(map(_small, recorded)):
            tail.extend(r for r in recorded if r.kind != "LeaseExtended")
        else:
            del self._tails[task_id]

    def clear(self) -> None:
        """Forget everything."""
        self._tails.clear()


def _small(recorded: Recorded) -> bool:
    return recorded.payload is None or len(recorded.payload) <= _LARGEST_PAYLOAD
