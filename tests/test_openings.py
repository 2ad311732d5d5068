"""When a limit opens, whoever waits for work looks again, whatever else happens at that moment."""

import asyncio
from pathlib import Path

import pytest

from agentd.daemon.clock import Clock
from agentd.daemon.looks import LocalLooks
from agentd.daemon.openings import Openings
from tests.core import NOW, Core, open_memory

LATE = 10
"""By so many milliseconds the timer is late."""


class Hand(Clock):
    """A clock that goes when it is told to."""

    at = NOW

    def now(self) -> int:
        return self.at


@pytest.mark.parametrize("at", [5_000 + LATE, 4_999])
def test_an_opening_is_not_passed_by_when_something_changes_at_that_moment(
    tmp_path: Path, at: int
) -> None:
    """A commit may come between it and the timer, and may have begun before it."""
    core, clock, opened = Core(open_memory(tmp_path)), Hand(), asyncio.Event()

    def close(openings: Openings, name: str, seconds: float) -> None:
        core.do("SetLimit", name=name, max_running=None)
        core.do("CloseLimit", name=name, for_secs=seconds)
        with core.store.read() as reader:
            openings.committed(list(reader.journal())[-1:])

    async def run() -> None:
        openings = Openings(LocalLooks(core.store), clock, opened.set)
        close(openings, "soon", 5)
        core.now, clock.at = NOW + at, NOW + 5_000 + LATE
        assert not opened.is_set()
        close(openings, "later", 60)
        async with asyncio.timeout(10):
            await opened.wait()
        openings.stop()

    asyncio.run(run())
