"""Rule: the plot shows every round, and the bar that the medians are held against.

What a cycle costs beside what the database holds, as a picture.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.load import Load
from benchmarks.stats import median

Rounds = list[dict[int, Load]]
"""One load per size of the database, in nodes, for every round."""

COLOUR = "tab:blue"


def draw(path: Path, rounds: Rounds, worst: tuple[float, float], flat: float) -> None:
    """Write the plot as PNG; `worst` is what a cycle and its p99 cost at most beside the smallest.

    Raises `ModuleNotFoundError` where matplotlib is not installed.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, needed for nothing else

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    rate, latency = figure.subplots(1, 2)
    smallest, largest = min(rounds[0]), max(rounds[0])
    verdict = "Flat" if max(worst) <= flat else "Not flat"
    figure.suptitle(
        f"{verdict}: with up to {largest:,} nodes in the database a cycle costs at most\n"
        f"{worst[0]:.2f} times, its p99 at most {worst[1]:.2f} times what it does with {smallest:,}"
    )
    _draw_panel(rate, rounds, lambda load: load.cycles_per_second, "cycles per second, 8 workers")
    _draw_panel(latency, rounds, lambda load: load.p99, "p99 of a call, milliseconds")
    _draw_bar(rate, median([loads[smallest].cycles_per_second for loads in rounds]) / flat, flat)
    _draw_bar(latency, median([loads[smallest].p99 for loads in rounds]) * flat, flat)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_panel(axis: Any, rounds: Rounds, value: Callable[[Load], float], label: str) -> None:
    sizes = sorted(rounds[0])
    for loads in rounds:
        seen = [value(loads[size]) for size in sizes]
        axis.plot(sizes, seen, ".", color=COLOUR, alpha=0.4)
    medians = [median([value(loads[size]) for loads in rounds]) for size in sizes]
    axis.plot(sizes, medians, "o-", color=COLOUR, label=f"median of {len(rounds)} rounds")
    axis.set_xscale("log")
    axis.set_xlabel("nodes in the database (and 1.9 events for each)")
    axis.set_ylabel(label)
    axis.grid(alpha=0.3)


def _draw_bar(axis: Any, height: float, flat: float) -> None:
    axis.axhline(height, color="tab:red", linestyle="--", label=f"{flat:g} times the smallest")
    axis.set_ylim(bottom=0)
    axis.legend(loc="lower left")
