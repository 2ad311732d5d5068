"""The daemon's parts on a machine whose clock is set, that is stopped, suspended and restarted."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentd.daemon import clock as clock_module
from tests.core import NOW
from tests.faults.machine import Machine
from tests.faults.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.laboratory import Laboratory

SECOND, HOUR, TEN_YEARS = 1_000, 3_600_000, 315_576_000_000
STEPS = (SECOND, -SECOND, HOUR, -HOUR, TEN_YEARS, -TEN_YEARS, -(10**13))
"""Of the wall clock, in milliseconds; the last leads back to 1970 from wherever it is."""

WAITS = (0, 1, 499, SECOND, 1_999, 2_000, 5_000, 9_999, 29_999, 30_000, 60_000)
ABSENCES = (*WAITS[3:], HOUR)


# What happens to the machine


def request(world: World) -> None:
    """A client asks."""
    world.request()


def wait(world: World) -> None:
    """Time passes."""
    world.machine.awake(world.chance.choice(WAITS))


def step(world: World) -> None:
    """Somebody sets the wall clock: no lease changes, and nobody does anything."""
    before = world.end_of_journal()
    world.machine.step_wall(world.chance.choice(STEPS))
    world.machine.run()
    assert world.end_of_journal() == before


def stop(world: World) -> None:
    """The process is stopped and goes on: its handler of SIGCONT runs before anything else."""
    world.machine.stopped(world.chance.choice(ABSENCES))
    world.service.grace.came_back(world.now)
    world.came_back()


def suspend(world: World) -> None:
    """The machine sleeps, and a client asks when it wakes."""
    world.machine.suspended(world.chance.choice(ABSENCES))
    world.came_back()
    world.request()


def restart(world: World) -> None:
    """The daemon is down for a while, in which the clock may be set."""
    world.end()
    world.machine.stopped(world.chance.choice(ABSENCES))
    if world.chance.random() < 0.5:
        world.machine.step_wall(world.chance.choice(STEPS))
    world.start()


FATES = {request: 60, wait: 18, step: 12, stop: 4, suspend: 3, restart: 3}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The machine that agentd's clock and its event loop run on."""
    found = Machine(NOW)
    monkeypatch.setattr(clock_module, "time", found)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: found)
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A place in memory where the system has one: the disk is not what is tried here."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="agentd-", dir=memory) as name:
        yield Path(name)


@pytest.mark.parametrize("lease_ms", [2 * SECOND, 30 * SECOND])
def test_no_step_of_the_clock_touches_a_lease(
    lab: Laboratory, machine: Machine, directory: Path, lease_ms: int
) -> None:
    """Whatever happens to clock and machine, a node has one holder, and a stale one writes nothing.

    A lease ends when it has lasted its time, and one that ended in an absence after its grace.
    """
    world = World(machine, directory, lab.random, lease_ms)
    for _ in range(lab.amount(2_500, 50_000)):
        [fate] = lab.random.choices(list(FATES), list(FATES.values()))
        fate(world)
        world.check()
        lab.count(**{f"{fate.__name__}s": 1})
    world.end()
    lab.count(stale_writes_refused=world.stale)


def test_a_suspension_delays_no_rollback(
    lab: Laboratory, machine: Machine, directory: Path
) -> None:
    """What ran out while the machine was suspended is rolled back when the grace is over."""
    world = World(machine, directory, lab.random, 30 * SECOND)
    try:
        world.register()
        world.ask("AcquireNextNode", task_id=world.open[0])
        machine.suspended(HOUR)
        world.came_back()
        world.ask("AcquireNextNode", task_id=world.open[0])
        machine.awake(12 * SECOND)
        world.check()
    finally:
        world.end()
