"""Seats: who may send a long line.

The rule this file keeps: long lines take bounded memory over all clients together. Of a line
without a seat only its beginning is read; who has one keeps it until the line is answered. The
others wait, first come, first served, and while they do, a line has to go on coming: who lets the
daemon wait for the rest of it is cut off. An answer repeats the id, and may be as long as the line:
while too much of answers is unread, nobody takes a seat.
"""

from collections.abc import Callable, Hashable
from typing import Protocol

from agentd.daemon.stalls import Stalls

SEATS = 32

LONG = 65_536
"""Bytes of an unfinished line from which on it needs a seat."""


class Sender(Hashable, Protocol):
    """Whoever sends long lines."""

    def seated(self) -> None:
        """It has a seat now."""

    def unfinished(self) -> int | None:
        """Bytes of its line that have arrived; None where all of it has."""

    def cut_off_sending(self, seconds: int) -> None:
        """Close; so many seconds were waited for the rest of its line."""


class Seats:
    """Who has a seat, and who waits for one."""

    def __init__(self, stalls: Stalls, has_room: Callable[[], bool] = lambda: True) -> None:
        """`stalls` looks at those who have one; `has_room`: whether there is room for answers."""
        self._stalls = stalls
        self._has_room = has_room
        self._taken: dict[Sender, _Seat] = {}
        self._waiting: dict[Sender, None] = {}

    @property
    def are_wanted(self) -> bool:
        """Whether somebody waits for one to become free."""
        return bool(self._waiting) and not self._are_free

    @property
    def _are_free(self) -> bool:
        return len(self._taken) < SEATS

    def take(self, sender: Sender) -> bool:
        """Whether it has a seat; else it will be told when it has."""
        if sender not in self._taken and self._are_free and self._has_room():
            self._seat(sender)
        elif sender not in self._taken:
            self._waiting[sender] = None
        return sender in self._taken

    def leave(self, sender: Sender) -> None:
        """It needs no seat any more; the next one gets it."""
        self._waiting.pop(sender, None)
        if (seat := self._taken.pop(sender, None)) is not None:
            self._stalls.forget(seat)
            self.go_on()

    def go_on(self) -> None:
        """A seat is free, or there is room: let those take one who wait for that."""
        while self._waiting and self._are_free and self._has_room():
            following = next(iter(self._waiting))
            del self._waiting[following]
            self._seat(following)
            following.seated()

    def _seat(self, sender: Sender) -> None:
        self._taken[sender] = seat = _Seat(self, sender)
        self._stalls.watch(seat)


class _Seat:
    """A seat as `stalls` sees it: what is unsent is the rest of the line."""

    def __init__(self, seats: Seats, sender: Sender) -> None:
        self._seats = seats
        self._sender = sender

    def unsent(self) -> object:
        """See `stalls.Reader`: a byte now and then is no progress, while others wait."""
        arrived = self._sender.unfinished()
        return object() if arrived is None or not self._seats.are_wanted else arrived // LONG

    def cut_off(self, seconds: int) -> None:
        """See `stalls.Reader`."""
        self._sender.cut_off_sending(seconds)
