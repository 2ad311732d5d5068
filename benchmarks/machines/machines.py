"""Rule: daemons on PostgreSQL stand beside what its users would pick, in turns on one server.

1, 2 and 4 daemons with 8 workers in all, procrastinate, PgQueuer, DBOS, and a table of one's own.
"""

from collections.abc import Sequence

from benchmarks.daemons import fresh_home
from benchmarks.load import Load
from benchmarks.machines.drains import Drained, drain_daemons, drain_peer
from benchmarks.machines.growth import growth
from benchmarks.peers.peer import Missing
from benchmarks.postgres_server import fresh_database, postgresql
from benchmarks.report import Row, beside, share_of_floor, skipped_row, told
from benchmarks.run import Run
from benchmarks.stats import median

BARE = "postgresql"
PEERS = {
    BARE: ("SKIP LOCKED table", 4_000),
    "procrastinate": ("procrastinate", 2_000),
    "pgqueuer": ("PgQueuer", 8_000),
    "pgqueuer_one_by_one": ("PgQueuer, one by one", 2_000),
    "dbos_postgresql": ("DBOS, PostgreSQL", 1_000),
}
"""The name and the jobs of each: some seconds of its own."""

NODES = 4_000
DAEMONS = (1, 2, 4)
OF_BARE = 0.6
OF_ONE = 0.8

Drains = list[Drained]


def machines(run: Run) -> list[Row]:
    """Drain in turns; then what a drain costs beside more and more nodes."""
    try:
        with fresh_home() as home, postgresql(home) as server:
            return [*_side_by_side(run, server), *growth(run, server)]
    except Missing as missing:
        return [skipped_row("machines", f"no {missing}")]


def _side_by_side(run: Run, server: str) -> list[Row]:
    ours: dict[int, Drains] = {daemons: [] for daemons in DAEMONS}
    theirs: dict[str, Drains] = {name: [] for name in PEERS}
    missing: list[Row] = []
    for _ in range(run.rounds):
        for name in list(theirs):
            try:
                theirs[name].append(drain_peer(server, name, PEERS[name][1]))
            except Missing as absent:
                del theirs[name]
                missing.append(skipped_row(PEERS[name][0], f"no {absent}"))
        for daemons, drains in ours.items():
            with fresh_database(server) as address:
                drains.append(drain_daemons(server, address, daemons, NODES))
    return [*_rates(ours, theirs), *missing, *_costs(ours, theirs)]


def _rates(ours: dict[int, Drains], theirs: dict[str, Drains]) -> list[Row]:
    one = ours[1]
    rows = [share_of_floor(f"1 daemon, {PEERS[BARE][0]}", _pairs(theirs[BARE], one), OF_BARE)]
    rows += [
        beside(f"1 daemon, {PEERS[name][0]}", _pairs(drains, one))
        for name, drains in theirs.items()
        if name != BARE
    ]
    return rows + [
        share_of_floor(f"{daemons} daemons, of one", _pairs(one, drains), OF_ONE)
        for daemons, drains in ours.items()
        if daemons != 1
    ]


def _costs(ours: dict[int, Drains], theirs: dict[str, Drains]) -> list[Row]:
    own = {f"{daemons} daemon{'s'[: daemons - 1]}": drains for daemons, drains in ours.items()}
    bare = PEERS[BARE][0]
    names = own | {PEERS[name][0]: drains for name, drains in theirs.items()}
    p99 = {name: _p99(drains) for name, drains in names.items() if name in own or name == bare}
    again = {name: median([drained.conflicts for drained in own[name]]) for name in own}
    return [
        _told("p99 of a call; 2, 4, the table", p99, "ms"),
        *(_processor(name, drains) for name, drains in names.items()),
        _told("decided again, of 1,000; 2, 4", again, ""),
    ]


def _told(work: str, values: dict[str, float], unit: str) -> Row:
    first, *others = values.values()
    return told(work, first, others, unit, **values)


def _processor(name: str, drains: Drains) -> Row:
    """A row of what a cycle takes: all, and beside it daemons, server, workers."""
    parts = {
        part: median([getattr(drained, part) for drained in drains])
        for part in ("daemons", "server", "workers")
    }
    whole = median([drained.processor for drained in drains])
    return told(f"  processor, {name}", whole, list(parts.values()), "ms", **parts)


def _pairs(others: Drains, ours: Drains) -> list[tuple[Load, Load]]:
    return [(other.load, own.load) for other, own in zip(others, ours, strict=True)]


def _p99(drains: Sequence[Drained]) -> float:
    return median([drained.load.p99 for drained in drains])
