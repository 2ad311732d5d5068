"""Rule: huey with SqliteHuey and `fsync=True`: WAL and `synchronous=FULL`.

A worker does what a worker of huey's consumer does, without its waiting: dequeue, execute. To
dequeue deletes the job: a worker that dies takes it along, there is no lease. What the task
returns is stored when it has been executed; that ends it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huey import SqliteHuey

from benchmarks.account import PAYLOAD_BYTES, work
from benchmarks.peers.peer import Drain

BUSY_SECONDS = 60
FULL = 2


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Enqueue the jobs; there is no server."""
    address = str(home / "huey.db")
    with _huey(address) as (_, job):
        for number in range(jobs):
            job(number)
    yield address


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Open the database."""
    del name  # a job that was dequeued is nobody's
    with _huey(address) as (huey, _):
        assert huey.storage.sql("PRAGMA synchronous", results=True) == [(FULL,)]
        yield lambda: work(huey.dequeue, huey.execute)


def results(address: str) -> int:
    """Return the number of stored results."""
    with _huey(address) as (huey, _):
        return int(huey.storage.result_store_size())


@contextmanager
def _huey(address: str) -> Iterator[tuple[Any, Any]]:
    huey = SqliteHuey(filename=address, fsync=True, timeout=BUSY_SECONDS)
    try:
        yield huey, huey.task(name="job")(_run)
    finally:
        huey.storage.close()


def _run(number: int) -> str:
    del number
    return PAYLOAD_BYTES.decode()
