"""Heartbeats after the daemon, or the whole machine, was away: in time for the daemon's grace."""

import queue

import pytest

from agentd.api import Params
from agentd.client import heartbeats
from agentd.client.heartbeats import Heartbeats
from agentd.client.requests.request import Request
from agentd.daemon.grace import LONGEST_MS
from agentd.errors import NoAnswer, NobodyListens, StorageFull
from tests.daemon_process import PATIENCE_SECONDS

LEASE = 300.0
"""Seconds, as long as leases usually are."""


class World:
    """A clock that runs fast, and a daemon that answers with `errors`, and then well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
        monkeypatch.setattr(heartbeats, "_NAP", 0.001)
        self.slept = 0.0
        self.looks: queue.Queue[float] = queue.Queue()
        self.beats: queue.Queue[float] = queue.Queue()
        self.losses: queue.Queue[str] = queue.Queue()
        self._errors = list(errors)
        self._heartbeats = Heartbeats(self._ask, self._clock)
        self._held = self._heartbeats.keep(("t", "n", "l"), LEASE, self.losses.put)

    def _clock(self) -> float:
        self.looks.put(self.slept)
        return self.slept + self.looks.qsize() / 4

    def beat(self) -> float:
        """When the next heartbeat goes out."""
        return self.beats.get(timeout=PATIENCE_SECONDS)

    def release(self) -> None:
        """No more of it."""
        self._heartbeats.release(self._held)

    def _ask(self, _request: Request[Params], _timeout: float) -> None:
        self.beats.put(self._clock())
        if self._errors:
            raise self._errors.pop(0)


def test_the_machine_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However far the next heartbeat was, it goes out soon after the machine is awake again."""
    world = World(monkeypatch)
    for _ in range(3):  # it waits for its time
        world.looks.get(timeout=PATIENCE_SECONDS)
    world.slept = 3600.0
    assert 3600 <= world.beat() < 3610
    assert world.losses.empty()
    world.release()


@pytest.mark.parametrize(
    "error",
    [NobodyListens("gone"), NoAnswer("late"), StorageFull("full")],
    ids=lambda e: type(e).__name__,
)
def test_a_heartbeat_that_failed(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """It is repeated well within the time for which the daemon honours a lease that ran out."""
    world = World(monkeypatch, error)
    failed_at = world.beat()
    assert world.beat() - failed_at < LONGEST_MS / 1000 / 2
    assert world.losses.empty()
    world.release()


def test_for_how_long_a_daemon_honours_a_lease() -> None:
    """A client counts on that for as long as the daemon does it, and no longer."""
    assert heartbeats._GRACE == LONGEST_MS / 1000  # noqa: SLF001 - the daemon's own word of it
