"""Rule: the cost of a cycle must not grow with what the database already holds.

Databases of 1,000 to 1,000,000 nodes and as many events and more, drained in turns: a round
meets every size, each on a copy, so that no drain finds what the one before it left behind.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.daemons import agentd, fresh_home
from benchmarks.growth_plot import Rounds, draw
from benchmarks.history import EVENTS_PER_NODE, write_history
from benchmarks.load import Load, drain_flat
from benchmarks.report import Row, at_most, skipped_row
from benchmarks.run import Run
from benchmarks.stats import median

NODES = 2_000
WORKERS = 8
CONTEXT_EVENTS = 50
FLAT = 1.5


def growth(run: Run) -> list[Row]:
    """Drain 2,000 nodes beside what is there, and compare every size with the smallest."""
    with ExitStack() as stack:
        homes = {size: stack.enter_context(_grown_home(size)) for size in run.sizes}
        rounds = [{size: _drain(home) for size, home in homes.items()} for _ in range(run.rounds)]
    cycle, p99 = _ratios(rounds, _cycle), _ratios(rounds, _p99)
    rows = [_row("cycle", cycle, rounds, _cycle), _row("p99", p99, rounds, _p99)]
    if run.figures is not None:
        try:
            worst = (max(cycle.values()), max(p99.values()))
            draw(run.figures / "growth.png", rounds, worst, FLAT)
        except ModuleNotFoundError as error:
            rows.append(skipped_row("  plot of growth", f"no {error.name}"))
    return rows


@contextmanager
def _grown_home(size: int) -> Iterator[Path]:
    with fresh_home() as home:
        # Of the nodes a tenth was worked through, with ten events each; the others wait.
        write_history(home, size, idle_nodes=size - size // EVENTS_PER_NODE)
        yield home


def _drain(filled: Path) -> Load:
    with fresh_home() as home:
        for file in filled.glob("agent_state.db*"):
            shutil.copy2(file, home)
        os.sync()  # or the copy's own pages would be written out while the drain waits for its own
        with agentd(home, events=CONTEXT_EVENTS) as daemon:
            return drain_flat(daemon.socket, NODES, WORKERS)


def _cycle(load: Load) -> float:
    return 1e3 / load.cycles_per_second


def _p99(load: Load) -> float:
    return load.p99


def _ratios(rounds: Rounds, cost: Callable[[Load], float]) -> dict[int, float]:
    """What every other size costs beside the smallest: the median of the rounds' ratios."""
    smallest, *others = sorted(rounds[0])
    return {
        size: median([cost(loads[size]) / cost(loads[smallest]) for loads in rounds])
        for size in others
    }


def _row(what: str, ratios: dict[int, float], rounds: Rounds, cost: Callable[[Load], float]) -> Row:
    seen = {f"ms_at_{size}": median([cost(loads[size]) for loads in rounds]) for size in rounds[0]}
    work = f"{what}, {min(rounds[0]):,} to {max(ratios):,} nodes"
    return at_most(work, max(ratios.values()), FLAT, "x", **seen)
