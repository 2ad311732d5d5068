"""Rule: agentd stands beside its peers as one of them: its own client, every result counted.

The daemon with contexts of 0 events, as in `drain`, but reached through the library that a
Python agent imports, as the peers are through theirs. The end of a node brings the next one along,
as it does in `agentd work` and in `Worker`.
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
        wanted = {"task_id": task_id, "lease_owner": name}
        came_along: list[Any] = []

        def lease() -> Any:
            return came_along.pop() if came_along else client.call("AcquireNextNode", wanted)

        def complete(held: dict[str, Any]) -> None:
            lease = {"task_id": task_id, "node_id": held["node_id"], "lease_id": held["lease_id"]}
            ending = lease | {"result_payload": PAYLOAD, "acquire_next": wanted}
            came_along.append(client.call("CompleteNode", ending)["next"])

        # The connection is made at the first call, which must not be the first that is timed.
        client.call("Health")
        yield lambda: work(lease, complete)


def results(address: str) -> int:
    """Return the number of nodes with a result."""
    task_id, client = _reach(address)
    with client:
        nodes = client.call("TaskStatus", {"task_id": task_id})["nodes"]
    return sum(node["result_payload"] == PAYLOAD for node in nodes)


def _reach(address: str) -> tuple[str, Client]:
    task_id, socket = address.split(" ", maxsplit=1)
    return task_id, Client(socket)
