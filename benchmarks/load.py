"""Rule: one load for every daemon: processes of their own drain a flat task.

What the daemon is given, and what its workers' accounts come to.
"""

from pathlib import Path

import msgspec

from benchmarks.account import Account
from benchmarks.barrier import run_workers
from benchmarks.stats import percentile
from benchmarks.wire import Wire


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


def drain_flat(socket: Path, nodes: int, workers: int, worker: str = "benchmarks.worker") -> Load:
    """Register a flat task and let worker processes of that module drain it."""
    task_id = register_flat(socket, nodes)
    return measure_drain(run_workers([worker, str(socket), task_id], workers), nodes)


def measure_drain(accounts: list[Account], nodes: int) -> Load:
    """Summarize the accounts of workers that completed that many nodes; raises AssertionError."""
    completed = sum(len(account.completes) for account in accounts)
    if completed != nodes:
        raise AssertionError(f"{nodes} nodes were registered, {completed} were completed")
    return summarize(accounts)


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
