"""Signals go to the main thread, so that it knows of them before it hears of what came later."""

import signal
import threading

from agentd.api import HeartbeatNodeResult
from agentd.client.heartbeats import Heartbeats
from agentd.client.requests.request import Request
from agentd.client.thread_signals import leave_signals_to_main_thread
from tests.core import uid

STOPS = {signal.SIGINT, signal.SIGTERM}


def blocked() -> set[int]:
    """The signals that this thread is not told of."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def test_a_thread_leaves_them_to_the_main_thread() -> None:
    """Only the thread that says so is told of neither."""
    found: list[set[int]] = []

    def run() -> None:
        leave_signals_to_main_thread()
        found.append(blocked())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found[0] >= STOPS
    assert not blocked() & STOPS


def test_heartbeats_leave_them() -> None:
    """The thread that sends heartbeats is told of neither."""
    found: list[set[int]] = []
    asked = threading.Event()

    def ask(_request: Request[HeartbeatNodeResult], _seconds: float) -> HeartbeatNodeResult:
        found.append(blocked())
        asked.set()
        return HeartbeatNodeResult(ok=True, lease_expires_at=0)

    heartbeats = Heartbeats(ask)
    held = heartbeats.keep((uid(1), uid(2), uid(3)), 0.1, lambda _why: None)
    assert asked.wait(60)
    heartbeats.release(held)
    assert found[0] >= STOPS
