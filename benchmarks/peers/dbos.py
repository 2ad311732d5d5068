"""Rule: DBOS Transact on SQLite, in WAL with the library's own `synchronous=FULL`.

A job is a workflow on a durable queue, what it returns is kept as its outcome. Nobody asks for a
job: a process of DBOS takes workflows by itself. Until the barrier its queue is told to run none.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep

from dbos import DBOS

from benchmarks.account import PAYLOAD_BYTES, Account
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
    with _launch(address, "registrar") as job:
        DBOS.register_queue(QUEUE, worker_concurrency=0, polling_interval_sec=POLL_SECONDS)
        for number in range(jobs):
            DBOS.enqueue_workflow(QUEUE, job, number)
    yield address


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Launch DBOS."""
    with _launch(address, name), closing(sqlite3.connect(address)) as database:
        assert database.execute("PRAGMA synchronous").fetchone() == (FULL,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        yield lambda: _drain(database, name)


def results(address: str) -> int:
    """Return the number of workflows with an outcome."""
    with closing(sqlite3.connect(address)) as database:
        outcomes = "workflow_uuid IN (SELECT workflow_uuid FROM workflow_output)"
        return _count(database, f"status = 'SUCCESS' AND {outcomes}")


def _drain(database: sqlite3.Connection, name: str) -> Account:
    started = monotonic()
    queue = DBOS.retrieve_queue(QUEUE)
    assert queue is not None
    queue.set_worker_concurrency(AT_ONCE)
    while _count(database, "status IN ('ENQUEUED', 'PENDING')"):
        sleep(LOOK_SECONDS)
    ended = monotonic()
    done = _count(database, "status = 'SUCCESS' AND executor_id = ?", name)
    # Only how many is known: who takes and ends a workflow is a matter of the library's own.
    return Account(started, ended, acquires=[], completes=[(ended - started) / max(done, 1)] * done)


@contextmanager
def _launch(address: str, name: str) -> Iterator[Callable[[int], str]]:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{address}",
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


def _count(database: sqlite3.Connection, where: str, *values: str) -> int:
    query = f"SELECT count(*) FROM workflow_status WHERE {where}"
    return int(database.execute(query, values).fetchone()[0])
