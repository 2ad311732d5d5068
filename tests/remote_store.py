"""A store as it is where a server keeps it: it can be gone, stall, and lose the word of a commit.

The rule this file keeps: the test says what the server does and what its clock says; whoever waits
for the server waits until the test lets it answer, or until it is interrupted.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agentd.errors import DatabaseGone, OutcomeUnknown
from agentd.store.memory import MemoryStore, MemoryTx
from tests.core import NOW

SECONDS = 20.0
"""Far more than anything here takes."""


class RemoteStore(MemoryStore):
    """A server's database.

    While it `is_gone` nothing begins. While it stalls, at the `stall_begin` or the `stall_commit`
    of a transaction, nothing goes on; `loses_word` is whether an interrupted commit was kept, and
    nobody knows. `moment` is what the server's clock says (Unix ms).
    """

    is_remote = True

    def __init__(self, note_moment: Callable[[int], None] = lambda _moment: None) -> None:
        super().__init__()
        self.is_gone = False
        self.loses_word = False
        self.moment = NOW
        self.interrupts = 0
        self.writes = 0
        self.hung = threading.Event()  # somebody waits, or has waited
        self._note_moment = note_moment
        self._free = {place: threading.Event() for place in ("begin", "commit", "read")}
        self._interrupted = threading.Event()
        for event in self._free.values():
            event.set()

    def stall(self, place: str) -> None:
        """From now on whoever comes to this place waits: "begin", "commit" or "read"."""
        self.hung.clear()
        self._free[place].clear()

    def answer(self) -> None:
        """Whoever waits, waits no longer."""
        for event in self._free.values():
            event.set()

    def interrupt(self) -> None:
        self.interrupts += 1
        self._interrupted.set()
        self.answer()

    @contextmanager
    def write(self) -> Iterator[MemoryTx]:
        self.writes += 1
        self._reach("begin")
        with super().write() as tx:
            self._note_moment(max(self.moment, tx.last_at()))
            yield tx
            was_interrupted = self._hang("commit")
            if was_interrupted and not self.loses_word:
                raise DatabaseGone
        if was_interrupted:
            raise OutcomeUnknown

    @contextmanager
    def read(self) -> Iterator[MemoryTx]:
        self._reach("read")
        with super().read() as reader:
            yield reader

    def checkpoint(self) -> bool:
        """Nothing is due."""
        return True

    def wait_for_turn(self) -> None:
        """It is always somebody's turn."""

    def _reach(self, place: str) -> None:
        if self.is_gone or self._hang(place):
            raise DatabaseGone

    def _hang(self, place: str) -> bool:
        """Wait while the server stalls there; whether that was interrupted."""
        if self._free[place].is_set():
            return False
        self._interrupted.clear()
        self.hung.set()
        assert self._free[place].wait(SECONDS), "nobody let the server answer"
        return self._interrupted.is_set()
