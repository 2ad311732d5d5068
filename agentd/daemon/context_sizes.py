"""How large the contexts of tasks are, as far as it is known before they are made.

The rule this file keeps: what is not known counts as large. A context is as large as the last one
of its task, and what was written to the task since. One of any task is about as large as the
largest of the last ones that were handed out so.
"""

import sys

from msgspec import UnsetType

_TASKS = 4_096
"""Tasks that are remembered; with more of them all are forgotten."""


_UNKNOWN = sys.maxsize

_FADES = 15
"""A large one counts for the next ones too, each time a sixteenth less."""


class ContextSizes:
    """Bytes of the context of each task, lately."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}
        self._of_any = _UNKNOWN

    def estimate(self, task_id: str | UnsetType) -> int:
        """How large the next one may be, of this task or of any."""
        if isinstance(task_id, UnsetType):
            return self._of_any
        return self._bytes.get(task_id, _UNKNOWN)

    def set_of_any(self, size: int) -> None:
        """A node of any task was handed out, with a context of so many bytes."""
        faded = 0 if self._of_any == _UNKNOWN else self._of_any * _FADES // (_FADES + 1)
        self._of_any = max(size, faded)

    def set(self, task_id: str, size: int) -> None:
        """A node of the task was handed out, with a context of so many bytes."""
        if len(self._bytes) >= _TASKS:
            self._bytes.clear()
        self._bytes[task_id] = size

    def add(self, task_id: str, size: int) -> None:
        """So many bytes were sent to the task, which its next context may show."""
        if task_id in self._bytes:
            self._bytes[task_id] += size
