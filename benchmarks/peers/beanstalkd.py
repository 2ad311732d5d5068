"""Rule: beanstalkd with `-b DIR -f0`: every write to its binlog is synced before the answer.

A reservation is kept in memory only, and a job has no result: the result is put as a job of
another tube before the job is deleted, two writes that nothing holds together.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import greenstalk

from benchmarks.account import PAYLOAD_BYTES, work
from benchmarks.peers.peer import Drain, program
from benchmarks.peers.server import serving

JOBS, RESULTS = "jobs", "results"


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Run a server with a binlog."""
    address = str(home / "beanstalkd.sock")
    command = [program("beanstalkd"), "-l", f"unix:{address}", "-b", str(home), "-f0"]
    with serving(command, lambda: _answers(address)):
        with greenstalk.Client(address, use=JOBS) as client:
            for number in range(jobs):
                client.put(str(number))
        yield address


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Watch the jobs, and put into the tube of results."""
    del name  # a reservation belongs to its connection
    with greenstalk.Client(address, use=RESULTS, watch=JOBS) as client:

        def lease() -> greenstalk.Job | None:
            with suppress(greenstalk.TimedOutError):
                return client.reserve(timeout=0)
            return None

        def complete(job: greenstalk.Job) -> None:
            client.put(PAYLOAD_BYTES.decode())
            client.delete(job)

        yield lambda: work(lease, complete)


def results(address: str) -> int:
    """Return the number of jobs in the tube of results."""
    with greenstalk.Client(address) as client:
        return int(client.stats_tube(RESULTS)["current-jobs-ready"])


def _answers(address: str) -> bool:
    with suppress(OSError), greenstalk.Client(address):
        return True
    return False
