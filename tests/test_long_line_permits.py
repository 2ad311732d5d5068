"""LongLinePermits: who may send a long line, and who is cut off for letting the others wait."""

import asyncio
from collections.abc import Callable

from agentd.daemon.long_line_permits import LONG, PERMITS, LongLinePermits
from agentd.daemon.stall_detector import LOOKS, StallDetector


class Sender:
    """A client with a long line, of which so many bytes have come; None: all of it."""

    def __init__(self, unfinished: Callable[[], int | None] = lambda: LONG) -> None:
        self.unfinished = unfinished
        self.has_permit = False
        self.cut_off_after: int | None = None

    def permit_granted(self) -> None:
        self.has_permit = True

    def cut_off_sending(self, seconds: int) -> None:
        self.cut_off_after = seconds


def play(scene: Callable[[LongLinePermits], None]) -> None:
    """Play a scene with permits."""

    async def run() -> None:
        scene(LongLinePermits(StallDetector()))

    asyncio.run(run())


def taken(permits: LongLinePermits, count: int = PERMITS) -> list[Sender]:
    """So many who have a permit."""
    senders = [Sender() for _ in range(count)]
    assert all(permits.take(sender) for sender in senders)
    return senders


def test_there_are_so_many_permits() -> None:
    """Who comes when all are taken waits, and gets the first that becomes free; then the next."""

    def scene(permits: LongLinePermits) -> None:
        having, waiting = taken(permits), [Sender(), Sender()]
        assert not any(permits.take(sender) for sender in waiting)
        permits.leave(having[0])
        assert [sender.has_permit for sender in waiting] == [True, False]
        permits.leave(waiting[0])
        assert [sender.has_permit for sender in waiting] == [True, True]

    play(scene)


def test_there_is_no_room_for_answers() -> None:
    """Nobody takes a permit, or is cut off for one that is free; those who wait have it then."""

    async def run() -> None:
        stalls, room = StallDetector(), [True]
        permits = LongLinePermits(stalls, lambda: bool(room))
        [having], waiting = taken(permits, 1), [Sender(), Sender()]
        room.clear()
        assert not any(permits.take(sender) for sender in waiting)
        for _ in range(LOOKS + 1):
            stalls.look()
        assert having.cut_off_after is None
        permits.leave(having)
        assert not any(sender.has_permit for sender in waiting)
        room.append(True)
        permits.go_on()
        assert all(sender.has_permit for sender in waiting)

    asyncio.run(run())


def test_a_permit_is_taken_once() -> None:
    """Who has a permit, or waits for one, may ask again; and leave twice."""

    def scene(permits: LongLinePermits) -> None:
        having = taken(permits)
        assert permits.take(having[0])
        late = Sender()
        assert not permits.take(late)
        assert not permits.take(late)
        permits.leave(having[0])
        permits.leave(having[0])
        assert late.has_permit
        assert not permits.take(Sender())

    play(scene)


def test_who_waits_and_goes_gets_none() -> None:
    """A permit is not given to who is gone."""

    def scene(permits: LongLinePermits) -> None:
        having, gone, late = taken(permits), Sender(), Sender()
        permits.take(gone)
        permits.take(late)
        permits.leave(gone)
        permits.leave(having[0])
        assert (gone.has_permit, late.has_permit) == (False, True)

    play(scene)


def looked(sender: Sender, *, wanted: bool) -> None:
    """Let there be looks at a permit that has been wanted, or not, for long enough."""

    async def run() -> None:
        stalls = StallDetector()
        permits = LongLinePermits(stalls)
        assert permits.take(sender)
        taken(permits, PERMITS - 1)
        if wanted:
            permits.take(Sender())
        for _ in range(LOOKS + 1):
            stalls.look()

    asyncio.run(run())


def test_who_sends_no_more_is_cut_off_where_others_wait() -> None:
    """The rest of a line is waited for, but not for ever while somebody wants the permit."""
    quiet = Sender()
    looked(quiet, wanted=True)
    assert quiet.cut_off_after == LOOKS


def test_nobody_waits() -> None:
    """As long as nobody wants the permit, a line may take its time."""
    quiet = Sender()
    looked(quiet, wanted=False)
    assert quiet.cut_off_after is None


def test_a_byte_now_and_then_is_no_progress() -> None:
    """Who goes on sending keeps the permit, who only seems to does not."""
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
