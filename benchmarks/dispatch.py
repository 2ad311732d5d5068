"""Rule: who waits for work is measured from the commit of the work, not from the request for it.

500 workers wait. A task of one node is registered, again and again: from its answer, which comes
after the commit, to the node in the hands of the worker who has waited longest.
"""

from contextlib import ExitStack
from time import monotonic, perf_counter, sleep

from benchmarks.daemons import Daemon, agentd, fresh_home
from benchmarks.report import Row, at_most
from benchmarks.resident import cpu_seconds
from benchmarks.run import Run
from benchmarks.stats import percentile
from benchmarks.wire import Json, Wire

WAITERS = 500
SAMPLES = 500
QUIET_SECONDS = 10.0
WAIT = {"wait_secs": 60, "context_scope": "none"}


def dispatch(run: Run) -> list[Row]:
    """The way of a node to a worker, and what 500 of them cost who wait."""
    with fresh_home() as home, agentd(home, events=0) as daemon, ExitStack() as stack:
        waiters = [stack.enter_context(Wire(daemon.socket)) for _ in range(WAITERS)]
        for waiter in waiters:
            _wait(waiter)
        with Wire(daemon.socket) as wire:
            while wire.call("Metrics", {})["runtime"]["waiting_requests"] < WAITERS:
                sleep(0.01)
            share = _processor_share(daemon, QUIET_SECONDS if run.rounds > 1 else 3.0)
            times = sorted(_sample(wire, waiters, number) for number in range(SAMPLES))
    p50, p99 = percentile(times, 50) * 1e3, percentile(times, 99) * 1e3
    return [
        at_most(f"dispatch, {WAITERS} waiters, p50", p50, 1, "ms", worst=times[-1] * 1e3),
        at_most("  p99", p99, 5, "ms"),
        at_most("  processor while they wait", share * 100, 0.2, "%"),
    ]


def _wait(waiter: Wire) -> None:
    waiter.send(waiter.line("AcquireNextNode", WAIT))


def _sample(wire: Wire, waiters: list[Wire], number: int) -> float:
    """Seconds until the worker who has waited longest has the node that was registered."""
    wire.call("RegisterTask", {"goal": "benchmark", "initial_nodes": [{}]})
    began = perf_counter()
    waiter = waiters[number % WAITERS]
    held: Json = waiter.receive()
    seconds = perf_counter() - began
    assert held is not None, "the wait was over"
    _wait(waiter)
    return seconds


def _processor_share(daemon: Daemon, seconds: float) -> float:
    """The part of a processor that the daemon takes while nothing happens."""
    began, before = monotonic(), cpu_seconds(daemon.pid)
    sleep(seconds)
    return (cpu_seconds(daemon.pid) - before) / (monotonic() - began)
