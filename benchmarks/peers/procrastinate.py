"""Rule: procrastinate's own worker, one job at a time as it does unless told otherwise.

What a job returns is not kept: whoever wants it writes it into a table of his own, in one more
transaction. It is left out here.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from procrastinate import App, PsycopgConnector

from benchmarks import postgres_server
from benchmarks.account import Account, share
from benchmarks.peers.peer import Drain


def fill(address: str, jobs: int) -> None:
    """Make the tables and defer the jobs."""
    asyncio.run(_fill(Jobs(address), jobs))


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Open the app; its pool connects."""
    jobs = Jobs(address)
    with asyncio.Runner() as runner:
        runner.run(jobs.app.connector.open_async())
        yield lambda: runner.run(jobs.drain(name))
        runner.run(jobs.app.close_async())


def results(address: str) -> int:
    """Return the number of jobs that succeeded."""
    query = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
    with postgres_server.connect(address) as session:
        row = session.execute(query).fetchone()
    assert row is not None
    return int(row[0])


class Jobs:
    """An app with one task, which counts its jobs."""

    def __init__(self, address: str) -> None:
        self.app = App(connector=PsycopgConnector(conninfo=address))
        self.task = self.app.task(name="job")(self._do)
        self.done = 0

    async def drain(self, name: str) -> Account:
        """Work until there is nothing to do."""
        started = monotonic()
        await self.app.run_worker_async(name=name, wait=False, install_signal_handlers=False)
        return share(started, monotonic(), self.done)

    async def _do(self, number: int) -> None:
        del number
        self.done += 1


async def _fill(jobs: Jobs, wanted: int) -> None:
    async with jobs.app.open_async():
        await jobs.app.schema_manager.apply_schema_async()
        await jobs.task.batch_defer_async(*({"number": number} for number in range(wanted)))
