"""Permits to send a long line.

The rule this file keeps: long lines take bounded memory over all clients together. Of a line
without a permit only its beginning is read; who has one keeps it until the line is answered. The
others wait, first come, first served, and while they do, a line has to go on coming: who lets the
daemon wait for the rest of it is cut off. An answer repeats the id, and may be as long as the line:
while too much of answers is unread, nobody takes a permit.
"""

from collections.abc import Callable, Hashable
from typing import Protocol

from agentd.daemon.stall_detector import StallDetector

PERMITS = 32

LONG = 65_536
"""Bytes of an unfinished line from which on it needs a permit."""


class Sender(Hashable, Protocol):
    """Whoever sends long lines."""

    def permit_granted(self) -> None:
        """It has a permit now."""

    def unfinished(self) -> int | None:
        """Bytes of its line that have arrived; None where all of it has."""

    def cut_off_sending(self, seconds: int) -> None:
        """Close; so many seconds were waited for the rest of its line."""


class LongLinePermits:
    """Who has a permit, and who waits for one."""

    def __init__(self, stalls: StallDetector, has_room: Callable[[], bool] = lambda: True) -> None:
        """`stalls` looks at those who have one; `has_room`: whether there is room for answers."""
        self._stalls = stalls
        self._has_room = has_room
        self._taken: dict[Sender, _Permit] = {}
        self._waiting: dict[Sender, None] = {}

    @property
    def are_wanted(self) -> bool:
        """Whether somebody waits for one to become free."""
        return bool(self._waiting) and not self._are_free

    @property
    def _are_free(self) -> bool:
        return len(self._taken) < PERMITS

    def take(self, sender: Sender) -> bool:
        """Whether it has a permit; else it will be told when it has."""
        if sender not in self._taken and self._are_free and self._has_room():
            self._grant(sender)
        elif sender not in self._taken:
            self._waiting[sender] = None
        return sender in self._taken

    def leave(self, sender: Sender) -> None:
        """It needs no permit any more; the next one gets it."""
        self._waiting.pop(sender, None)
        if (permit := self._taken.pop(sender, None)) is not None:
            self._stalls.forget(permit)
            self.go_on()

    def go_on(self) -> None:
        """A permit is free, or there is room: let those take one who wait for that."""
        while self._waiting and self._are_free and self._has_room():
            following = next(iter(self._waiting))
            del self._waiting[following]
            self._grant(following)
            following.permit_granted()

    def _grant(self, sender: Sender) -> None:
        self._taken[sender] = permit = _Permit(self, sender)
        self._stalls.watch(permit)


class _Permit:
    """A permit as `stalls` sees it: what is unsent is the rest of the line."""

    def __init__(self, permits: LongLinePermits, sender: Sender) -> None:
        self._permits = permits
        self._sender = sender

    def unsent(self) -> object:
        """See `WatchedClient`: a byte now and then is no progress, while others wait."""
        arrived = self._sender.unfinished()
        return object() if arrived is None or not self._permits.are_wanted else arrived // LONG

    def cut_off(self, seconds: int) -> None:
        """See `WatchedClient`."""
        self._sender.cut_off_sending(seconds)
