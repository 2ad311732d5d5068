"""Rule: the end of a job and the next one in one write, which no documentation of Redis has.

As `redis`, but the result, the XACK and the XREADGROUP of the next entry are one round trip. If the
worker dies before it reads the answer, the next entry is its own without its knowing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.account import PAYLOAD_BYTES, work
from benchmarks.peers.peer import Drain
from benchmarks.peers.redis import GROUP, RESULTS, STREAM, open_client, results, serve

__all__ = ["connect", "results", "serve"]


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Join the consumer group."""
    with open_client(address) as client:
        came_along: list[bytes | None] = []

        def lease() -> bytes | None:
            if came_along:
                return came_along.pop()
            return _entry(client.xreadgroup(GROUP, name, {STREAM: ">"}, count=1))

        def complete(entry: bytes) -> None:
            with client.pipeline(transaction=False) as pipeline:
                pipeline.hset(RESULTS, entry, PAYLOAD_BYTES)
                pipeline.xack(STREAM, GROUP, entry)
                pipeline.xreadgroup(GROUP, name, {STREAM: ">"}, count=1)
                came_along.append(_entry(pipeline.execute()[-1]))

        yield lambda: work(lease, complete)


def _entry(answer: Any) -> bytes | None:
    if not answer:
        return None
    ((_, ((entry, _),)),) = answer
    return bytes(entry)
