"""Rule: one load for every daemon, made by processes of their own that start together.

Worker processes connect first and wait behind a barrier, and wait behind another before
they report: neither Python's start and end nor the connections are part of what is measured.
"""

import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.stats import percentile
from benchmarks.wire import Wire
from benchmarks.worker import Account


class Load(msgspec.Struct, frozen=True):
    """The outcome of one drained task; latencies of calls in milliseconds."""

    cycles_per_second: float
    p50: float
    p99: float
    worst: float


def register_flat(socket: Path, nodes: int) -> str:
    """Register a task of nodes without dependencies and return its id."""
    with Wire(socket) as wire:
        task_id = wire.call("RegisterTask", {"goal": "benchmark", "initial_nodes": [{}] * nodes})[
            "task_id"
        ]
    assert isinstance(task_id, str)
    return task_id


def drain_flat(socket: Path, nodes: int, workers: int) -> Load:
    """Register a flat task and let worker processes drain it."""
    accounts = run_workers(socket, register_flat(socket, nodes), workers)
    drained = sum(len(account.completes) for account in accounts)
    if drained != nodes:
        raise AssertionError(f"{nodes} nodes were registered, {drained} were completed")
    return summarize(accounts)


def run_workers(socket: Path, task_id: str, workers: int) -> list[Account]:
    """Start worker processes behind a barrier and return what each of them saw."""
    processes = [_spawn(socket, task_id, f"worker-{number}") for number in range(workers)]
    try:
        _await(processes, b"ready\n")
        _tell(processes)
        _await(processes, b"drained\n")
        _tell(processes)
        return [
            msgspec.json.decode(process.communicate()[0], type=Account) for process in processes
        ]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def summarize(accounts: list[Account]) -> Load:
    """Merge the workers' accounts; the time runs from the first start to the last completion."""
    calls = sorted(
        seconds for account in accounts for seconds in account.acquires + account.completes
    )
    cycles = sum(len(account.completes) for account in accounts)
    elapsed = max(account.ended for account in accounts) - min(
        account.started for account in accounts
    )
    return Load(
        cycles_per_second=cycles / elapsed,
        p50=percentile(calls, 50) * 1e3,
        p99=percentile(calls, 99) * 1e3,
        worst=calls[-1] * 1e3,
    )


def _await(processes: list[subprocess.Popen[bytes]], word: bytes) -> None:
    for process in processes:
        assert process.stdout is not None
        if (said := process.stdout.readline()) != word:
            raise RuntimeError(f"a worker said {said!r} instead of {word!r}")


def _tell(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()


def _spawn(socket: Path, task_id: str, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker", str(socket), task_id, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
