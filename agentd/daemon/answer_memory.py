"""The memory that answers take until clients have read them.

The rule this file keeps: it is bounded over all clients together. A query whose answer may be large
is begun when there is room for it, or when it is the only one; the others wait, first come, first
served. Answers that are small whatever the database holds never wait for room.
"""

from collections.abc import Callable, Hashable
from typing import Protocol

from agentd.errors import StorageError

BYTES = 256 * 1024 * 1024
"""What is unread and what is reserved for answers that are being made."""

TIGHT = BYTES // 2
"""Bytes unread from which on it is tight."""


class WaitingClient(Hashable, Protocol):
    """Whoever waits for something to be begun."""

    def refuse(self, why: StorageError | None = None) -> None:
        """It was not begun, and this is why; without a reason, because the daemon stops."""


class AnswerMemory:
    """Who holds how many bytes, and who waits until there is room."""

    def __init__(self, freed: Callable[[], None]) -> None:
        """`freed` is called when it is tight no more."""
        self._freed = freed
        self._reserved: dict[WaitingClient, int] = {}  # for them, until their answers are known
        self._unread: dict[WaitingClient, int] = {}
        self._waiting: dict[WaitingClient, tuple[int, Callable[[], None]]] = {}
        self._total_reserved = self._total_unread = 0

    @property
    def is_tight(self) -> bool:
        """Whether so much is unread that it is time to hurry, and to begin nothing large."""
        return self._total_unread >= TIGHT

    def reserve(self, client: WaitingClient, size: int, go: Callable[[], None]) -> None:
        """Reserve so many bytes for the client's answer and call `go`, as soon as there is room."""
        self._waiting[client] = size, go
        self._admit()

    def set_unread(self, client: WaitingClient, unread: int) -> None:
        """Its answer takes so many bytes now that it has not read."""
        was_tight = self.is_tight
        self._total_reserved -= self._reserved.pop(client, 0)
        self._total_unread += unread - self._unread.pop(client, 0)
        if unread:
            self._unread[client] = unread
        self._admit()
        if was_tight and not self.is_tight:
            self._freed()

    def release(self, client: WaitingClient) -> None:
        """It is gone."""
        self._waiting.pop(client, None)
        self.set_unread(client, 0)

    def stop_waiting(self) -> list[WaitingClient]:
        """Those who wait, who are let in no more."""
        waiting, self._waiting = list(self._waiting), {}
        return waiting

    def _admit(self) -> None:
        while self._waiting:
            client, (size, go) = next(iter(self._waiting.items()))
            others = self._total_reserved + self._total_unread - self._reserved.get(client, 0)
            if others and others + size > BYTES:
                return
            del self._waiting[client]
            self._total_reserved += size - self._reserved.get(client, 0)
            self._reserved[client] = size
            go()
