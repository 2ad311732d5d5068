"""Rule: a commit and this tree take turns, each on a fresh database, under the same load.

`make bench ARGS="against=COMMIT"`. The load is what clients of every age know: two calls a cycle,
through methods and settings that the first daemon had. Both daemons run under the interpreter and
the libraries of this tree, so that agentd's own code is all that differs.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.commit import Commit
from benchmarks.daemons import TREE, agentd, fresh_home
from benchmarks.load import Load, drain_flat
from benchmarks.stats import median

NODES = 4_000
ROUNDS = 5
FEWEST_ROUNDS = 3  # of fewer, the spread says nothing


class Work(msgspec.Struct, frozen=True):
    """What both are asked to do; the bar is for this tree's figure as a multiple of the commit's.

    In `/s` the figure is the cycles a second, of which this tree has to do at least so many; in
    `ms` it is the median call, which may take at most so long.
    """

    name: str
    workers: int
    events: int
    unit: str
    bar: float


WORKS = (
    Work("8 workers, context 0", workers=8, events=0, unit="/s", bar=1.2),
    Work("8 workers, context 50", workers=8, events=50, unit="/s", bar=1.3),
    Work("p50, 1 worker, context 0", workers=1, events=0, unit="ms", bar=0.85),
    Work("p50, 1 worker, context 50", workers=1, events=50, unit="ms", bar=0.85),
)


class Comparison(msgspec.Struct, frozen=True):
    """The figures of all rounds, in the order in which they were taken."""

    work: Work
    commit: list[float]
    tree: list[float]

    @property
    def ratios(self) -> list[float]:
        """The rounds' ratios: the two runs of a round are neighbours in time."""
        return [tree / commit for commit, tree in zip(self.commit, self.tree, strict=True)]

    @property
    def kept(self) -> bool:
        """Whether the median ratio keeps the bar."""
        ratio = median(self.ratios)
        return ratio >= self.work.bar if self.work.unit == "/s" else ratio <= self.work.bar


def compare(
    code: Path, rounds: int, *, works: Sequence[Work] = WORKS, nodes: int = NODES
) -> Iterator[Comparison]:
    """Measure the code of a commit and this tree in turns; yield each work when it is done."""
    for work in works:
        commit, tree = [], []
        for _ in range(rounds):
            commit.append(_figure(work, _drain(code, work, nodes)))
            tree.append(_figure(work, _drain(TREE, work, nodes)))
        yield Comparison(work, commit, tree)


def header(commit: Commit) -> str:
    """Return the table's head, of 80 columns, below the name of the commit."""
    columns = _line("work", commit.short, "this tree", "ratio", "spread", "bar", "")
    return f"{commit.short}: {commit.subject}\n\n{columns}\n{'-' * 80}"


def format_comparison(comparison: Comparison) -> str:
    """Return one line of the table: medians, and the least and the most of the rounds' ratios."""
    work, ratios = comparison.work, comparison.ratios
    return _line(
        work.name,
        _format_figure(median(comparison.commit), work.unit),
        _format_figure(median(comparison.tree), work.unit),
        f"{median(ratios):.2f}",
        f"{min(ratios):.2f}-{max(ratios):.2f}",
        f"{'>=' if work.unit == '/s' else '<='} {work.bar:.2f}",
        "ok" if comparison.kept else "MISSED",
    )


def _drain(code: Path, work: Work, nodes: int) -> Load:
    with fresh_home() as home, agentd(home, events=work.events, code=code) as daemon:
        return drain_flat(daemon.socket, nodes, work.workers)


def _figure(work: Work, load: Load) -> float:
    return load.cycles_per_second if work.unit == "/s" else load.p50


def _format_figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if unit == "/s" else f"{value:.3f} {unit}"


def _line(
    work: str, commit: str, tree: str, ratio: str, spread: str, bar: str, verdict: str
) -> str:
    line = f"{work:<25}{commit:>10}{tree:>11}{ratio:>7}{spread:>11}{bar:>9} {verdict}"
    return line.rstrip()
