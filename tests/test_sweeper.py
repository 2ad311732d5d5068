"""The sweeper without a daemon: the clock, the loop and the writer are the test's own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from agentd.api import TaskParams
from agentd.daemon.clock import Clock
from agentd.daemon.grace import Grace
from agentd.daemon.looks import LocalLooks
from agentd.daemon.sweeper import LONGEST_SLEEP_MS, Sweeper
from agentd.daemon.writer import SubmittedCommand, Writer
from agentd.errors import DatabaseGone, StorageError
from agentd.methods import SETTLE_DUE, TIME_OUT_TASK
from agentd.store.memory import MemoryStore, MemoryTx
from agentd.transact import Call, Outcome
from tests.core import LEASE_MS, NOW, Core, uid

LONG_AGO = NOW - 60_000


class Hands(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = NOW

    def now(self) -> int:
        return self.moment

    def suspended(self) -> int:
        return 0


class Submissions(Writer):
    """A writer that keeps what it is given and does nothing."""

    def __init__(self) -> None:
        self.commands: list[SubmittedCommand] = []

    def submit(self, command: SubmittedCommand) -> None:
        self.commands.append(command)

    @property
    def tasks(self) -> set[str]:
        """The tasks whose leases are to be rolled back."""
        assert all(one.call.command is SETTLE_DUE for one in self.commands)
        return self.named

    @property
    def named(self) -> set[str]:
        """The tasks that the commands are about."""
        params = [one.call.params for one in self.commands]
        return {one.task_id for one in params if isinstance(one, TaskParams)}


class Timer:
    """One call to come."""

    def __init__(self, delay: float, callback: Callable[[], None]) -> None:
        self.milliseconds = round(delay * 1000)
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop that only writes down when it is to call whom."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(delay, callback))
        return self.timers[-1]

    @property
    def waits(self) -> list[int]:
        """The milliseconds of the timers that are not cancelled."""
        return [timer.milliseconds for timer in self.timers if not timer.cancelled]


class FailingStore(MemoryStore):
    """A store that cannot be read while `failing`."""

    failing: StorageError | None = None

    @contextmanager
    def read(self) -> Iterator[MemoryTx]:
        if self.failing is not None:
            raise self.failing
        with super().read() as reader:
            yield reader


class Scene:
    """A sweeper with everything that it looks at."""

    def __init__(self, loop: Loop, back: int = LONG_AGO) -> None:
        self.loop = loop
        self.clock = Hands()
        self.writer = Submissions()
        self.store = FailingStore()
        self.core = Core(self.store)
        self.grace = Grace(back, LEASE_MS)
        self.sweeper = Sweeper(LocalLooks(self.store), self.writer, self.clock, self.grace)

    def lease(self, ends: int) -> str:
        """A task whose only node is leased until then."""
        task = self.core.register({})
        self.core.lease_ms = ends - self.core.now
        self.core.hold(task)
        return task

    def timed(self, seconds: float) -> str:
        """A task that times out so many seconds after the beginning."""
        made = self.core.do("RegisterTask", goal="g", initial_nodes=[{}], timeout_secs=seconds)
        return str(made["task_id"])

    @property
    def waits(self) -> int:
        """In how many milliseconds it will look, dozing until then."""
        assert self.loop.waits == [LONGEST_SLEEP_MS]
        assert self.grace.appointment is not None
        return self.grace.appointment - self.clock.moment + 1

    def look_at(self, moment: int) -> None:
        """Let it wake at that moment: its timer has gone off."""
        self.clock.moment = moment
        self.sweeper.stop()
        self.sweeper.sweep()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    found = Loop()
    fake = SimpleNamespace(**{**vars(asyncio), "get_running_loop": lambda: found})
    monkeypatch.setattr("agentd.daemon.sweeper.asyncio", fake)
    return found


@pytest.fixture
def scene(loop: Loop) -> Scene:
    return Scene(loop)


def test_it_sleeps_while_nothing_is_leased(scene: Scene) -> None:
    """Without a lease nothing is to be done and there is no moment to wake at."""
    scene.sweeper.sweep()
    assert (scene.writer.commands, scene.loop.waits) == ([], [])
    assert scene.grace.appointment is None


def test_it_sleeps_until_the_earliest_wake_at(scene: Scene) -> None:
    """Of several leases the first that ends is waited for, one millisecond past its end."""
    scene.lease(NOW + 9_000)
    scene.lease(NOW + 5_000)
    scene.sweeper.sweep()
    assert scene.waits == 5_001
    assert scene.grace.appointment == NOW + 5_000


def test_it_rolls_back_what_is_over(scene: Scene) -> None:
    """Only tasks with a lease that is over are submitted; then it waits for the next."""
    over = scene.lease(NOW + 5_000)
    scene.lease(NOW + 9_000)
    scene.look_at(NOW + 5_001)
    assert scene.writer.tasks == {over}
    assert scene.waits == 3_999 + 1


def test_it_submits_a_task_once(scene: Scene) -> None:
    """However many leases of a task are over, one command rolls them all back."""
    task = scene.core.register({}, {})
    scene.core.lease_ms = 2_000
    scene.core.hold(task)
    scene.core.hold(task)
    scene.look_at(NOW + 2_001)
    assert len(scene.writer.commands) == 1


def test_an_earlier_lease_wakes_it_earlier(scene: Scene) -> None:
    """A lease that ends before the one it waits for takes that one's place."""
    scene.lease(NOW + 300_000)
    scene.sweeper.sweep()
    scene.sweeper.wake_at(NOW + 2_000)
    assert scene.waits == 2_001


def test_a_later_lease_does_not_wake_it(scene: Scene) -> None:
    """A lease that ends after the one it waits for changes nothing."""
    scene.lease(NOW + 5_000)
    scene.sweeper.sweep()
    scene.sweeper.wake_at(NOW + 5_000)
    scene.sweeper.wake_at(NOW + 9_000)
    assert len(scene.loop.timers) == 1


def test_the_first_lease_wakes_it(scene: Scene) -> None:
    """A sweeper that waits for nothing waits for the first lease there is."""
    scene.sweeper.sweep()
    scene.sweeper.wake_at(NOW + 7_000)
    assert scene.waits == 7_001


def test_it_looks_once_a_second_at_most(scene: Scene) -> None:
    """Leases that end at once are looked for a second after the last look, and not before."""
    scene.sweeper.sweep()
    scene.clock.moment += 400
    for end in (NOW, NOW + 1, NOW + 999):
        scene.sweeper.wake_at(end)
    assert scene.loop.waits == [601]


def test_a_clock_that_went_past_the_moment(scene: Scene) -> None:
    """A lease that ended long ago, with the last look as long ago, is looked for at once."""
    scene.sweeper.sweep()
    scene.clock.moment += 60_000
    scene.sweeper.wake_at(NOW + 5_000)
    assert scene.loop.waits == [0]


def test_a_machine_that_was_suspended(scene: Scene) -> None:
    """A timer stands still meanwhile; it was set for a second, so the grace begins in time."""
    scene.lease(NOW + 300_000)
    scene.sweeper.sweep()
    scene.clock.moment += 3_600_000
    scene.sweeper.stop()
    scene.loop.timers[-1].callback()
    assert scene.writer.commands == []
    assert scene.waits == 10_001


def test_a_lease_that_has_not_ended_yet(scene: Scene) -> None:
    """Waking before the end it dozes on, and asks the database nothing."""
    scene.lease(NOW + 300_000)
    scene.sweeper.sweep()
    scene.store.failing = StorageError("the disk is on fire")
    scene.clock.moment += 1_001
    scene.sweeper.stop()
    scene.loop.timers[-1].callback()
    assert scene.waits == 300_001 - 1_001


def test_a_rollback_that_was_refused(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and looked for again a second after the last look."""
    scene.lease(NOW + 1_000)
    scene.lease(NOW + 90_000)
    scene.look_at(NOW + 2_000)
    [command] = scene.writer.commands
    scene.sweeper.answer(command, Outcome(None, refusal=StorageError("no room")))
    assert scene.loop.waits == [1_001]
    assert caplog.messages == ["what is due could not be recorded: no room"]
    scene.look_at(NOW + 3_001)
    assert len(scene.writer.commands) == 2


def test_a_rollback_that_was_done(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged and nothing waited for."""
    command = SubmittedCommand(Call(SETTLE_DUE, TaskParams(uid(1))), scene.sweeper)
    scene.sweeper.answer(command, Outcome(None))
    assert (scene.loop.timers, caplog.messages) == ([], [])


def test_a_database_that_cannot_be_read(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, and it looks again every second, until that succeeds."""
    over = scene.lease(NOW + 1_000)
    scene.store.failing = StorageError("the disk is on fire")
    scene.look_at(NOW + 1_001)
    scene.look_at(NOW + 2_002)
    assert (scene.writer.commands, scene.loop.waits) == ([], [1_001])
    assert caplog.messages == ["cannot look for what is due: the disk is on fire"]
    scene.store.failing = None
    scene.look_at(NOW + 3_003)
    assert scene.writer.tasks == {over}


def test_a_server_that_is_gone(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever notices that tells it, once for all: it looks again, and says nothing."""
    gone = DatabaseGone("no route to the host")
    scene.lease(NOW + 1_000)
    scene.store.failing = gone
    scene.look_at(NOW + 1_001)
    command = SubmittedCommand(Call(SETTLE_DUE, TaskParams(uid(1))), scene.sweeper)
    scene.sweeper.answer(command, Outcome(None, refusal=gone))
    assert (scene.loop.waits, caplog.messages) == ([1_001], [])


def test_a_lease_that_is_honoured(loop: Loop) -> None:
    """What ended while the daemon was away is left alone, and looked for when the grace ends."""
    scene = Scene(loop, back=NOW + 2_000)
    over = scene.lease(NOW + 1_000)
    scene.look_at(NOW + 2_000)
    assert (scene.writer.commands, scene.waits) == ([], 10_001)
    scene.look_at(NOW + 12_001)
    assert scene.writer.tasks == {over}


def test_a_stopped_sweeper(scene: Scene) -> None:
    """It wakes no more, and stopping it before it ever slept does no harm."""
    scene.sweeper.stop()
    scene.lease(NOW + 5_000)
    scene.sweeper.sweep()
    scene.sweeper.stop()
    assert scene.loop.waits == []


def test_a_task_whose_time_is_over(scene: Scene) -> None:
    """Its time-out is submitted once, when it has come; then the next one is waited for."""
    first, second = scene.timed(5), scene.timed(9)
    scene.sweeper.sweep()
    assert (scene.writer.commands, scene.waits) == ([], 5_001)
    scene.look_at(NOW + 5_001)
    assert scene.writer.named == {first}
    assert scene.writer.commands[0].call.command is TIME_OUT_TASK
    assert scene.waits == 4_000
    scene.look_at(NOW + 9_001)
    assert scene.writer.named == {first, second}
    assert len(scene.writer.commands) == 2


def test_what_timed_out_while_the_daemon_was_away(loop: Loop) -> None:
    """It takes effect at the start: the grace is for leases."""
    scene = Scene(loop, back=NOW + 60_000)
    late = scene.timed(5)
    scene.look_at(NOW + 60_000)
    assert scene.writer.named == {late}


def test_a_task_that_is_late_at_once(scene: Scene) -> None:
    """Registered at the very moment of the last look, it is seen by the next one."""
    scene.sweeper.sweep()
    late = scene.timed(0)
    scene.sweeper.wake_at(NOW)
    scene.look_at(NOW + 1_000)
    assert scene.writer.named == {late}


def test_a_time_out_that_was_refused(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and looked for again a second after the last look."""
    scene.timed(1)
    scene.look_at(NOW + 2_000)
    [command] = scene.writer.commands
    scene.sweeper.answer(command, Outcome(None, refusal=StorageError("no room")))
    assert caplog.messages == ["what is due could not be recorded: no room"]
    scene.look_at(NOW + 3_001)
    assert len(scene.writer.commands) == 2
