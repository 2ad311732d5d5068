"""Signals go to the main thread, so that it knows of them before it hears of what came later."""

import asyncio
import signal
import threading
from collections.abc import Callable

from agentd.api import HeartbeatNodeResult
from agentd.client.heartbeats import Heartbeats
from agentd.client.requests.request import Request
from agentd.client.thread_signals import leave_signals_to_main_thread
from agentd.worker.child_process import ChildProcess
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


async def exit_code(ended: Callable[[], None]) -> int:
    """The exit code of a command that does nothing."""
    loop = asyncio.get_running_loop()
    soon = loop.call_soon_threadsafe

    def tell(*arguments: object) -> object:
        ended()
        return soon(*arguments)  # type: ignore[arg-type]

    loop.call_soon_threadsafe = tell  # type: ignore[method-assign, assignment]

    async def drop(_piece: bytes) -> None:
        return

    return await ChildProcess(["true"], b"", {}).run(drop, drop)


def test_who_waits_for_a_command_leaves_them() -> None:
    """The thread that waits for a command's end is told of neither; the command is told of both."""
    found: list[set[int]] = []
    assert asyncio.run(exit_code(lambda: found.append(blocked()))) == 0
    assert found[0] >= STOPS
