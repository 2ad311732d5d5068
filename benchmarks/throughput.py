"""Rule: floor and agentd take turns, each on a fresh database, under the same load.

Workers drain a flat DAG of 4,000 nodes: every call is an acquire or a completion with a
payload of 200 bytes, and every answer is on disk.
"""

from benchmarks.daemons import agentd, floor, fresh_home
from benchmarks.load import Load, drain_flat
from benchmarks.report import Row, at_least, at_most, over_floor, share_of_floor
from benchmarks.run import Run
from benchmarks.stats import median

NODES = 4_000
Pair = tuple[Load, Load]


def eight_workers(run: Run) -> list[Row]:
    """Eight workers, contexts without events; no single call may take long."""
    pairs = _rounds(run, workers=8, events=0)
    worst = max(ours.worst for _, ours in pairs)
    beside = max(lowest.worst for lowest, _ in pairs)
    return [
        share_of_floor("drain, 8 workers, context 0", pairs, 0.65),
        at_most("  slowest call of all rounds", worst, 50, "ms", floor=beside),
    ]


def eight_workers_with_context(run: Run) -> list[Row]:
    """Eight workers, contexts of 50 events: some 22 KB in a response."""
    return [
        share_of_floor("drain, 8 workers, context 50", _rounds(run, workers=8, events=50), 0.45)
    ]


def one_worker(run: Run) -> list[Row]:
    """One worker: nothing is shared, so this is what a call costs."""
    return [
        over_floor("call p50, 1 worker, context 0", _rounds(run, workers=1, events=0), 0.15),
        over_floor("call p50, 1 worker, context 50", _rounds(run, workers=1, events=50), 0.15),
    ]


def one_call(run: Run) -> list[Row]:
    """Eight workers who ask for the next node with the end of the last, beside those who do not."""
    ratios, rates = [], []
    for _ in range(run.rounds):
        with fresh_home() as home, agentd(home, events=0) as daemon:
            two_calls = drain_flat(daemon.socket, NODES, 8)
        with fresh_home() as home, agentd(home, events=0) as daemon:
            one = drain_flat(daemon.socket, NODES, 8, "benchmarks.one_call_worker")
        ratios.append(one.cycles_per_second / two_calls.cycles_per_second)
        rates.append(one.cycles_per_second)
    return [
        at_least(
            "one call, 8 workers, of two", median(ratios), 1.5, "x", cycles_per_second=median(rates)
        )
    ]


def _rounds(run: Run, *, workers: int, events: int) -> list[Pair]:
    return [_round(workers, events) for _ in range(run.rounds)]


def _round(workers: int, events: int) -> Pair:
    with fresh_home() as home, floor(home) as daemon:
        lowest = drain_flat(daemon.socket, NODES, workers)
    with fresh_home() as home, agentd(home, events=events) as daemon:
        ours = drain_flat(daemon.socket, NODES, workers)
    return lowest, ours
