"""Rule: a large read is measured by what it does to others, not by its own time alone.

TaskStatus of 10,000 nodes, and the calls of another client while one asks for it in a loop.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from benchmarks.account import PAYLOAD
from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import median, percentile
from benchmarks.wire import Json, Wire

NODES = 10_000
COMPLETED = 2_000  # so that a part of the nodes has a result to fetch
NEIGHBOUR_NODES = 20_000  # more than can be drained while the loop runs


def task_status(run: Run) -> list[Row]:
    """TaskStatus alone, then a neighbour's calls without and with TaskStatus in a loop."""
    with fresh_home() as home, agentd(home) as daemon, Wire(daemon.socket) as wire:
        large = register_flat(daemon.socket, NODES)
        _complete(wire, large, COMPLETED)
        own = median([_ask(wire, large) for _ in range(5 * run.rounds)])
        other = register_flat(daemon.socket, NEIGHBOUR_NODES)
        alone = _run_neighbour(wire, other, run.loop_seconds)
        with _asked_in_a_loop(daemon.socket, large):
            beside = _run_neighbour(wire, other, run.loop_seconds)
    return [
        at_most("TaskStatus, 10,000 nodes", own, 0.3, "s"),
        at_most(
            "  others' p99 meanwhile",
            percentile(beside, 99),
            25,
            "ms",
            p99_alone=percentile(alone, 99),
            p50=percentile(beside, 50),
            worst=beside[-1],
            calls=len(beside),
        ),
    ]


def ask_forever(socket: Path, task_id: str) -> None:
    """Ask for one task's status until killed; the answers are read, not decoded."""
    with Wire(socket) as wire:
        line = wire.line("TaskStatus", {"task_id": task_id})
        wire.send(line)
        wire.receive()
        print("asking", flush=True)
        while True:
            wire.send(line)
            wire.receive_line()


def _ask(wire: Wire, task_id: str) -> float:
    line = wire.line("TaskStatus", {"task_id": task_id})
    began = perf_counter()
    wire.send(line)
    answer = wire.receive_line()
    elapsed = perf_counter() - began
    assert answer.count(b'"payload_schema"') >= NODES, "the status does not name every node"
    return elapsed


@contextmanager
def _asked_in_a_loop(socket: Path, task_id: str) -> Iterator[None]:
    # A process of its own: in a thread it would hold up the client whose calls are timed.
    command = [sys.executable, "-m", "benchmarks.status", str(socket), task_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"asking\n", "the loop did not start"
            yield
            assert process.poll() is None, "the loop ended before it was told to"
        finally:
            process.kill()


def _run_neighbour(wire: Wire, task_id: str, seconds: float) -> list[float]:
    """Return the latencies of a worker's calls in milliseconds, ascending."""
    times: list[float] = []
    deadline = perf_counter() + seconds
    while perf_counter() < deadline:
        held = _timed_call(wire, times, "AcquireNextNode", {"task_id": task_id})
        lease = {key: held[key] for key in ("task_id", "node_id", "lease_id")}
        _timed_call(wire, times, "CommitEvent", lease | {"payload": PAYLOAD})
        _timed_call(wire, times, "Health", {})
        _timed_call(wire, times, "CompleteNode", lease | {"result_payload": PAYLOAD})
    return sorted(times)


def _timed_call(wire: Wire, times: list[float], method: str, params: Json) -> Json:
    began = perf_counter()
    result = wire.call(method, params)
    times.append((perf_counter() - began) * 1e3)
    return result


def _complete(wire: Wire, task_id: str, nodes: int) -> None:
    for _ in range(nodes):
        held = wire.call("AcquireNextNode", {"task_id": task_id})
        lease = {key: held[key] for key in ("task_id", "node_id", "lease_id")}
        wire.call("CompleteNode", lease | {"result_payload": PAYLOAD})


if __name__ == "__main__":
    ask_forever(Path(sys.argv[1]), sys.argv[2])
