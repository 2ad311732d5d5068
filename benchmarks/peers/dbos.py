"""Rule: DBOS Transact on SQLite, in WAL with the library's own `synchronous=FULL`.

A job is a workflow on a durable queue, what it returns is kept as its outcome. Nobody asks for a
job: a process of DBOS takes workflows by itself. Until the barrier its queue is told to run none.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep

from dbos import DBOS

from benchmarks.account import PAYLOAD_BYTES, Account, share
from benchmarks.peers.peer import Drain

QUEUE = "jobs"
AT_ONCE = 8  # workflows that a process may have taken: one at a time is a third as fast
POLL_SECONDS = 0.001
LOOK_SECONDS = 0.05
FULL = 2


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Enqueue the workflows; there is no server."""
    address = str(home / "dbos.db")
    with closing(sqlite3.connect(address)) as database:
        database.execute("PRAGMA journal_mode=WAL")  # kept in the file; DBOS asks for no mode
    enqueue(f"sqlite:///{address}", jobs)
    yield address


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Launch DBOS."""
    with launch(f"sqlite:///{address}", name), closing(sqlite3.connect(address)) as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (FULL,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        yield lambda: drain(partial(_count, database), name)


def results(address: str) -> int:
    """Return the number of workflows with an outcome."""
    with closing(sqlite3.connect(address)) as database:
        outcomes = "workflow_uuid IN (SELECT workflow_uuid FROM workflow_output)"
        return _count(database, f"status = 'SUCCESS' AND {outcomes}")


def enqueue(url: str, jobs: int) -> None:
    """Make the tables at this URL, and enqueue so many workflows."""
    with launch(url, "registrar") as job:
        DBOS.register_queue(QUEUE, worker_concurrency=0, polling_interval_sec=POLL_SECONDS)
        for number in range(jobs):
            DBOS.enqueue_workflow(QUEUE, job, number)


def drain(count: Callable[[str], int], name: str) -> Account:
    """Let the process of this name take workflows; `count` says of how many a condition holds."""
    started = monotonic()
    queue = DBOS.retrieve_queue(QUEUE)
    assert queue is not None
    queue.set_worker_concurrency(AT_ONCE)
    while count("status IN ('ENQUEUED', 'PENDING')"):
        sleep(LOOK_SECONDS)
    ended = monotonic()
    return share(started, ended, count(f"status = 'SUCCESS' AND executor_id = '{name}'"))


@contextmanager
def launch(url: str, name: str) -> Iterator[Callable[[int], str]]:
    """Be a process of this name on the system database at this URL, and yield the workflow."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "application_version": "1",
            "executor_id": name,
            "log_level": "ERROR",
        }
    )
    job: Callable[[int], str] = DBOS.workflow(name="job")(_job)
    DBOS.launch()
    try:
        yield job
    finally:
        DBOS.destroy(destroy_registry=True)


def _job(number: int) -> str:
    del number
    return PAYLOAD_BYTES.decode()


def _count(database: sqlite3.Connection, where: str) -> int:
    query = f"SELECT count(*) FROM workflow_status WHERE {where}"
    return int(database.execute(query).fetchone()[0])
