"""Rule: between the barrier and the last response, nothing but calls and their times.

What one worker process saw, and the loop in which it saw it: lease a job, complete it, until
there is none. agentd, the floor and every peer that is asked for its jobs meet this very loop.
"""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import msgspec

# {"output":"…"} of exactly 200 bytes.
PAYLOAD = {"output": "x" * 187}
PAYLOAD_BYTES = msgspec.json.encode(PAYLOAD)

Job = TypeVar("Job")


class Account(msgspec.Struct):
    """What one worker saw; moments are CLOCK_MONOTONIC seconds, which processes share.

    `processor`: the seconds of processor time that its process took meanwhile.
    """

    started: float
    ended: float
    acquires: list[float]
    completes: list[float]
    processor: float = 0.0


def share(started: float, ended: float, done: int) -> Account:
    """Account for jobs of which only the number is known: a library takes and ends them itself."""
    return Account(started, ended, acquires=[], completes=[(ended - started) / max(done, 1)] * done)


def work(lease: Callable[[], Job | None], complete: Callable[[Job], object]) -> Account:
    """Lease and complete until there is nothing to lease."""
    acquires: list[float] = []
    completes: list[float] = []
    started = moment = monotonic()
    while (job := lease()) is not None:
        acquires.append(-moment + (moment := monotonic()))
        complete(job)
        completes.append(-moment + (moment := monotonic()))
    return Account(started, moment, acquires, completes)
