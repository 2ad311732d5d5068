"""Rule: the cost of a cycle must not grow with what the database on the server already holds.

As in `growth` for the engine in a file: databases of 1,000 to 1,000,000 nodes, drained in turns,
each time as a copy of one that was filled once.
"""

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.daemons import fresh_home
from benchmarks.history import EVENTS_PER_NODE, write_history
from benchmarks.load import Load
from benchmarks.machines.drains import drain_daemons
from benchmarks.postgres_server import as_url, connect, fresh_database
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import median

NODES = 2_000
CONTEXT_EVENTS = 50
FLAT = 1.5


def growth(run: Run, server: str) -> list[Row]:
    """Drain 2,000 nodes beside what is there, and compare every size with the smallest."""
    with ExitStack() as stack:
        filled = {size: stack.enter_context(fresh_database(server)) for size in run.sizes}
        for size, address in filled.items():
            _fill(address, size)
        rounds = [
            {size: _drain(server, address) for size, address in filled.items()}
            for _ in range(run.rounds)
        ]
    return [
        _row("cycle", rounds, lambda load: 1e3 / load.cycles_per_second),
        _row("p99", rounds, lambda load: load.p99),
    ]


def _fill(address: str, size: int) -> None:
    with fresh_home() as home:
        # Of the nodes a tenth was worked through, with ten events each; the others wait.
        idle = size - size // EVENTS_PER_NODE
        write_history(home, size, idle_nodes=idle, database_url=as_url(address))
    with connect(address) as session:
        session.execute("VACUUM ANALYZE")  # as the server does by itself, a minute later


def _drain(server: str, filled: str) -> Load:
    with fresh_database(server, copied=filled) as address:
        return drain_daemons(server, address, 1, NODES, CONTEXT_EVENTS).load


def _row(what: str, rounds: list[dict[int, Load]], cost: Callable[[Load], float]) -> Row:
    """A row for the size that costs most beside the smallest: the median of the rounds' ratios."""
    smallest, *others = sorted(rounds[0])
    ratios = [
        median([cost(loads[size]) / cost(loads[smallest]) for loads in rounds]) for size in others
    ]
    seen = {f"ms_at_{size}": median([cost(loads[size]) for loads in rounds]) for size in rounds[0]}
    return at_most(f"{what}, {smallest:,} to {others[-1]:,} nodes", max(ratios), FLAT, "x", **seen)
