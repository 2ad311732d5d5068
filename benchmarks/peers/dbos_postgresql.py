"""Rule: DBOS Transact on PostgreSQL, as its documents have it; the jobs are those on SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from psycopg import Connection

from benchmarks import postgres_server
from benchmarks.peers import dbos
from benchmarks.peers.peer import Drain


def fill(address: str, jobs: int) -> None:
    """Enqueue the workflows."""
    dbos.enqueue(postgres_server.as_url(address), jobs)


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Launch DBOS."""
    with (
        dbos.launch(postgres_server.as_url(address), name),
        postgres_server.connect(address) as session,
    ):
        yield lambda: dbos.drain(partial(_count, session), name)


def results(address: str) -> int:
    """Return the number of workflows with an outcome."""
    with postgres_server.connect(address) as session:
        outcomes = "workflow_uuid IN (SELECT workflow_uuid FROM dbos.workflow_output)"
        return _count(session, f"status = 'SUCCESS' AND {outcomes}")


def _count(session: Connection, where: str) -> int:
    row = session.execute(f"SELECT count(*) FROM dbos.workflow_status WHERE {where}").fetchone()
    assert row is not None
    return int(row[0])
