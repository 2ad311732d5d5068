"""Rule: PostgreSQL with `fsync` and `synchronous_commit` on; a lease is a committed row.

The queue that PostgreSQL's users write: one table, FOR UPDATE SKIP LOCKED picks a row, and the
lease is committed, so that it outlives the connection like agentd's. Two transactions a cycle.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import postgres_server
from benchmarks.account import PAYLOAD_BYTES, work
from benchmarks.peers.peer import Drain

SCHEMA = """
CREATE TABLE jobs (
    id bigint PRIMARY KEY, state text NOT NULL DEFAULT 'ready',
    owner text, leased_at timestamptz, result text);
CREATE INDEX ready ON jobs (id) WHERE state = 'ready';
"""
LEASE = """UPDATE jobs SET state = 'running', owner = %s, leased_at = now()
WHERE id = (SELECT id FROM jobs WHERE state = 'ready' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id"""
COMPLETE = "UPDATE jobs SET state = 'done', result = %s WHERE id = %s AND owner = %s"


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Run a server with the jobs in their table."""
    with postgres_server.postgresql(home) as address:
        fill(address, jobs)
        yield address


def fill(address: str, jobs: int) -> None:
    """Make the table with so many jobs in it."""
    with postgres_server.connect(address) as session:
        session.execute(SCHEMA)
        session.execute("INSERT INTO jobs SELECT generate_series(1, %s)", (jobs,))
        session.execute("VACUUM ANALYZE jobs")


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Open a session; the library prepares a statement at its fifth use."""
    with postgres_server.connect(address) as session:
        payload = PAYLOAD_BYTES.decode()

        def lease() -> int | None:
            row = session.execute(LEASE, (name,)).fetchone()
            return None if row is None else int(row[0])

        def complete(job: int) -> None:
            assert session.execute(COMPLETE, (payload, job, name)).rowcount == 1

        yield lambda: work(lease, complete)


def results(address: str) -> int:
    """Return the number of rows with a result."""
    with postgres_server.connect(address) as session:
        row = session.execute("SELECT count(result) FROM jobs WHERE state = 'done'").fetchone()
    assert row is not None
    return int(row[0])
