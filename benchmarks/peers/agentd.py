"""Rule: agentd stands beside its peers as one of them: its own client, every result counted.

The daemon with contexts of 0 events, as in `drain`, but reached through the library that a
Python agent imports, as the peers are through theirs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentd.client import Client
from benchmarks import daemons
from benchmarks.account import PAYLOAD, work
from benchmarks.load import register_flat
from benchmarks.peers.peer import Drain


@contextmanager
def serve(home: Path, jobs: int) -> Iterator[str]:
    """Run a daemon with one flat task."""
    with daemons.agentd(home, events=0) as daemon:
        yield f"{register_flat(daemon.socket, jobs)} {daemon.socket}"


@contextmanager
def connect(address: str, name: str) -> Iterator[Drain]:
    """Connect to the daemon."""
    task_id, client = _reach(address)
    with client:
        acquire = {"task_id": task_id, "lease_owner": name}

        def complete(held: dict[str, Any]) -> None:
            lease = {"task_id": task_id, "node_id": held["node_id"], "lease_id": held["lease_id"]}
            client.call("CompleteNode", lease | {"result_payload": PAYLOAD})

        # The connection is made at the first call, which must not be the first that is timed.
        client.call("Health")
        yield lambda: work(lambda: client.call("AcquireNextNode", acquire), complete)


def results(address: str) -> int:
    """Return the number of nodes with a result."""
    task_id, client = _reach(address)
    with client:
        nodes = client.call("TaskStatus", {"task_id": task_id})["nodes"]
    return sum(node["result_payload"] == PAYLOAD for node in nodes)


def _reach(address: str) -> tuple[str, Client]:
    task_id, socket = address.split(" ", maxsplit=1)
    return task_id, Client(socket)
