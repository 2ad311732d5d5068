"""Who is cut off for not reading, at which look, and who is not."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agentd.daemon.stall_detector import (
    LOOKS,
    LOOKS_IN_A_HURRY,
    MOST_LOOKS_IN_A_HURRY,
    StallDetector,
)


class Reader:
    """A client with so many bytes to read; `reads` says how many it reads before each look."""

    def __init__(self, unsent: int, reads: Callable[[int], int]) -> None:
        self.left = unsent
        self.looks = 0
        self.cut_off_at: int | None = None
        self.seconds = 0
        self._reads = reads

    def unsent(self) -> object:
        self.looks += 1
        self.left -= min(self._reads(self.looks), self.left)
        return self.left or None

    def cut_off(self, seconds: int) -> None:
        self.seconds = seconds
        self.cut_off_at = self.looks


def watched(readers: list[Reader], looks: int, *, tight: bool = False) -> StallDetector:
    """Look so many times at what the readers read, with room or where it is tight."""

    async def run() -> StallDetector:
        stalls = StallDetector(lambda: tight)
        for reader in readers:
            stalls.watch(reader)
            stalls.watch(reader)
        for _ in range(looks):
            stalls.look()
        return stalls

    return asyncio.run(run())


def test_who_reads_nothing_is_cut_off() -> None:
    """It happens once, when so many looks after the first found the same as the one before."""
    deaf = Reader(100, lambda _look: 0)
    watched([deaf], 3 * LOOKS)
    assert (deaf.cut_off_at, deaf.looks, deaf.seconds) == (LOOKS + 1, LOOKS + 1, LOOKS)


def test_who_reads_a_little_is_not() -> None:
    """One byte in just under the time that is allowed is progress, and the count begins anew."""
    slow = Reader(100, lambda look: look % LOOKS == 0)
    watched([slow], 50 * LOOKS)
    assert slow.cut_off_at is None


def test_who_begins_to_read_too_late() -> None:
    """What was read long ago does not help."""
    tired = Reader(100, lambda look: look < 5)
    watched([tired], 50)
    assert tired.cut_off_at == 4 + LOOKS


def test_who_has_read_everything_is_looked_at_no_more() -> None:
    """A client without answers to read may say nothing for as long as it likes."""
    done = Reader(100, lambda look: 100 if look == 3 else 0)
    watched([done], 50)
    assert (done.cut_off_at, done.looks) == (None, 3)


def test_where_room_is_tight() -> None:
    """Who reads nothing is cut off sooner; who reads, and who begins at once, is not."""
    deaf, tired, quick = (
        Reader(100, reads)
        for reads in (lambda _look: 0, lambda look: look % 2, lambda look: 100 * (look > 2))
    )
    watched([deaf, tired, quick], 2 * LOOKS_IN_A_HURRY + 1, tight=True)
    assert deaf.cut_off_at == deaf.seconds + 1 == LOOKS_IN_A_HURRY + 1
    assert (tired.cut_off_at, quick.cut_off_at) == (None, None)


@pytest.mark.parametrize("tight", [True, False])
def test_a_little_at_a_time_for_ever(tight: bool) -> None:  # noqa: FBT001
    """Where room is tight an answer may not take for ever either; else it may."""
    slow = Reader(1_000_000, lambda _look: 1)
    watched([slow], 2 * MOST_LOOKS_IN_A_HURRY, tight=tight)
    assert slow.cut_off_at == (MOST_LOOKS_IN_A_HURRY + 1 if tight else None)


def test_each_for_itself() -> None:
    """One that reads does not save one that does not, and the other way round."""
    deaf, quick = Reader(100, lambda _look: 0), Reader(100, lambda _look: 1)
    watched([deaf, quick], 2 * LOOKS)
    assert (deaf.cut_off_at, quick.cut_off_at) == (LOOKS + 1, None)


def test_who_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of a closed connection, and there is no timer for nobody."""
    timers: list[Any] = []

    async def run() -> None:
        stalls, gone = StallDetector(), Reader(100, lambda _look: 0)
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_later", lambda *timer: timers.append(timer))
        stalls.watch(gone)
        stalls.forget(gone)
        stalls.forget(gone)
        stalls.look()
        assert gone.looks == 0

    asyncio.run(run())
    assert len(timers) == 1
