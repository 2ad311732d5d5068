"""An exception from another thread arrives within the block that it is meant for, or not at all."""

from __future__ import annotations

import threading
import time

import pytest

from agentd.client.interrupt import ThreadInterrupt
from agentd.errors import LeaseLost

ROUNDS = 60


def fire(interrupt: ThreadInterrupt) -> None:
    """Fire from another thread, to the end."""
    firing = threading.Thread(target=interrupt.fire)
    firing.start()
    firing.join()


def take_steps() -> None:
    """Give what may be under way the time to arrive."""
    for _ in range(20):
        pass


def test_it_arrives_between_two_steps() -> None:
    """An armed thread gets the exception as if the step that it was at had raised it."""
    interrupt = ThreadInterrupt(LeaseLost)
    interrupt.arm()
    with pytest.raises(LeaseLost):
        fire(interrupt)
    interrupt.disarm()
    take_steps()


def test_it_arrives_once() -> None:
    """Who has got it can go about ending its work in peace."""
    interrupt = ThreadInterrupt(LeaseLost)
    interrupt.arm()
    with pytest.raises(LeaseLost):
        fire(interrupt)
    fire(interrupt)
    take_steps()
    interrupt.disarm()


def test_it_does_not_arrive_outside() -> None:
    """Before it is armed and after it is disarmed, nothing is raised."""
    interrupt = ThreadInterrupt(LeaseLost)
    fire(interrupt)
    interrupt.arm()
    take_steps()
    interrupt.disarm()
    fire(interrupt)
    take_steps()
    interrupt.disarm()


def test_it_arrives_in_its_own_thread() -> None:
    """Whoever fires, and whoever else is armed, gets nothing."""
    interrupt, ours = ThreadInterrupt(LeaseLost), ThreadInterrupt(LeaseLost)
    raised: list[BaseException] = []

    def run() -> None:
        interrupt.arm()
        with pytest.raises(LeaseLost) as caught:
            fire(interrupt)
        interrupt.disarm()
        raised.append(caught.value)

    ours.arm()
    other = threading.Thread(target=run)
    other.start()
    other.join()
    take_steps()
    ours.disarm()
    assert len(raised) == 1


def at_once(interrupt: ThreadInterrupt, late: list[BaseException]) -> None:
    """Fire, and end the block of another thread, at the same moment: either may be first."""
    ready = threading.Barrier(3)

    def end() -> None:
        try:
            interrupt.arm()
            ready.wait()
            interrupt.disarm()
        except LeaseLost:
            return
        try:
            take_steps()
        except LeaseLost as lost:
            late.append(lost)

    def begin() -> None:
        ready.wait()
        interrupt.fire()

    threads = [threading.Thread(target=end), threading.Thread(target=begin)]
    with interrupt._lock:  # noqa: SLF001 - it is what both will wait for
        for thread in threads:
            thread.start()
        ready.wait()
        time.sleep(0.0005)  # lets them come as far as the lock
    for thread in threads:
        thread.join()


def test_what_comes_at_the_last_moment() -> None:
    """Fired while the thread disarms, it arrives before `disarm` has returned, or not at all."""
    late: list[BaseException] = []
    for _ in range(ROUNDS):
        at_once(ThreadInterrupt(LeaseLost), late)
    assert late == []
