"""When heartbeats go out, and when they say that a lease is gone: without a daemon."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from agentd import Client
from agentd.client.heartbeats import Heartbeats, HolderStopped
from agentd.client.requests import leases
from agentd.errors import (
    BadSetting,
    ConnectionLost,
    IllegalTransition,
    NoAnswer,
    NobodyListens,
    NoSocket,
    NotStarted,
    StaleLease,
    StorageFull,
    TooManyConnections,
    UnknownMethod,
)
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.fake_daemon import fake_daemon, says_nothing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agentd.client.requests.request import Request

SECONDS = 0.15
"""How long the leases here last."""

TINY = 1e-6
"""What sums of fractions may be off."""


class Clock:
    """A clock on which nothing takes time but waiting, so no figure depends on the machine."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What a clock is asked."""
        return self.now


class Waits(threading.Condition):
    """A condition that waits on a `Clock`: its time is over at once, and was as long as asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let the others come in, and the time pass."""
        came = super().wait(0.0001)
        if not came:
            self._clock.now += timeout or 0.0
        return came


class Daemon:
    """Stands for the daemon: raises `errors`, and then the last of them (None: it answers)."""

    def __init__(self, *errors: Exception | None, takes: bool = False) -> None:
        self.clock = Clock()
        self._errors = errors or (None,)
        self._takes_its_time = takes
        self.asked: queue.Queue[tuple[float, str, float]] = queue.Queue()
        self.count = 0

    def ask(self, request: Request[Any], timeout: float) -> None:
        """Answer a heartbeat, within the time that it has."""
        lease_id: str = getattr(request.params, "lease_id")  # noqa: B009 - of any params
        self.asked.put((self.clock.now, lease_id, timeout))
        error = self._errors[min(self.count, len(self._errors) - 1)]
        self.count += 1
        if error is not None:
            if self._takes_its_time:
                self.clock.now += timeout
            raise error

    def heartbeats(self) -> Heartbeats:
        """Those that are sent to it by its own clock."""
        made = Heartbeats(self.ask, self.clock)
        made._changed = Waits(self.clock)  # noqa: SLF001 - waiting is what takes time there
        return made

    def beats(self, count: int) -> list[float]:
        """When the first so many of them went out, in seconds."""
        return [self.asked.get(timeout=PATIENCE_SECONDS)[0] for _ in range(count)]


class Loss:
    """Waits for the news that a lease is gone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.began = clock()
        self.news: queue.Queue[tuple[float, str]] = queue.Queue()

    def tell(self, why: str) -> None:
        """What a lease is told."""
        self.news.put((self._clock() - self.began, why))

    def wait(self) -> tuple[float, str]:
        """Seconds until the news came, and the reason."""
        return self.news.get(timeout=PATIENCE_SECONDS)


def test_a_third_of_the_lease() -> None:
    """A heartbeat goes out at a third of the lease, and a third later again."""
    daemon = Daemon()
    heartbeats, loss = daemon.heartbeats(), Loss(daemon.clock)
    held = heartbeats.keep(("t", "n", "l"), SECONDS, loss.tell)
    times = daemon.beats(3)
    heartbeats.release(held)
    assert times == pytest.approx([SECONDS / 3, SECONDS * 2 / 3, SECONDS])
    assert loss.news.empty()


def test_a_lease_that_was_left_lying() -> None:
    """A lease that has passed its first third when it is kept has its heartbeat at once."""
    daemon, loss = Daemon(), Loss()
    heartbeats = Heartbeats(daemon.ask)
    held = heartbeats.keep(("t", "n", "l"), 600.0, loss.tell, age=400.0)
    assert daemon.asked.get(timeout=PATIENCE_SECONDS)[1] == "l"
    heartbeats.release(held)


def test_several_leases() -> None:
    """One thread keeps all leases, each at its own pace, until it is released."""
    daemon, loss = Daemon(), Loss()
    heartbeats = Heartbeats(daemon.ask)
    before = set(threading.enumerate())
    slow = heartbeats.keep(("t", "n", "slow"), SECONDS * 4, loss.tell)
    quick = heartbeats.keep(("t", "n", "quick"), SECONDS, loss.tell)
    [thread] = set(threading.enumerate()) - before
    seen = [daemon.asked.get(timeout=PATIENCE_SECONDS)[1] for _ in range(5)]
    assert 3 <= Counter(seen)["quick"] <= 4
    heartbeats.release(quick)
    heartbeats.release(slow)
    again = heartbeats.keep(("t", "n", "again"), SECONDS, loss.tell)
    while daemon.asked.get(timeout=PATIENCE_SECONDS)[1] != "again":
        pass  # those that were under way
    later = {daemon.asked.get(timeout=PATIENCE_SECONDS)[1] for _ in range(4)}
    heartbeats.release(again)
    assert later == {"again"}
    assert set(threading.enumerate()) - before == {thread}


@pytest.mark.parametrize(
    "refusal", [StaleLease("why"), IllegalTransition("why"), UnknownMethod("why")]
)
def test_the_daemon_says_so(refusal: Exception) -> None:
    """A refused heartbeat is the end of the lease, with the daemon's reason."""
    daemon = Daemon(None, refusal)
    loss = Loss(daemon.clock)
    daemon.heartbeats().keep(("t", "n", "l"), SECONDS, loss.tell)
    after, why = loss.wait()
    assert after == pytest.approx(SECONDS * 2 / 3)
    assert why == "why"
    assert daemon.count == 2


@pytest.mark.parametrize(
    "error",
    [
        NoAnswer("no answer"),
        ConnectionLost("no answer"),
        TooManyConnections("no answer"),
        BadSetting("no answer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_daemon_that_others_may_reach(error: Exception) -> None:
    """Where nothing is confirmed for the length of the lease, it is lost, and told in time."""
    daemon = Daemon(error, takes=isinstance(error, NoAnswer))
    loss = Loss(daemon.clock)
    daemon.heartbeats().keep(("t", "n", "l"), SECONDS, loss.tell)
    after, why = loss.wait()
    assert why == "not confirmed for 0.15 s: no answer"
    assert SECONDS <= after <= SECONDS + SECONDS / 9 + TINY, "a ninth is until the next repeat"
    *_, (asked_at, _, patience) = daemon.asked.queue
    if isinstance(error, NoAnswer):
        assert asked_at <= SECONDS, "the last one is sent before that"
        assert patience <= SECONDS / 3 + TINY, "and takes no longer than any of them may"


def test_many_leases_that_nobody_confirms() -> None:
    """Every lease is told in time, though one heartbeat after the other takes its time."""
    daemon = Daemon(NoAnswer("no answer"), takes=True)
    heartbeats, losses = daemon.heartbeats(), [Loss(daemon.clock) for _ in range(5)]
    with heartbeats._changed:  # noqa: SLF001 - all of them are kept at one moment
        for number, loss in enumerate(losses):
            heartbeats.keep(("t", "n", str(number)), SECONDS, loss.tell)
    for loss in losses:
        assert loss.wait()[0] == pytest.approx(SECONDS)
    assert daemon.count <= 3, "one heartbeat tells for all"


@pytest.mark.parametrize(
    "error",
    [
        NobodyListens("none"),
        NoSocket("none"),
        NotStarted("none"),
        StorageFull("full"),
        HolderStopped(),
    ],
)
def test_no_daemon_at_all(error: Exception) -> None:
    """While no daemon runs, or none that can record, the lease is held on to, and kept again.

    So it is while its holder is stopped: the daemon says what became of it.
    """
    daemon = Daemon(*[error] * 8, None)
    heartbeats, loss = daemon.heartbeats(), Loss(daemon.clock)
    held = heartbeats.keep(("t", "n", "l"), SECONDS / 2, loss.tell)
    times = daemon.beats(10)
    heartbeats.release(held)
    assert times[-1] > SECONDS / 2
    assert loss.news.empty()


@pytest.mark.parametrize("seconds", [0.15, 300.0])
def test_a_daemon_that_is_back_and_busy(seconds: float) -> None:
    """A lease that ran out while no daemon ran is held on to for as long as the daemon honours it.

    It is that for at most 10 s, and no longer than a lease lasts.
    """
    daemon = Daemon(*[NobodyListens("none")] * 400, NoAnswer("busy"))
    heartbeats, losses = daemon.heartbeats(), [Loss(daemon.clock) for _ in range(2)]
    with heartbeats._changed:  # noqa: SLF001 - both are kept at one moment
        for loss in losses:
            heartbeats.keep(("t", "n", "l"), seconds, loss.tell)
    back_at = daemon.beats(400)[-1]
    assert back_at > seconds
    for loss in losses:
        after, why = loss.wait()
        assert why == f"not confirmed for {seconds:g} s: busy"
        grace = min(seconds, 10)
        assert back_at + grace <= after <= back_at + grace + min(seconds / 9, 2.1)


def test_a_daemon_that_was_there() -> None:
    """What ran out while a daemon could record nothing has no grace of it.

    It is held on to meanwhile, and lost as soon as a heartbeat is not answered.
    """
    daemon = Daemon(*[StorageFull("full")] * 20, NoAnswer("busy"))
    heartbeats, loss = daemon.heartbeats(), Loss(daemon.clock)
    heartbeats.keep(("t", "n", "l"), SECONDS, loss.tell)
    *_, back_at = daemon.beats(21)
    assert loss.wait()[0] == pytest.approx(back_at)


def test_a_daemon_that_was_back_in_time() -> None:
    """A lease that had not run out when the daemon was away is lost when it runs out."""
    daemon = Daemon(NobodyListens("none"), NoAnswer("busy"))
    heartbeats, loss = daemon.heartbeats(), Loss(daemon.clock)
    heartbeats.keep(("t", "n", "l"), 12.0, loss.tell)
    after, _ = loss.wait()
    assert 12.0 <= after < 4.0 + 10.0


def test_what_no_daemon_honours_longer() -> None:
    """A lock that ran out meanwhile is lost as soon as there is a daemon that confirms nothing."""
    daemon = Daemon(*[NobodyListens("none")] * 20, NoAnswer("busy"))
    heartbeats, loss = daemon.heartbeats(), Loss(daemon.clock)
    request = leases.heartbeat_node("t", "n", "l")
    heartbeats.keep_with(request, SECONDS, loss.tell)
    *_, back_at = daemon.beats(21)
    assert loss.wait()[0] == pytest.approx(back_at)


def test_one_that_passes() -> None:
    """A heartbeat that failed is tried again soon, and then all is as before."""
    daemon = Daemon(NoAnswer("no"), None)
    heartbeats, loss = daemon.heartbeats(), Loss(daemon.clock)
    held = heartbeats.keep(("t", "n", "l"), SECONDS, loss.tell)
    times = daemon.beats(3)
    heartbeats.release(held)
    assert times == pytest.approx([SECONDS * ninths / 9 for ninths in (3, 4, 7)])
    assert loss.news.empty()


def test_one_that_fails_after_many() -> None:
    """A lease lasts from the last heartbeat that was confirmed, not from the first."""
    daemon = Daemon(*[None] * 4, NoAnswer("no"), None)
    heartbeats, loss = daemon.heartbeats(), Loss(daemon.clock)
    held = heartbeats.keep(("t", "n", "l"), SECONDS, loss.tell)
    times = daemon.beats(6)
    heartbeats.release(held)
    assert times[-1] > SECONDS
    assert loss.news.empty()


def test_no_news_after_it_was_released() -> None:
    """A lease that was released hears of no loss, even if its heartbeat is under way."""
    asked, go_on = threading.Event(), threading.Event()

    def ask(_request: Any, _timeout: float) -> None:
        asked.set()
        go_on.wait()
        raise StaleLease("why")

    loss = Loss()
    heartbeats = Heartbeats(ask)
    held = heartbeats.keep(("t", "n", "l"), SECONDS / 3, loss.tell)
    asked.wait()
    heartbeats.release(held)
    go_on.set()
    heartbeats.release(held)
    [thread] = [each for each in threading.enumerate() if each.name == "agentd-heartbeats"][-1:]
    thread.join(SECONDS / 3)
    assert loss.news.empty()


def test_a_client_that_gets_no_answer(tmp_path: Path) -> None:
    """The same through a client: heartbeats have the time of the lease, not the client's."""
    with fake_daemon(tmp_path / "s", says_nothing) as daemon, Client(tmp_path / "s") as client:
        loss = Loss()
        Heartbeats(client.ask).keep(("t", "n", "l"), SECONDS, loss.tell)
        after, why = loss.wait()
        while not daemon.methods:  # it may read later than we have given up
            time.sleep(0.01)
    assert SECONDS - 0.01 <= after < PATIENCE_SECONDS
    assert why.startswith("not confirmed for 0.15 s: no answer on ")
    assert set(daemon.methods) == {"HeartbeatNode"}


_FORKS = """
import os, sys, threading, time, warnings
from agentd.client.heartbeats import Heartbeats
warnings.simplefilter("ignore", DeprecationWarning)  # of threads and forks: that is the question
def ask(request, timeout):
    os.write(1, f"{os.getpid()} {request.params.lease_id}\\n".encode())
    asked.set()
asked = threading.Event()
heartbeats = Heartbeats(ask)
heartbeats.keep(("t", "n", "parent"), 0.15, print)
if os.fork() == 0:
    asked = threading.Event()
    heartbeats.keep(("t", "n", "child"), 0.15, print)
    asked.wait()
    time.sleep(0.3)  # the parent's would be due as well
    os._exit(0)
os.wait()
asked.wait()
os.write(1, f"{os.getpid()}\\n".encode())
"""


def test_a_fork_keeps_its_own_leases_only() -> None:
    """A child keeps what it holds itself: a parent that dies does not live on in its leases."""
    ended = subprocess.run(
        [sys.executable, "-c", _FORKS],
        cwd=REPOSITORY,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    *beats, parent = ended.stdout.splitlines()
    kept = {"parent" if beat.split()[0] == parent else "child": set[str]() for beat in beats}
    for beat in beats:
        pid, lease = beat.split()
        kept["parent" if pid == parent else "child"].add(lease)
    assert kept == {"parent": {"parent"}, "child": {"child"}}
