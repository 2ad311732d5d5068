"""Rule: who takes work of any task must not pay for the tasks that it does not get.

One worker acquires and completes, in turns in a database of many open tasks, a third of them
blocked, and in one that holds a single task. Both are asked the same: any node that my labels do
for.
"""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.daemons import agentd, fresh_home
from benchmarks.open_tasks import (
    BLOCKED_SETS,
    HIGHEST_PRIORITY,
    LABELS,
    NODES_PER_TASK,
    Request,
    fill_home,
    limits,
    registration,
)
from benchmarks.report import Row, at_most_times
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Json, Wire

CYCLES = 1_000
FLAT = 1.5
WANTED = {"labels": LABELS}


class Cycle(msgspec.Struct, frozen=True):
    """What one node took, in seconds."""

    acquire: float
    complete: float


Pair = tuple[Cycle, Cycle]


def anywhere(run: Run) -> list[Row]:
    """A node of any of many tasks, beside one of the only task that there is."""
    with fresh_home() as home:
        fill_home(home, run.open_tasks)
        usual, worst = measure(home, run.rounds * CYCLES)
    nodes = run.open_tasks * NODES_PER_TASK
    return [
        _row(f"acquire, any of {nodes:,} : 1 task", usual),
        _row("  what is blocked stands first", worst),
    ]


def measure(filled: Path, cycles: int) -> tuple[list[Pair], list[Pair]]:
    """So many cycles in the one task and in the many, as they are and behind what is blocked."""
    with (
        fresh_home() as home,
        agentd(home, events=0) as small,
        agentd(filled, events=0) as large,
        Wire(small.socket) as alone,
        Wire(large.socket) as among_many,
    ):
        _ask(alone, [*limits(), registration(1, 2 * cycles, priority=0)])
        usual = [(_cycle(alone), _cycle(among_many)) for _ in range(cycles)]
        _ask(among_many, [registration(number, 1, HIGHEST_PRIORITY) for number in BLOCKED_SETS])
        worst = [(_cycle(alone), _cycle(among_many)) for _ in range(cycles)]
    return usual, worst


def _ask(wire: Wire, requests: Sequence[Request]) -> None:
    for method, params in requests:
        wire.call(method, params)


def _cycle(wire: Wire) -> Cycle:
    began = perf_counter()
    held: Json = wire.call("AcquireNextNode", WANTED)
    acquired = perf_counter()
    wire.call("CompleteNode", {key: held[key] for key in ("task_id", "node_id", "lease_id")})
    return Cycle(acquired - began, perf_counter() - acquired)


def _row(work: str, pairs: Sequence[Pair]) -> Row:
    """The medians of the acquisitions, compared; with those of the completions."""
    one, many = zip(*pairs, strict=True)
    return at_most_times(
        work,
        median([cycle.acquire for cycle in many]) * 1e3,
        median([cycle.acquire for cycle in one]) * 1e3,
        FLAT,
        complete=median([cycle.complete for cycle in many]) * 1e3,
        other_complete=median([cycle.complete for cycle in one]) * 1e3,
    )
