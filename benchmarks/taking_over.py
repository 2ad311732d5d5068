"""Rule: what an earlier agentd left is large, and a person waits for it in front of a terminal.

The database is taken over into an empty home by a process, as a person would: once with many tasks,
and once with everything in a single one. Its memory is what the kernel says was the most.
"""

import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.daemons import agentd_environment, fresh_home
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from tests.earlier import make

EVENTS_OF_NODE: Final = 10
TASKS: Final = 500
MOST_SECONDS: Final = 180
MOST_MEGABYTES: Final = 400
_MEGABYTE: Final = 1_024
"""Kilobytes, which is what the kernel counts in."""


def taking_over(run: Run) -> list[Row]:
    """As much as weeks of many agents leave."""
    nodes = run.earlier_nodes
    return [
        *_take_over("many tasks", TASKS, nodes // TASKS),
        *_take_over("a single task", 1, nodes),
    ]


def _take_over(shape: str, tasks: int, nodes: int) -> list[Row]:
    with fresh_home() as home:
        left = make(home / "left.db", tasks, nodes, EVENTS_OF_NODE)
        seconds, megabytes = _cost_of(["import-database", str(left)], home)
    of = f"take over {tasks * nodes:,} nodes, {shape}"
    return [
        at_most(of, seconds, MOST_SECONDS, "s", nodes=tasks * nodes),
        at_most("  memory", megabytes, MOST_MEGABYTES, "MB"),
    ]


def _cost_of(words: list[str], home: Path) -> tuple[float, float]:
    """Seconds, and megabytes at most, that the verb takes as a process."""
    command = [sys.executable, "-m", "agentd", *words]
    began = perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        command,
        agentd_environment(home),
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(pid, 0)
    seconds = perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == 0, f"{words} ended with status {status}"
    return seconds, used.ru_maxrss / _MEGABYTE
