"""Rule: all ways to a journal without holes append the same records to the same server, in turns.

Writers on PostgreSQL, and a reader beside them: what each way gives, and who waits for whom.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from time import sleep

import msgspec

from benchmarks.barrier import run_workers
from benchmarks.daemons import fresh_home
from benchmarks.load import Load, summarize
from benchmarks.peers.peer import Missing
from benchmarks.postgres_server import connect, fresh_database, postgresql
from benchmarks.report import Row, skipped_row, told
from benchmarks.run import Run
from benchmarks.sequencing.reader import Reader
from benchmarks.sequencing.ways import SCHEMA, WAYS, Way, appending
from benchmarks.sequencing.writer import Appending, open_session
from benchmarks.stats import median, percentile

WRITERS = (1, 4, 8)
BATCHES = (1, 8)
SECONDS = 1.2
STALL_SECONDS = 1.0


class Seen(msgspec.Struct, frozen=True):
    """What one run came to; times in milliseconds, ages from recording until it could be read."""

    records_per_second: float
    load: Load
    age_p99: float
    oldest: float
    lost: int


Rounds = list[dict[Way, Seen]]


def sequencing(run: Run) -> list[Row]:
    """Writers with tasks of their own and with one for all; one stalls; a reader by seq."""
    try:
        with fresh_home() as home, postgresql(home) as server:
            rows: list[Row] = []
            for shared, writers, batch in product((False, True), WRITERS, BATCHES):
                work = Appending("", "queue", shared, batch, SECONDS)
                rounds = [_round(server, work, writers) for _ in range(run.rounds)]
                rows += _rows(f"{writers} x {batch}, {'one task' if shared else 'own'}", rounds)
            return [*rows, *_stalled(run, server), *_by_seq(run, server)]
    except Missing as missing:
        return [skipped_row("sequencing", f"no {missing}")]


def _rows(name: str, rounds: Rounds) -> list[Row]:
    return [
        _told(name, rounds, "records_per_second", "/s"),
        _told("  p99 of a transaction", rounds, "load.p99", "ms"),
        _told("  until it can be read, p99", rounds, "age_p99", "ms"),
    ]


def _stalled(run: Run, server: str) -> list[Row]:
    work = Appending("", "queue", shared=False, batch=8, seconds=3 * STALL_SECONDS)
    rounds = [_round(server, work, 4, stall=STALL_SECONDS) for _ in range(run.rounds)]
    return [
        _told(f"{STALL_SECONDS:.0f} s in a transaction: slowest", rounds, "load.worst", "ms"),
        _told("  until it can be read, oldest", rounds, "oldest", "ms"),
    ]


def _by_seq(run: Run, server: str) -> list[Row]:
    """What a reader loses that goes on behind the last place it read, whatever is still open."""
    work = Appending("", "queue", shared=False, batch=8, seconds=SECONDS)
    rounds = [_round(server, work, 4, horizon=False) for _ in range(run.rounds)]
    return [_told("lost to who reads by seq", rounds, "lost", "")]


def _round(
    server: str, work: Appending, writers: int, *, stall: float = 0, horizon: bool = True
) -> dict[Way, Seen]:
    return {
        way: _run(server, msgspec.structs.replace(work, way=way), writers, stall, horizon=horizon)
        for way in WAYS
    }


def _run(server: str, work: Appending, writers: int, stall: float, *, horizon: bool) -> Seen:
    with fresh_database(server) as address, connect(address) as session:
        session.execute(SCHEMA[work.way])
        work = msgspec.structs.replace(work, address=address)
        reader = Reader(address, horizon=horizon and work.way == "horizon")
        with reader.reading(), _stalling(work, reader, stall):
            command = ["benchmarks.sequencing.writer", msgspec.json.encode(work).decode()]
            load = summarize(run_workers(command, writers))
        (written,) = session.execute("SELECT count(*) FROM journal").fetchone() or (0,)
    ages = sorted(reader.ages)
    assert len(ages) == written or not horizon, f"{len(ages)} of {written} records were read"
    rate = load.cycles_per_second * work.batch
    age_p99, oldest = percentile(ages, 99) * 1e3, ages[-1] * 1e3
    return Seen(rate, load, age_p99, oldest, lost=written - len(ages))


@contextmanager
def _stalling(work: Appending, reader: Reader, seconds: float) -> Iterator[None]:
    """Let one more writer keep a transaction open for so long, beside the block."""

    def stall() -> None:
        with open_session(work.address, "stalled") as session:
            reader.begun.wait()
            with appending(session, work.way, "stalled", 1):
                sleep(seconds)

    thread = threading.Thread(target=stall if seconds else lambda: None)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _told(work: str, rounds: Rounds, figure: str, unit: str) -> Row:
    """Return a row of the medians: the queue, and beside it the row's lock and the horizon."""
    queue, row, horizon = (median([_figure(seen[way], figure) for seen in rounds]) for way in WAYS)
    return told(work, queue, (row, horizon), unit, queue=queue, row=row, horizon=horizon)


def _figure(seen: Seen, name: str) -> float:
    value = seen
    for part in name.split("."):
        value = getattr(value, part)
    assert isinstance(value, int | float)
    return value
