"""Rule: litequeue asks for `synchronous=NORMAL`; FULL is set on its connection after it.

A queue in SQLite with pop and done, and the list of what is locked for too long. Nothing takes a
result, so the result is put into a second queue in the transaction that ends the job.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litequeue import LiteQueue

from benchmarks.account import PAYLOAD_BYTES, work
from benchmarks.peers.peer import Drain

BUSY_SECONDS = 60.0
FULL = 2


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Fill a queue; there is no server."""
    address = str(home / "litequeue.db")
    with _queues(address) as (queue, _), queue.transaction():
        for number in range(jobs):
            queue.put(str(number))
    yield address


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Open the database."""
    del name  # a locked message does not say by whom
    with _queues(address) as (queue, kept):
        payload = PAYLOAD_BYTES.decode()

        def lease() -> str | None:
            message = queue.pop()
            return None if message is None else str(message.message_id)

        def complete(message_id: str) -> None:
            with queue.transaction(mode="IMMEDIATE"):
                kept.put(payload)
                queue.done(message_id)

        yield lambda: work(lease, complete)


def results(address: str) -> int:
    """Return the number of messages in the queue of results."""
    with _queues(address) as (_, kept):
        return int(kept.qsize())


@contextmanager
def _queues(address: str) -> Iterator[tuple[LiteQueue, LiteQueue]]:
    connection = sqlite3.connect(address, timeout=BUSY_SECONDS)
    queue, kept = LiteQueue(connection), LiteQueue(connection, queue_name="Results")
    connection.execute(f"PRAGMA synchronous={FULL}")
    try:
        yield queue, kept
    finally:
        connection.close()
