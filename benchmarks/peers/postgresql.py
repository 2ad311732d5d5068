"""Rule: PostgreSQL with `fsync` and `synchronous_commit` on; a lease is a committed row.

The queue that PostgreSQL's users write: one table, FOR UPDATE SKIP LOCKED picks a row, and the
lease is committed, so that it outlives the connection like agentd's. Two transactions a cycle.
"""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from benchmarks.account import PAYLOAD_BYTES, work
from benchmarks.peers.peer import Drain, program
from benchmarks.peers.server import serving

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
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
USER = "postgres"


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Make a cluster and run its server, as nobody's superuser where this is root."""
    user = _owner(home)
    cluster = str(home / "cluster")
    make = [program("initdb"), "-D", cluster, "--auth", "trust", "--username", USER]
    subprocess.run(make, check=True, stdout=subprocess.PIPE, user=user)
    command = [program("postgres"), "-D", cluster, "-k", str(home), "-clisten_addresses="]
    command += [f"-c{name}={value}" for name, value in DURABLE.items()]
    address = f"host={home} user={USER} dbname=postgres"
    with serving(command, lambda: _answers(address), user=user):
        with _session(address) as session:
            session.execute(SCHEMA)
            session.execute("INSERT INTO jobs SELECT generate_series(1, %s)", (jobs,))
            session.execute("VACUUM ANALYZE jobs")
        yield address


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Open a session; the library prepares a statement at its fifth use."""
    with _session(address) as session:
        for setting, wanted in DURABLE.items():
            assert session.execute(f"SHOW {setting}").fetchone() == (wanted,)
        payload = PAYLOAD_BYTES.decode()

        def lease() -> int | None:
            row = session.execute(LEASE, (name,)).fetchone()
            return None if row is None else int(row[0])

        def complete(job: int) -> None:
            assert session.execute(COMPLETE, (payload, job, name)).rowcount == 1

        yield lambda: work(lease, complete)


def results(address: str) -> int:
    """Return the number of rows with a result."""
    with _session(address) as session:
        row = session.execute("SELECT count(result) FROM jobs WHERE state = 'done'").fetchone()
    assert row is not None
    return int(row[0])


def _session(address: str) -> psycopg.Connection:
    return psycopg.connect(address, autocommit=True)


def _answers(address: str) -> bool:
    with suppress(psycopg.OperationalError), _session(address):
        return True
    return False


def _owner(home: Path) -> str | None:
    """Hand the directory to the user whom Debian's package makes, because root is refused."""
    if os.getuid() != 0:
        return None
    os.chown(home, pwd.getpwnam(USER).pw_uid, -1)
    return USER
