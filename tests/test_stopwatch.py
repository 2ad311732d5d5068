"""Promises in seconds are measured without the machine's other work."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import stopwatch
from tests.stopwatch import Stopwatch


class Machine:
    """A machine of the test's own: its time, and the queues for its processors."""

    now = 100.0
    queues: dict[int | str, float]

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.queues = {"self": 7.0, 42: 5.0}
        monkeypatch.setattr(stopwatch, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(stopwatch, "queued", self.queues.__getitem__)


def test_time_in_queues_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten seconds, those in which somebody who is watched stood in a queue do not count."""
    machine = Machine(monkeypatch)
    alone, both = Stopwatch(), Stopwatch(42)
    machine.now += 10
    machine.queues["self"] += 2
    machine.queues[42] += 3
    assert (alone.all_seconds, alone.in_queues, alone.seconds) == (10, 2, 8)
    assert (both.all_seconds, both.in_queues, both.seconds) == (10, 5, 5)


def test_no_time_is_less_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that wait in two queues at once have not gained time; nor has a thread that ended."""
    machine = Machine(monkeypatch)
    watch = Stopwatch(42)
    machine.now += 1
    machine.queues["self"] += 1
    machine.queues[42] += 1
    assert watch.seconds == 0
    machine.queues["self"] = machine.queues[42] = 0
    assert (watch.in_queues, watch.seconds) == (0, 1)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux tells")
def test_the_kernel_tells() -> None:
    """A process that runs has a figure; one that does not exist stood in no queue."""
    assert stopwatch.queued("self") >= 0
    assert stopwatch.queued(2**31 - 1) == 0
