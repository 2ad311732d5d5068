"""Rule: one call for all that a worker holds is measured beside a call for one.

One worker holds 64 nodes of one task, and then of as many tasks.
"""

from collections.abc import Callable
from time import perf_counter

from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Json, Wire

LEASES = 64
CALLS = 200
BAR = 4.0


def heartbeats(run: Run) -> list[Row]:
    """64 leases in one call, as a multiple of one heartbeat."""
    return [
        _row(run, f"heartbeats, {LEASES} of one task", tasks=1),
        _row(run, f"  of {LEASES} tasks", tasks=LEASES),
    ]


def _row(run: Run, work: str, tasks: int) -> Row:
    with fresh_home() as home, agentd(home) as daemon, Wire(daemon.socket) as wire:
        for _ in range(tasks):
            register_flat(daemon.socket, LEASES // tasks)
        held = wire.call("AcquireNodes", {"count": LEASES, "context_scope": "none"})["leases"]
        leases: list[Json] = [
            {name: lease[name] for name in ("task_id", "node_id", "lease_id")} for lease in held
        ]
        pairs = [
            (
                _seconds(lambda: wire.call("HeartbeatNode", leases[0])),
                _seconds(lambda: wire.call("HeartbeatNode", {"leases": leases})),
            )
            for _ in range(run.rounds)
        ]
    ratio = median([many / one for one, many in pairs])
    return at_most(
        work,
        ratio,
        BAR,
        "x",
        one_ms=median([one for one, _ in pairs]) * 1e3,
        many_ms=median([many for _, many in pairs]) * 1e3,
    )


def _seconds(call: Callable[[], Json]) -> float:
    """What one call takes: the median of many."""
    times = []
    for _ in range(CALLS):
        began = perf_counter()
        call()
        times.append(perf_counter() - began)
    return median(times)
