"""Rule: a writer appends without a pause until its time is over.

One process: `python -m benchmarks.sequencing.writer WORK NAME`; WORK is an `Appending` as JSON.
"""

import sys
from time import monotonic

import msgspec
import psycopg

from benchmarks.account import Account
from benchmarks.barrier import drain_behind
from benchmarks.postgres_server import connect
from benchmarks.sequencing.ways import Way, appending


class Appending(msgspec.Struct, frozen=True):
    """What a writer does for so many seconds: `shared` is one task for all, or each has its own."""

    address: str
    way: Way
    shared: bool
    batch: int
    seconds: float


def open_session(address: str, task: str) -> psycopg.Connection:
    """Connect as somebody who writes to this task."""
    session = connect(address)
    session.prepare_threshold = 0
    session.execute("INSERT INTO tasks VALUES (%s, 0) ON CONFLICT DO NOTHING", (task,))
    return session


def append(session: psycopg.Connection, work: Appending, task: str) -> Account:
    """Append until the time is over; the seconds of every transaction are in `completes`."""
    times: list[float] = []
    started = moment = monotonic()
    while moment < started + work.seconds:
        with appending(session, work.way, task, work.batch):
            pass
        times.append(-moment + (moment := monotonic()))
    return Account(started, moment, acquires=[], completes=times)


def main() -> None:
    """Run one writer; see the module's rule."""
    work = msgspec.json.decode(sys.argv[1], type=Appending)
    task = "shared" if work.shared else sys.argv[2]
    with open_session(work.address, task) as session:
        drain_behind(lambda: append(session, work, task))


if __name__ == "__main__":
    main()
