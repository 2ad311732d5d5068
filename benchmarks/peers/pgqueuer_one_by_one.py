"""Rule: PgQueuer told to take one job at a time, and to write down each end by itself.

So an answer is on the disk for each job, as it is for everybody else here.
"""

from contextlib import AbstractContextManager

from benchmarks.peers import pgqueuer
from benchmarks.peers.peer import Drain

fill = pgqueuer.fill
results = pgqueuer.results


def connect(address: str, name: str) -> AbstractContextManager[Drain]:
    """Open a connection."""
    return pgqueuer.connect(address, name, at_once=1)
