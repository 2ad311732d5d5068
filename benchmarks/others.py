"""Rule: what a few ask for is measured by how long the others wait, and by what the daemon holds.

Large registrations at once, large queries at once, and clients that read nothing of large answers.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, perf_counter, sleep

from benchmarks.daemons import Daemon, agentd, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import percentile
from benchmarks.wire import Wire

NODES = 20_000  # the most that one request makes
ASKING = 16
DEAF = 100
ANSWER_NODES, RESULT_BYTES = 100, 1_000_000  # one answer of 100 MB
PAUSE_SECONDS = 0.005


def others(run: Run) -> list[Row]:
    """What a bystander waits beside large requests of each kind, and what they cost."""
    return [*_beside_registrations(run), *_beside_queries(run), *_beside_the_deaf()]


def _beside_registrations(run: Run) -> list[Row]:
    with fresh_home() as home, agentd(home) as daemon, ExitStack() as stack:
        with _run_crowd(daemon, "RegisterTask", ASKING):
            beats, healths = _run_bystander(daemon, 2 * run.loop_seconds)
        peak = _peak_megabytes(daemon.pid)
        stack.enter_context(_run_crowd(daemon, "RegisterTask", ASKING))
        sleep(1)
        stopping = _seconds_to_stop(daemon.pid)
    return [
        at_most(
            "16 register 20,000: HeartbeatNode", beats[-1], 1.5, "s", p50=percentile(beats, 50)
        ),
        at_most("  Health, slowest", healths[-1], 1.5, "s", p50=percentile(healths, 50)),
        at_most("  SIGTERM meanwhile", stopping, 5, "s"),
        at_most("  memory, most", peak, 400, "MB"),
    ]


def _beside_queries(run: Run) -> list[Row]:
    with fresh_home() as home, agentd(home) as daemon, ExitStack() as stack:
        task_id = register_flat(daemon.socket, NODES)
        stack.enter_context(_run_crowd(daemon, "TaskStatus", ASKING, task_id))
        beats, healths = _run_bystander(daemon, 2 * run.loop_seconds)
        stopping = _seconds_to_stop(daemon.pid)
    return [
        at_most(
            "16 ask for 20,000: Health p99",
            percentile(healths, 99),
            0.3,
            "s",
            p50=percentile(healths, 50),
            worst=healths[-1],
        ),
        at_most("  HeartbeatNode, slowest", beats[-1], 1.5, "s", p50=percentile(beats, 50)),
        at_most("  SIGTERM meanwhile", stopping, 5, "s"),
    ]


def _beside_the_deaf() -> list[Row]:
    with fresh_home() as home, agentd(home) as daemon, ExitStack() as stack:
        task_id = register_flat(daemon.socket, NODES)
        line = _status_line(_task_with_results(daemon))
        for _ in range(DEAF):
            deaf = stack.enter_context(socket.socket(socket.AF_UNIX))
            deaf.connect(str(daemon.socket))
            deaf.sendall(line)
        began = perf_counter()
        with Wire(daemon.socket) as wire:
            wire.send(_status_line(task_id))
            wire.receive_line()
        waited = perf_counter() - began
        _, healths = _run_bystander(daemon, 10.0)
        peak = _peak_megabytes(daemon.pid)
    return [
        at_most("100 deaf to 100 MB: memory, most", peak, 600, "MB"),
        at_most("  TaskStatus of 20,000 nodes", waited, 10, "s"),
        at_most("  Health p99", percentile(healths, 99), 0.3, "s", worst=healths[-1]),
    ]


@contextmanager
def _run_crowd(daemon: Daemon, method: str, clients: int, *args: str) -> Iterator[None]:
    """So many processes that ask without a pause."""
    command = [sys.executable, "-m", "benchmarks.others", str(daemon.socket), method, *args]
    crowd = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(clients)]
    try:
        for process in crowd:
            assert process.stdout is not None
            assert process.stdout.readline() == b"asking\n", "a client did not start"
        yield
    finally:
        for process in crowd:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _run_bystander(daemon: Daemon, seconds: float) -> tuple[list[float], list[float]]:
    """Return the seconds that each heartbeat and each Health took, ascending."""
    beats: list[float] = []
    healths: list[float] = []
    with Wire(daemon.socket) as wire:
        held = wire.call("AcquireNextNode", {"task_id": register_flat(daemon.socket, 1)})
        lease = {key: held[key] for key in ("task_id", "node_id", "lease_id")}
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            for times, method, params in ((beats, "HeartbeatNode", lease), (healths, "Health", {})):
                began = perf_counter()
                wire.call(method, params)
                times.append(perf_counter() - began)
            sleep(PAUSE_SECONDS)
    return sorted(beats), sorted(healths)


def _task_with_results(daemon: Daemon) -> str:
    task_id = register_flat(daemon.socket, ANSWER_NODES)
    with Wire(daemon.socket) as wire:
        for _ in range(ANSWER_NODES):
            held = wire.call("AcquireNextNode", {"task_id": task_id})
            lease = {key: held[key] for key in ("task_id", "node_id", "lease_id")}
            wire.call("CompleteNode", lease | {"result_payload": "x" * RESULT_BYTES})
    return task_id


def _status_line(task_id: str) -> bytes:
    return b'{"id":1,"method":"TaskStatus","params":{"task_id":"%b"}}\n' % task_id.encode()


def _seconds_to_stop(pid: int) -> float:
    began = perf_counter()
    os.kill(pid, signal.SIGTERM)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        sleep(0.01)
    return perf_counter() - began


def _peak_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/status does not tell the resident memory")


def _ask_forever(path: Path, method: str, task_id: str | None = None) -> None:
    with suppress(OSError), Wire(path) as wire:  # the daemon is stopped under it
        params = {"task_id": task_id} if task_id else {"goal": "g", "initial_nodes": [{}] * NODES}
        line = wire.line(method, params)
        print("asking", flush=True)
        while True:
            wire.send(line)
            wire.receive_line()


if __name__ == "__main__":
    _ask_forever(Path(sys.argv[1]), *sys.argv[2:])
