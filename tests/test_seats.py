"""Seats: who may send a long line, and who is cut off for letting the others wait."""

import asyncio
from collections.abc import Callable

from agentd.daemon.seats import LONG, SEATS, Seats
from agentd.daemon.stalls import LOOKS, Stalls


class Sender:
    """A client with a long line, of which so many bytes have come; None: all of it."""

    def __init__(self, unfinished: Callable[[], int | None] = lambda: LONG) -> None:
        self.unfinished = unfinished
        self.has_seat = False
        self.cut_off_after: int | None = None

    def seated(self) -> None:
        self.has_seat = True

    def cut_off_sending(self, seconds: int) -> None:
        self.cut_off_after = seconds


def play(scene: Callable[[Seats], None]) -> None:
    """Play a scene with seats."""

    async def run() -> None:
        scene(Seats(Stalls()))

    asyncio.run(run())


def taken(seats: Seats, count: int = SEATS) -> list[Sender]:
    """So many who have a seat."""
    senders = [Sender() for _ in range(count)]
    assert all(seats.take(sender) for sender in senders)
    return senders


def test_there_are_so_many_seats() -> None:
    """Who comes when all are taken waits, and gets the first that becomes free; then the next."""

    def scene(seats: Seats) -> None:
        having, waiting = taken(seats), [Sender(), Sender()]
        assert not any(seats.take(sender) for sender in waiting)
        seats.leave(having[0])
        assert [sender.has_seat for sender in waiting] == [True, False]
        seats.leave(waiting[0])
        assert [sender.has_seat for sender in waiting] == [True, True]

    play(scene)


def test_there_is_no_room_for_answers() -> None:
    """Nobody takes a seat, or is cut off for one that is free; those who wait have it then."""

    async def run() -> None:
        stalls, room = Stalls(), [True]
        seats = Seats(stalls, lambda: bool(room))
        [having], waiting = taken(seats, 1), [Sender(), Sender()]
        room.clear()
        assert not any(seats.take(sender) for sender in waiting)
        for _ in range(LOOKS + 1):
            stalls.look()
        assert having.cut_off_after is None
        seats.leave(having)
        assert not any(sender.has_seat for sender in waiting)
        room.append(True)
        seats.go_on()
        assert all(sender.has_seat for sender in waiting)

    asyncio.run(run())


def test_a_seat_is_taken_once() -> None:
    """Who has a seat, or waits for one, may ask again; and leave twice."""

    def scene(seats: Seats) -> None:
        having = taken(seats)
        assert seats.take(having[0])
        late = Sender()
        assert not seats.take(late)
        assert not seats.take(late)
        seats.leave(having[0])
        seats.leave(having[0])
        assert late.has_seat
        assert not seats.take(Sender())

    play(scene)


def test_who_waits_and_goes_gets_none() -> None:
    """A seat is not given to who is gone."""

    def scene(seats: Seats) -> None:
        having, gone, late = taken(seats), Sender(), Sender()
        seats.take(gone)
        seats.take(late)
        seats.leave(gone)
        seats.leave(having[0])
        assert (gone.has_seat, late.has_seat) == (False, True)

    play(scene)


def looked(sender: Sender, *, wanted: bool) -> None:
    """Let there be looks at a seat that has been wanted, or not, for long enough."""

    async def run() -> None:
        stalls = Stalls()
        seats = Seats(stalls)
        assert seats.take(sender)
        taken(seats, SEATS - 1)
        if wanted:
            seats.take(Sender())
        for _ in range(LOOKS + 1):
            stalls.look()

    asyncio.run(run())


def test_who_sends_no_more_is_cut_off_where_others_wait() -> None:
    """The rest of a line is waited for, but not for ever while somebody wants the seat."""
    quiet = Sender()
    looked(quiet, wanted=True)
    assert quiet.cut_off_after == LOOKS


def test_nobody_waits() -> None:
    """As long as nobody wants the seat, a line may take its time."""
    quiet = Sender()
    looked(quiet, wanted=False)
    assert quiet.cut_off_after is None


def test_a_byte_now_and_then_is_no_progress() -> None:
    """Who goes on sending keeps the seat, who only seems to does not."""
    sizes = iter(range(LONG, 2 * LONG))
    trickling = Sender(lambda: next(sizes))
    looked(trickling, wanted=True)
    assert trickling.cut_off_after is not None
    pieces = iter(range(LONG, 99 * LONG, LONG))
    sending = Sender(lambda: next(pieces))
    looked(sending, wanted=True)
    assert sending.cut_off_after is None


def test_a_line_that_is_complete_waits_for_the_daemon() -> None:
    """Nobody is cut off for what the daemon takes its time for."""
    complete = Sender(lambda: None)
    looked(complete, wanted=True)
    assert complete.cut_off_after is None
