"""A hook's time, and what becomes of its failures.

The rule this file keeps: whatever goes wrong in it, and whatever it waits for, the process ends
with exit code 0: another code may stop the agent's tool, or its start.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

from agentd.cli.hook import patience


def bounded_at_tool() -> contextlib.AbstractContextManager[None]:
    """For a hook at a tool. It starts no daemon: where none runs, nothing is held by anybody."""
    os.environ["AGENTD_AUTOSTART"] = "0"
    return bounded(patience.TOOL)


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """The process ends after so many seconds; failures inside are passed over."""
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - no failure is worth an agent's work
        _end()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end(_number: int = 0, _frame: FrameType | None = None) -> None:
    # At once: what is left may be a write into a pipe that nobody reads.
    os._exit(0)
