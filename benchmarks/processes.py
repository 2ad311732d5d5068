"""Rule: what a person waits for includes the interpreter's start.

Whole processes, from their start: the daemon until Health answers, a replay, a call.
Files are in the page cache, as they are when a daemon comes back after an upgrade.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from benchmarks.daemons import agentd, agentd_environment, fresh_home
from benchmarks.history import count_events
from benchmarks.load import register_flat
from benchmarks.open_tasks import fill_home
from benchmarks.report import Row, at_least, at_most
from benchmarks.run import Run
from benchmarks.stats import median

VERBS = (
    "call Health",
    "status --json",
    "task list",
    "task show ID",
    "task graph ID",
    "task events ID",
)
LISTED_TASKS = 10_000


def start(run: Run) -> list[Row]:
    """Start on an empty home, and on a journal of many events."""
    empty = median([_seconds_to_start_empty() for _ in range(run.starts)])
    large = median([_seconds_to_start(run.large_home) for _ in range(run.starts)])
    return [
        at_most("start, empty home", empty, 0.4, "s"),
        at_most(f"start, {run.events:,} events", large, 0.6, "s", events=run.events),
    ]


def replay(run: Run) -> list[Row]:
    """Rebuild the projections of a copy of the large database."""
    with fresh_home() as home:
        for file in run.large_home.glob("agent_state.db*"):
            shutil.copy2(file, home)
        events = count_events(home)
        seconds = seconds_of(["replay"], home)
    return [
        at_least(
            f"replay of {events:,}", events / seconds, 50_000, "/s", seconds=seconds, events=events
        )
    ]


def call(run: Run) -> list[Row]:
    """The verbs that only read, each as a process: beside a task of 12 nodes and its events."""
    with fresh_home() as home, agentd(home) as daemon:
        task_id = register_flat(daemon.socket, 12)
        rows = []
        for verb in VERBS:
            arguments = [task_id if word == "ID" else word for word in verb.split()]
            times = [seconds_of(arguments, home) * 1e3 for _ in range(2 * run.starts)]
            rows.append(at_most(f"agentd {verb}", median(times), 150, "ms", worst=max(times)))
    return rows


def task_list(run: Run) -> list[Row]:
    """Beside many tasks, as processes: `agentd task list` of them all, and `agentd prime`."""
    with fresh_home() as home:
        fill_home(home, LISTED_TASKS)
        with agentd(home):
            lists = [
                _list_row(f"agentd task list of {LISTED_TASKS:,}{more}", options, home, run)
                for more, options in (("", []), (" --json", ["--json"]))
            ]
            times = [seconds_of(["prime"], home) * 1e3 for _ in range(2 * run.starts)]
            prime = f"agentd prime beside {LISTED_TASKS:,} tasks"
            return [*lists, at_most(prime, median(times), 150, "ms", worst=max(times))]


def _list_row(name: str, options: list[str], home: Path, run: Run) -> Row:
    verb = ["task", "list", "--limit", str(LISTED_TASKS), *options]
    times = [seconds_of(verb, home) * 1e3 for _ in range(2 * run.starts)]
    return at_most(name, median(times), 300, "ms", worst=max(times))


def _seconds_to_start_empty() -> float:
    with fresh_home() as home:
        return _seconds_to_start(home)


def _seconds_to_start(home: Path) -> float:
    with agentd(home) as daemon:
        return daemon.seconds_to_ready


def seconds_of(arguments: list[str], home: Path) -> float:
    """How long one call of agentd takes as a process, its start included."""
    command = [sys.executable, "-m", "agentd", *arguments]
    began = perf_counter()
    subprocess.run(command, env=agentd_environment(home), check=True, stdout=subprocess.PIPE)
    return perf_counter() - began
