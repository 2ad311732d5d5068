"""Rule: Redis Streams with `appendfsync always`: an answer leaves after its AOF is synced.

A consumer group hands out one entry at a time; it stays on the pending list until XACK. The
result goes into a hash in the same MULTI as the XACK, so that a completion is one round trip.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from benchmarks.account import PAYLOAD_BYTES, work
from benchmarks.peers.peer import Drain, program
from benchmarks.peers.server import serving

STREAM, GROUP, RESULTS = "jobs", "workers", "results"
AT_ONCE = 1_000


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Run a server whose append-only file is the only persistence."""
    address = str(home / "redis.sock")
    command = [program("redis-server"), "--port", "0", "--unixsocket", address, "--dir", str(home)]
    command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    with serving(command, lambda: _answers(address)):
        with open_client(address) as client:
            assert client.config_get("append*")["appendfsync"] == "always"
            _fill(client, jobs)
        yield address


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Join the consumer group."""
    with open_client(address) as client:

        def lease() -> bytes | None:
            answer = client.xreadgroup(GROUP, name, {STREAM: ">"}, count=1)
            if not answer:
                return None
            ((_, ((entry, _),)),) = answer
            return bytes(entry)

        def complete(entry: bytes) -> None:
            with client.pipeline(transaction=True) as pipeline:
                pipeline.hset(RESULTS, entry, PAYLOAD_BYTES)
                pipeline.xack(STREAM, GROUP, entry)
                pipeline.execute()

        yield lambda: work(lease, complete)


def results(address: str) -> int:
    """Return the length of the hash; no entry may be pending."""
    with open_client(address) as client:
        assert client.xpending(STREAM, GROUP)["pending"] == 0
        return int(client.hlen(RESULTS))


def open_client(address: str) -> redis.Redis:
    """Connect."""
    # Version 2, whose answers the library hands on as they come; hiredis parses them.
    return redis.Redis(unix_socket_path=address, protocol=2)


def _answers(address: str) -> bool:
    with suppress(redis.ConnectionError), open_client(address) as client:
        return bool(client.ping())
    return False


def _fill(client: redis.Redis, jobs: int) -> None:
    client.xgroup_create(STREAM, GROUP, mkstream=True)
    for start in range(0, jobs, AT_ONCE):
        with client.pipeline(transaction=False) as pipeline:
            for number in range(start, min(start + AT_ONCE, jobs)):
                pipeline.xadd(STREAM, {"job": number})
            pipeline.execute()
