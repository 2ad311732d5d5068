"""What the daemon asks for itself: on which thread, and what a server's silence does to it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from agentd.daemon.clock import ServerClock
from agentd.daemon.database_server import DatabaseServer
from agentd.daemon.grace import Grace
from agentd.daemon.looks import LocalLooks, Looks, RemoteLooks
from agentd.daemon.openings import Openings
from agentd.daemon.sweeper import Sweeper
from agentd.errors import DatabaseGone, StorageError
from agentd.methods import SETTLE_DUE
from agentd.store import Reader
from agentd.store.memory import MemoryStore
from tests.core import LEASE_MS, NOW, Core
from tests.remote_store import SECONDS, RemoteStore
from tests.test_sweeper import Hands, Submissions
from tests.test_writer import until


class Asker:
    """Asks, and keeps what came of it and where."""

    def __init__(self) -> None:
        self.found: list[int | StorageError] = []
        self.asked_on: list[threading.Thread] = []
        self.told_on: list[threading.Thread] = []

    def ask(self, looks: Looks) -> None:
        looks.ask(self._question, self._tell, self._tell)

    def _question(self, reader: Reader) -> int:
        self.asked_on.append(threading.current_thread())
        return reader.last_seq()

    def _tell(self, found: int | StorageError) -> None:
        self.told_on.append(threading.current_thread())
        self.found.append(found)


class Scene:
    """Looks on a server's database."""

    def __init__(self, wait_secs: float) -> None:
        self.clock = ServerClock()
        self.clock.note_moment(NOW)
        self.store = RemoteStore()
        self.grace = Grace(NOW - LEASE_MS, LEASE_MS)
        self.server = DatabaseServer(self.clock.now, self.grace, wait_secs)
        self.looks = RemoteLooks(self.store, self.server)
        self.asker = Asker()


def play(acts: Callable[[Scene], Awaitable[None]], wait_secs: float = 3_600.0) -> None:
    """Play a scene on a loop of its own."""

    async def run() -> None:
        scene = Scene(wait_secs)
        try:
            await asyncio.wait_for(acts(scene), SECONDS)
        finally:
            scene.store.answer()
            scene.looks.close()

    asyncio.run(run())


def test_a_store_in_a_file_is_asked_at_once() -> None:
    """What was found is told before the asker goes on, on the same thread."""
    asker = Asker()
    asker.ask(LocalLooks(MemoryStore()))
    assert asker.found == [0]
    assert asker.asked_on == asker.told_on == [threading.current_thread()]


def test_a_server_is_asked_on_another_thread() -> None:
    """What was found is told on the loop's."""

    async def acts(scene: Scene) -> None:
        scene.asker.ask(scene.looks)
        assert scene.asker.found == []
        await until(lambda: scene.asker.found == [0])
        assert scene.asker.told_on == [threading.current_thread()]
        assert scene.asker.asked_on != scene.asker.told_on

    play(acts)


def test_a_server_that_is_gone_is_known_by_a_look() -> None:
    """Whoever asks how it is knows then; and when it is back."""

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        scene.asker.ask(scene.looks)
        await until(lambda: scene.server.fault is not None)
        assert isinstance(scene.asker.found[0], DatabaseGone)
        scene.store.is_gone = False
        scene.asker.ask(scene.looks)
        await until(lambda: scene.server.fault is None)

    play(acts)


def test_a_look_that_hangs_is_interrupted() -> None:
    """At the end of the time that requests have as well."""

    async def acts(scene: Scene) -> None:
        scene.store.stall("read")
        scene.asker.ask(scene.looks)
        await until(lambda: len(scene.asker.found) == 1)
        assert scene.store.interrupts == 1

    play(acts, 0.02)


def test_a_fault_of_a_question_is_none_of_the_threads(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the next one is asked."""

    def broken(_reader: Reader) -> int:
        raise ValueError("no")

    async def acts(scene: Scene) -> None:
        told: list[object] = []
        scene.looks.ask(broken, told.append, told.append)
        await until(lambda: len(told) == 1)
        assert isinstance(told[0], StorageError)
        scene.asker.ask(scene.looks)
        await until(lambda: scene.asker.found == [0])

    play(acts)
    assert "a request failed: ValueError('no')" in caplog.text


# The sweeper


def test_the_sweeper_looks_once_a_second_where_others_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever this daemon knows of, another one may have recorded something that is due."""

    async def acts(scene: Scene) -> None:
        hands, writer = Hands(), Submissions()
        sweeper = Sweeper(scene.looks, writer, hands, scene.grace)
        sweeper.sweep()
        await until(lambda: scene.grace.appointment == NOW + 1_000)
        core = Core(scene.store)  # another daemon
        task = core.register({})
        core.lease_ms = 500
        core.hold(task)
        hands.moment = NOW + 1_001
        await until(lambda: bool(writer.commands))
        assert writer.tasks == {task}
        sweeper.stop()

    monkeypatch.setattr("agentd.daemon.sweeper.LONGEST_SLEEP_MS", 1)
    play(acts)


def test_the_sweeper_goes_on_without_a_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once that it is gone; it looks again, and finds what became due meanwhile."""

    async def acts(scene: Scene) -> None:
        hands, writer = Hands(), Submissions()
        core = Core(scene.store)
        task = core.register({})
        core.lease_ms = 500
        core.hold(task)
        sweeper = Sweeper(scene.looks, writer, hands, scene.grace)
        scene.store.is_gone = True
        for second in range(1, 4):
            before = scene.grace.appointment
            hands.moment = NOW + second * 1_001
            sweeper.sweep()
            await until(lambda before=before: scene.grace.appointment != before)  # type: ignore[misc]
        assert writer.commands == []
        scene.store.is_gone = False
        hands.moment = NOW + 5_000
        await until(lambda: bool(writer.commands))
        assert writer.tasks == {task}
        sweeper.stop()

    monkeypatch.setattr("agentd.daemon.sweeper.LONGEST_SLEEP_MS", 1)
    play(acts)
    [gone] = [message for message in caplog.messages if "is gone" in message]
    assert not any("cannot look" in message for message in caplog.messages)
    assert "requests wait" in gone


def test_a_moment_that_comes_during_a_look_is_not_lost() -> None:
    """Nor is a second look begun beside the first."""

    async def acts(scene: Scene) -> None:
        hands, writer = Hands(), Submissions()
        sweeper = Sweeper(scene.looks, writer, hands, scene.grace)
        scene.store.stall("read")
        sweeper.sweep()
        await until(scene.store.hung.is_set)
        scene.store.hung.clear()
        sweeper.wake_at(NOW + 10)
        sweeper.sweep()
        scene.store.answer()
        await until(lambda: scene.grace.appointment == NOW + 1_000)
        assert not scene.store.hung.is_set()
        sweeper.stop()

    play(acts)


def test_a_look_that_hangs_is_a_missed_appointment() -> None:
    """So the leases that ran out meanwhile are honoured."""
    hands = Hands()

    async def acts(scene: Scene) -> None:
        sweeper = Sweeper(scene.looks, Submissions(), hands, scene.grace)
        sweeper.sweep()
        await until(lambda: scene.grace.appointment == NOW + 1_000)
        scene.store.stall("read")
        hands.moment = NOW + 1_001
        sweeper.sweep()
        await until(scene.store.hung.is_set)
        assert scene.grace.honoured_until(NOW + 1_500) == 0
        assert scene.grace.honoured_until(NOW + 5_000) == NOW + 5_000
        sweeper.stop()

    play(acts)


def test_two_sweepers_record_once_what_both_found() -> None:
    """The second one's command finds nothing to do."""
    core = Core(MemoryStore())
    task = core.register({}, {})
    core.lease_ms = 2_000
    core.hold(task)
    core.hold(task)
    core.now += 3_000
    found = []
    for _ in range(2):
        writer, hands = Submissions(), Hands()
        hands.moment = core.now

        async def look(writer: Submissions = writer, hands: Hands = hands) -> None:
            sweeper = Sweeper(LocalLooks(core.store), writer, hands, Grace(0, LEASE_MS))
            sweeper.sweep()
            sweeper.stop()

        asyncio.run(look())
        found.append([one.call for one in writer.commands])
    assert [[call.command for call in calls] for calls in found] == [[SETTLE_DUE]] * 2
    first, second = core.run([*found[0], *found[1]])
    assert [record.kind for record in first.recorded] == ["LeaseExpired"] * 2
    assert (second.recorded, second.refusal) == ([], None)


# When a limit opens


def test_an_opening_that_another_daemon_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found by a look, and whoever waits is woken at its moment."""
    monkeypatch.setattr("agentd.daemon.openings.LONGEST_SLEEP_SECONDS", 0.001)

    async def acts(scene: Scene) -> None:
        hands, opened = Hands(), list[int]()
        openings = Openings(scene.looks, hands, lambda: opened.append(hands.moment))
        core = Core(scene.store)
        core.do("SetLimit", name="quota", max_running=None)
        core.do("CloseLimit", name="quota", for_secs=5)
        scene.asker.ask(scene.looks)  # behind the look that may have begun before
        await until(lambda: bool(scene.asker.found))
        await until(lambda: openings.next == NOW + 5_000)
        assert opened == []
        hands.moment = NOW + 5_000
        await until(lambda: bool(opened))
        openings.stop()
        assert opened[0] == NOW + 5_000

    play(acts)
