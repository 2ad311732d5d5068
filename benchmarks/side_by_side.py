"""Rule: a peer and agentd take turns, each on a fresh place, under the same durable work.

What a user would pick instead of agentd, drained by 1 and by 8 worker processes: lease one
job, complete it with 200 bytes, every answer on disk.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.barrier import run_workers
from benchmarks.daemons import fresh_home
from benchmarks.load import Load, measure_drain
from benchmarks.peers.peer import Missing, load
from benchmarks.report import Row, beside, skipped_row
from benchmarks.run import Run

PEERS = {
    "huey": "huey, SQLite",
    "litequeue": "litequeue, SQLite",
    "dbos": "DBOS Transact, SQLite",
    "redis": "Redis Streams",
    "redis_pipelined": "Redis Streams, pipelined",
    "beanstalkd": "beanstalkd",
    "postgresql": "PostgreSQL, SKIP LOCKED",
}
JOBS = {1: 1_000, 8: 4_000}  # by the number of workers: about a second of agentd
SLOW = {"dbos": 4}  # is given so many times fewer jobs: its rate does not depend on them


def peer(name: str, run: Run) -> list[Row]:
    """Drain a peer and agentd in turns."""
    try:
        rounds = {workers: _rounds(run, name, workers) for workers in JOBS}
    except Missing as missing:
        return [skipped_row(PEERS[name], f"no {missing}")]
    return [beside(f"{PEERS[name]}, {workers} w.", pairs) for workers, pairs in rounds.items()]


MEASUREMENTS: dict[str, Callable[[Run], list[Row]]] = {
    f"peer-{name}": partial(peer, name) for name in PEERS
}


def _rounds(run: Run, name: str, workers: int) -> list[tuple[Load, Load]]:
    return [(_drain(name, workers), _drain("agentd", workers)) for _ in range(run.rounds)]


def _drain(name: str, workers: int) -> Load:
    jobs = JOBS[workers] // SLOW.get(name, 1)
    with fresh_home() as home, load(name).serve(home, jobs) as address:
        accounts = run_workers(["benchmarks.peers.worker", name, address], workers)
        kept = load(name).results(address)
    assert kept == jobs, f"{name} kept {kept} of {jobs} results"
    return measure_drain(accounts, jobs)
