"""Following what other daemons record: when one listens, when one looks, and what breaks."""

from __future__ import annotations

import asyncio
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import pytest

from agentd.daemon import follower_thread
from agentd.daemon.following import Following
from agentd.errors import DatabaseGone
from agentd.events import EventCommitted
from agentd.journal import GENESIS, Draft, Recorded, record
from agentd.store.protocols.following import Piece
from tests.core import NOW, Ids, uid
from tests.test_writer import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

LONG = 20.0
"""Seconds: far more than anything here takes."""


def commit(seq: int, count: int = 1) -> list[Recorded]:
    """What a commit has recorded."""
    return record(GENESIS, seq, uid(1), [Draft(EventCommitted("NOTE"), uid(9))] * count, NOW, Ids())


class Journal:
    """A `Follower` of a journal in memory, which says what it was asked for."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.asked: list[str] = []
        self.is_gone = False
        self.hangs = threading.Event()
        self.interrupts = 0
        self._free = threading.Event()
        self._free.set()
        self._told: SimpleQueue[bool] = SimpleQueue()

    def record(self, count: int = 1) -> list[Recorded]:
        """Somebody commits so many."""
        batch = commit(len(self.records) + 1, count)
        self.records += batch
        return batch

    def tell(self) -> None:
        """A notification comes."""
        self._told.put(item=True)

    def lose(self) -> None:
        """The connection breaks."""
        self.is_gone = True
        self.wake()

    def hang(self) -> None:
        """From now on no question is answered, until that is interrupted."""
        self._free.clear()

    def open(self) -> None:
        self.asked.append("open")
        self.is_gone = False

    def listen(self, *, on: bool) -> None:
        self.asked.append("listen" if on else "unlisten")

    def wait(self, seconds: float) -> bool:
        try:
            was_told = self._told.get(timeout=seconds)
        except Empty:
            was_told = False
        if self.is_gone:
            raise DatabaseGone
        return was_told

    def read(self, after: int, before: int | None, known: Collection[int]) -> Piece:
        self.asked.append(f"read {after} {before}")
        if not self._free.is_set():
            self.hangs.set()
            assert self._free.wait(LONG)
            raise DatabaseGone
        rows = [r for r in self.records if after < r.seq and (before is None or r.seq < before)][:5]
        end = rows[-1].seq if rows else min(after, len(self.records))
        return Piece([r for r in rows if r.seq not in known], end, more=len(rows) == 5)

    def wake(self) -> None:
        self._told.put(item=False)

    def interrupt(self) -> None:
        self.interrupts += 1
        self._free.set()

    def close(self) -> None:
        self.asked.append("close")


class Scene:
    """A daemon that follows a journal; whether it is busy or awaited, the test says."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.handed: list[int] = []
        self.is_busy = self.is_awaited = False
        self.following = Following(
            self.journal, 0, self.hand_on, lambda: self.is_busy, lambda: self.is_awaited
        )

    def hand_on(self, recorded: Sequence[Recorded]) -> None:
        self.handed += [each.seq for each in recorded]

    async def has(self, *seqs: int) -> None:
        """Wait until these were handed on."""
        await until(lambda: self.handed == list(seqs))

    async def was_asked(self, what: str) -> None:
        """Wait until the journal was asked for that, and forget what it was asked."""
        await until(lambda: what in self.journal.asked)
        self.journal.asked.clear()


def play(acts: Callable[[Scene], Awaitable[None]]) -> None:
    """Play a scene, in which nobody looks but who is told to."""

    async def run() -> None:
        scene = Scene()
        scene.following._timer.stop()  # noqa: SLF001 - the test says when it looks
        await scene.was_asked("read 0 None")
        try:
            await asyncio.wait_for(acts(scene), LONG)
        finally:
            scene.following.stop()
            scene.following.close()
        assert scene.journal.asked[-1] == "close"

    asyncio.run(run())


def test_who_is_alone_reads_nothing() -> None:
    """Own records are handed on at once, whoever waits: there is nothing between them."""

    async def acts(scene: Scene) -> None:
        scene.is_awaited = True
        scene.following.note_batch_end()
        await scene.was_asked("read 0 None")
        for count in (1, 3):
            scene.following.committed(scene.journal.record(count))
            scene.following.note_batch_end()
        assert scene.handed == [1, 2, 3, 4]
        assert scene.journal.asked == []

    play(acts)


def test_one_listens_as_long_as_somebody_waits_and_reads_once_it_is_in_force() -> None:
    """What was recorded between his look and that is found; when nobody waits, that ends."""

    async def acts(scene: Scene) -> None:
        scene.journal.record()
        scene.following.somebody_waits()
        await scene.was_asked("listen")
        await scene.has(1)
        scene.following.look()  # somebody waited since the last one
        scene.journal.record()
        scene.journal.tell()
        await scene.has(1, 2)
        scene.journal.asked.clear()
        scene.following.look()
        await scene.was_asked("unlisten")

    play(acts)


def test_where_nobody_waits_others_records_are_read_when_one_looks() -> None:
    """Own records wait for those before them; nothing is read for each of them."""

    async def acts(scene: Scene) -> None:
        scene.journal.record(2)
        scene.following.committed(scene.journal.record())
        scene.following.note_batch_end()
        await asyncio.sleep(0)
        assert (scene.handed, scene.journal.asked) == ([], [])
        scene.following.look()
        await scene.has(1, 2, 3)

    play(acts)


def test_who_is_awaited_reads_what_is_before_its_own_records_at_once() -> None:
    """It need not be told that there is something: its own places say so."""

    async def acts(scene: Scene) -> None:
        scene.is_awaited = True
        scene.following.note_batch_end()
        await scene.was_asked("read 0 None")
        scene.journal.record(2)
        scene.following.committed(scene.journal.record())
        scene.following.note_batch_end()
        await scene.has(1, 2, 3)
        assert scene.journal.asked == ["read 0 3"]

    play(acts)


def test_nothing_is_handed_on_while_a_batch_is_under_way() -> None:
    """Whoever waits because of it would miss what was recorded after he looked."""

    async def acts(scene: Scene) -> None:
        scene.is_busy = True
        scene.journal.record()
        scene.following.look()
        await until(lambda: scene.following._order.has_read)  # noqa: SLF001 - it is not handed on
        assert scene.handed == []
        scene.is_busy = False
        own = scene.journal.record()
        scene.journal.record()
        scene.following.committed(own)
        assert scene.handed == [1, 2]
        scene.following.note_batch_end()
        scene.following.look()
        await scene.has(1, 2, 3)

    play(acts)


def test_much_is_read_in_pieces() -> None:
    """A piece is read when the one before it was handed on, so that little is held at a time."""

    async def acts(scene: Scene) -> None:
        scene.journal.record(12)
        scene.following.look()
        await scene.has(*range(1, 13))
        assert scene.journal.asked == ["read 0 None", "read 5 None", "read 10 None"]

    play(acts)


def test_a_connection_that_broke_is_made_anew_and_what_was_missed_is_read() -> None:
    """It listens again, where it did."""

    async def acts(scene: Scene) -> None:
        scene.following.somebody_waits()
        await scene.was_asked("listen")
        scene.journal.record()
        scene.journal.lose()
        await scene.has(1)
        await scene.was_asked("listen")

    play(acts)


def test_a_question_that_hangs_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is silently gone is asked anew, over another connection."""
    monkeypatch.setattr(follower_thread, "HANGS_SECONDS", -1.0)

    async def acts(scene: Scene) -> None:
        scene.journal.record()
        scene.journal.hang()
        scene.following.look()
        await until(scene.journal.hangs.is_set)
        scene.following.look()
        await scene.has(1)
        assert scene.journal.interrupts == 1

    play(acts)


def test_a_journal_that_has_lost_records() -> None:
    """What is recorded behind its new end is handed on, at places that were taken before."""

    async def acts(scene: Scene) -> None:
        scene.following.committed(scene.journal.record(4))
        await scene.has(1, 2, 3, 4)
        del scene.journal.records[2:]
        scene.following.look()
        await until(lambda: scene.following._order.end == 2)  # noqa: SLF001 - nobody is told of it
        scene.journal.record(1)
        scene.following.look()
        await scene.has(1, 2, 3, 4, 3)
        scene.following.committed(scene.journal.record(1))
        await scene.has(1, 2, 3, 4, 3, 4)

    play(acts)
