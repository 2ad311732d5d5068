"""How large the contexts of tasks are, as far as it is known before they are made.

The rule this file keeps: what is not known counts as large. A context is as large as the last one
of its task, and what was written to the task since.
"""

import sys

_TASKS = 4_096
"""Tasks that are remembered; with more of them all are forgotten."""


_UNKNOWN = sys.maxsize


class ContextSizes:
    """Bytes of the context of each task, lately."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}

    def estimate(self, task_id: str) -> int:
        """How large the next one may be."""
        return self._bytes.get(task_id, _UNKNOWN)

    def set(self, task_id: str, size: int) -> None:
        """A node of the task was handed out, with a context of so many bytes."""
        if len(self._bytes) >= _TASKS:
            self._bytes.clear()
        self._bytes[task_id] = size

    def add(self, task_id: str, size: int) -> None:
        """So many bytes were sent to the task, which its next context may show."""
        if task_id in self._bytes:
            self._bytes[task_id] += size
