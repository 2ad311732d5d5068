"""Rule: a large database is built once per run, through the daemon, and shared.

What the measurements of one run have in common.
"""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from benchmarks.daemons import fresh_home
from benchmarks.history import write_history


class Run:
    """One run of the suite; `quick` trades certainty for minutes, `figures` is where plots go."""

    def __init__(self, stack: ExitStack, *, quick: bool, figures: Path | None) -> None:
        self._stack = stack
        self.figures = figures
        self.rounds = 1 if quick else 5
        self.starts = 3 if quick else 5
        self.events = 50_000 if quick else 1_000_000
        self.rehearsed_events = 20_000 if quick else 100_000
        self.loop_seconds = 2.0 if quick else 6.0
        self.sizes = (1_000, 10_000, 100_000) if quick else (1_000, 10_000, 100_000, 1_000_000)
        self.earlier_nodes = 10_000 if quick else 100_000
        self.open_tasks = 10_000 if quick else 100_000

    @cached_property
    def large_home(self) -> Path:
        """The home of a stopped daemon whose journal holds `events` events."""
        home = self._stack.enter_context(fresh_home())
        write_history(home, self.events)
        return home
