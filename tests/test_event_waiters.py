"""Who waits for events: woken by the first that fits, and nothing falls between two looks."""

import asyncio
from collections.abc import Awaitable, Callable

from agentd.api import WatchEventsParams, WatchEventsResult
from agentd.daemon.counters import new_counters
from agentd.daemon.event_waiters import EventWaiters
from agentd.events import EventCommitted, LeaseExtended
from agentd.journal import Draft, Head, Recorded, record
from tests.core import NOW, Ids, uid

A, B = uid(1), uid(2)
LAST = 10
NOTE = EventCommitted("NOTE")


def commit(
    seq: int, task_id: str = A, event: EventCommitted | LeaseExtended = NOTE
) -> list[Recorded]:
    """What a commit has recorded."""
    return record(Head(1, b""), seq, task_id, [Draft(event, uid(9))], NOW, Ids())


class Watching:
    """A client that waits for events: what it was read, and what it was answered at the end."""

    def __init__(self, waiters: EventWaiters) -> None:
        self.waiters = waiters
        self.read: list[int | None] = []
        self.ended: list[WatchEventsResult] = []

    def begin(self, **params: object) -> "Watching":
        """It asks."""
        known = {"wait_secs": 60.0, **params}
        asked = WatchEventsParams(**known)  # type: ignore[arg-type]
        self.waiters.begin(self, asked, lambda p: self.read.append(p.after_seq), self.ended.append)
        return self


def play(acts: Callable[[EventWaiters], Awaitable[None]]) -> None:
    """Play a scene on a loop of its own."""

    async def run() -> None:
        await acts(EventWaiters(LAST, new_counters()))

    asyncio.run(run())


def test_a_wait_ends_with_the_first_event_that_fits() -> None:
    """The journal is read from that event on, and what is read is the answer."""

    async def acts(waiters: EventWaiters) -> None:
        watching = Watching(waiters).begin()
        assert waiters.keep(watching, LAST)
        waiters.committed(commit(11))
        assert watching.read == [LAST, 10]
        assert not waiters.keep(watching, None)
        waiters.committed(commit(12))
        assert watching.read == [LAST, 10]

    play(acts)


def test_what_is_committed_while_the_journal_is_read() -> None:
    """It may not have been read: the journal is read again."""

    async def acts(waiters: EventWaiters) -> None:
        watching = Watching(waiters).begin()
        waiters.committed(commit(11))
        assert waiters.keep(watching, LAST)
        assert watching.read == [LAST, 10]

    play(acts)


def test_what_was_found_is_not_waited_for() -> None:
    """Nor is one that was not willing to."""

    async def acts(waiters: EventWaiters) -> None:
        watching = Watching(waiters).begin(after_seq=3)
        assert watching.read == [3]
        assert not waiters.keep(watching, None)
        assert not waiters.keep(Watching(waiters), LAST)

    play(acts)


def test_what_was_not_looked_at_to_the_end() -> None:
    """It is answered: the place to go on from has moved."""

    async def acts(waiters: EventWaiters) -> None:
        watching = Watching(waiters).begin(after_seq=0)
        assert not waiters.keep(watching, LAST - 1)

    play(acts)


def test_what_does_not_fit() -> None:
    """Another task, another kind, a heartbeat that nobody asked for: the wait goes on."""

    async def acts(waiters: EventWaiters) -> None:
        every = Watching(waiters).begin()
        of_b = Watching(waiters).begin(task_id=B)
        kinds = Watching(waiters).begin(kinds=["OTHER"])
        beats = Watching(waiters).begin(kinds=["HEARTBEAT_NODE"])
        for watching in (every, of_b, kinds, beats):
            assert waiters.keep(watching, LAST)
        waiters.committed(commit(11, event=LeaseExtended(uid(5), NOW)))
        assert [len(each.read) for each in (every, of_b, kinds, beats)] == [1, 1, 1, 2]
        waiters.committed(commit(12))
        assert [len(each.read) for each in (every, of_b, kinds, beats)] == [2, 1, 1, 2]
        waiters.committed(commit(13, B, EventCommitted("OTHER")))
        assert [each.read[-1] for each in (of_b, kinds)] == [12, 12]

    play(acts)


def test_the_time_is_over() -> None:
    """The place is the journal's end: nothing that fits lies before it."""

    async def acts(waiters: EventWaiters) -> None:
        watching = Watching(waiters).begin(wait_secs=0.01, kinds=["OTHER"])
        assert waiters.keep(watching, LAST)
        waiters.committed(commit(11))
        await asyncio.sleep(0.05)
        assert watching.ended == [WatchEventsResult([], 11)]

    play(acts)


def test_a_stop() -> None:
    """All are answered, and nobody waits anew."""

    async def acts(waiters: EventWaiters) -> None:
        waiting, reading = Watching(waiters).begin(), Watching(waiters).begin()
        assert waiters.keep(waiting, LAST)
        waiters.stop()
        assert waiting.ended == [WatchEventsResult([], LAST)]
        assert not waiters.keep(reading, LAST)

    play(acts)


def test_who_has_left() -> None:
    """He is forgotten, waiting or not."""

    async def acts(waiters: EventWaiters) -> None:
        waiting, reading = Watching(waiters).begin(), Watching(waiters).begin()
        assert waiters.keep(waiting, LAST)
        waiters.forget(waiting)
        waiters.forget(reading)
        waiters.committed(commit(11))
        assert len(waiting.read) == len(reading.read) == 1
        assert waiting not in waiters

    play(acts)
