"""Rule: what a command costs by itself is taken off, so what is left is the worker's share.

`agentd work` as a process: its time a node beside the command, and what it does while it waits.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, perf_counter, sleep

from benchmarks.daemons import agentd, agentd_environment, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.resident import cpu_seconds
from benchmarks.run import Run
from benchmarks.stats import median

COMMAND = "true"
NODES = 200
ROUNDS = 3
SETTLE_SECONDS = 3.0
IDLE_SECONDS = 40.0  # longer than a worker lets one question for work wait


def commands(_: Run) -> list[Row]:
    """One worker, one command at a time; then one that waits for work."""
    with fresh_home() as home, agentd(home) as daemon:
        shares = [_milliseconds_a_node(daemon.socket, home) for _ in range(ROUNDS)]
        percent = _idle_percent(home)
    return [
        at_most("agentd work, a node beside its command", median(shares), 15, "ms"),
        at_most("agentd work, idle: all its processes", percent, 0.1, "%"),
    ]


def _milliseconds_a_node(socket: Path, home: Path) -> float:
    """The start of the worker is in both of its times, and the command as often as there are nodes.

    Returns what is left for a node.
    """
    alone = min(_seconds_alone() for _ in range(ROUNDS))
    many, one = (_seconds_of_work(socket, home, nodes) for nodes in (NODES + 1, 1))
    return ((many - one) / NODES - alone) * 1e3


def _seconds_alone() -> float:
    """The command, begun and waited for, as any program would."""
    began = perf_counter()
    for _ in range(NODES):
        subprocess.run([COMMAND], check=True, capture_output=True)
    return (perf_counter() - began) / NODES


def _seconds_of_work(socket: Path, home: Path, nodes: int) -> float:
    task_id = register_flat(socket, nodes)
    began = perf_counter()
    subprocess.run(_work(task_id), env=agentd_environment(home), check=True, capture_output=True)
    return perf_counter() - began


def _idle_percent(home: Path) -> float:
    with subprocess.Popen(
        [sys.executable, "-m", "agentd", "work", "--all", "--", COMMAND],
        env=agentd_environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as worker:
        sleep(SETTLE_SECONDS)
        tree = [worker.pid, *_descendants(worker.pid)]
        busy, began = sum(map(cpu_seconds, tree)), monotonic()
        sleep(IDLE_SECONDS)
        spent = sum(map(cpu_seconds, tree)) - busy
        percent = spent / (monotonic() - began) * 100
        assert worker.poll() is None, "the worker has ended"
        worker.terminate()
    return percent


def _descendants(pid: int) -> Iterator[int]:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _work(task_id: str) -> list[str]:
    return [sys.executable, "-m", "agentd", "work", "--task", task_id, "--", COMMAND]
