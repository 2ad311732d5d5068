"""Rule: PgQueuer's own worker, ten jobs at a time as it does unless told otherwise.

It takes ten jobs in one transaction, and writes down the ends of ten in another, a moment after
they were reached. What a job returns is not kept. The tables are logged, as `pgq install` has it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from psycopg.conninfo import conninfo_to_dict

from benchmarks import postgres_server
from benchmarks.account import Account, share
from benchmarks.peers.peer import Drain

ENTRYPOINT = "job"
AT_ONCE = 10  # the library's own


def fill(address: str, jobs: int) -> None:
    """Make the tables and enqueue the jobs."""
    asyncio.run(_fill(address, jobs))


@contextmanager
def connect(address: str, name: str, at_once: int = AT_ONCE) -> Iterator[Drain]:
    """Open a connection of a worker that takes and ends so many jobs at once."""
    del name
    with asyncio.Runner() as runner:
        connection = runner.run(_open(address))
        yield lambda: runner.run(_drain(connection, at_once))
        runner.run(connection.close())


def results(address: str) -> int:
    """Return the number of jobs that succeeded; they are in its log."""
    query = "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'"
    with postgres_server.connect(address) as session:
        row = session.execute(query).fetchone()
    assert row is not None
    return int(row[0])


async def _drain(connection: asyncpg.Connection, at_once: int) -> Account:
    done = 0
    queuer = PgQueuer(AsyncpgDriver(connection))

    async def do(job: Job) -> None:
        nonlocal done
        del job
        done += 1

    queuer.entrypoint(ENTRYPOINT)(do)
    started = monotonic()
    await queuer.run(batch_size=at_once, mode=QueueExecutionMode.drain)
    return share(started, monotonic(), done)


async def _open(address: str) -> asyncpg.Connection:
    parts = conninfo_to_dict(address)
    return await asyncpg.connect(host=parts["host"], user=parts["user"], database=parts["dbname"])


async def _fill(address: str, jobs: int) -> None:
    connection = await _open(address)
    queries = Queries.from_asyncpg_connection(connection)
    await queries.install()
    await queries.enqueue([ENTRYPOINT] * jobs, [None] * jobs, [0] * jobs)
    await connection.close()
