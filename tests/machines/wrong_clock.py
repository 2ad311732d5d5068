"""The program of a daemon on a machine whose clock is wrong: `python wrong_clock.py SECONDS serve`.

The rule this file keeps: the wall clock alone is wrong, by so many seconds, now ahead, now behind:
it is set every quarter of a second, by chance. What nobody can set goes on.
"""

from __future__ import annotations

import random
import runpy
import sys
import time
from typing import Any

STEP_SECONDS = 0.25

_off = float(sys.argv.pop(1))
_clocks: dict[str, Any] = {
    name: getattr(time, name)
    for name in ("time", "time_ns", "clock_gettime", "clock_gettime_ns", "monotonic")
}


def wrong_by() -> float:
    """Seconds: at a moment the same, whoever asks."""
    step = int(_clocks["monotonic"]() / STEP_SECONDS)
    return _off * random.Random(step).choice((1, 1, -1))


def wrong_time() -> float:
    """See `time.time`."""
    return float(_clocks["time"]() + wrong_by())


def wrong_time_ns() -> int:
    """See `time.time_ns`."""
    return int(_clocks["time_ns"]() + int(wrong_by() * 1e9))


def wrong_gettime(clock: int) -> float:
    """See `time.clock_gettime`."""
    return wrong_time() if clock == time.CLOCK_REALTIME else float(_clocks["clock_gettime"](clock))


def wrong_gettime_ns(clock: int) -> int:
    """See `time.clock_gettime_ns`."""
    if clock == time.CLOCK_REALTIME:
        return wrong_time_ns()
    return int(_clocks["clock_gettime_ns"](clock))


time.time, time.time_ns = wrong_time, wrong_time_ns
time.clock_gettime, time.clock_gettime_ns = wrong_gettime, wrong_gettime_ns
runpy.run_module("agentd", run_name="__main__", alter_sys=True)
