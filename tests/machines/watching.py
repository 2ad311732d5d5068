"""What watches the journal on a thread of its own, while a block runs."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

Place = tuple[int, str]
"""A seq, and the id of the event there."""


class Watching(ABC):
    """Notes in `seen` what it sees until the block has ended, and what is there then."""

    def __init__(self) -> None:
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.seen: list[Place] = []

    @abstractmethod
    def _watch(self) -> None:
        """Watch until `_ends` is set, and then to the end."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()
