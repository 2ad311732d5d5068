"""Rule: a large command is measured by what it does to others, not by its own time alone.

ForkTask of 10,000 nodes, as they are and as they were, and the commits of another client meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

from benchmarks.account import PAYLOAD
from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Json, Wire

NODES = 10_000
COMPLETED = 5_000
_AT_ONCE = 50


def fork(run: Run) -> list[Row]:
    """Fork a task half of which is done, now and as it was, beside a client that commits."""
    with fresh_home() as home, agentd(home, events=0) as daemon, Wire(daemon.socket) as wire:
        task = register_flat(daemon.socket, NODES)
        _complete(wire, task)
        seq = wire.call("WatchEvents", {})["last_seq"]
        small = register_flat(daemon.socket, 1)
        commit = {"task_id": small, "node_id": _first_node(wire, small)}
        rows = []
        for work, more in (("ForkTask, 10,000 nodes", {}), ("  as they were", {"at": seq})):
            times, held = [], [0.0]
            for _ in range(run.rounds):
                with _neighbour(daemon.socket, commit, held):
                    began = perf_counter()
                    made = wire.call("ForkTask", {"task_id": task, **more})
                    times.append(perf_counter() - began)
                assert len(made["node_ids"]) == NODES
            rows.append(at_most(work, median(times), 1.5, "s", worst=max(times)))
            rows.append(at_most("  others' slowest commit", max(held), 0.5, "s"))
    return rows


def _complete(wire: Wire, task: str) -> None:
    for _ in range(0, COMPLETED, _AT_ONCE):
        wanted = {"task_id": task, "count": _AT_ONCE, "context_scope": "none"}
        leases = wire.call("AcquireNodes", wanted)["leases"]
        names = ("task_id", "node_id", "lease_id")
        ended = [{**{name: each[name] for name in names}, "payload": PAYLOAD} for each in leases]
        wire.pipeline([wire.line("CompleteNode", each) for each in ended])


def _first_node(wire: Wire, task: str) -> str:
    node: str = wire.call("TaskStatus", {"task_id": task})["nodes"][0]["id"]
    return node


@contextmanager
def _neighbour(socket: Path, commit: Json, held: list[float]) -> Iterator[None]:
    """Another client's commits, one after the other; the slowest is added to `held` (seconds)."""
    over = Event()

    def go_on() -> None:
        with Wire(socket) as wire:
            while not over.is_set():
                began = perf_counter()
                wire.call("CommitEvent", commit)
                held.append(perf_counter() - began)

    neighbour = Thread(target=go_on)
    neighbour.start()
    try:
        yield
    finally:
        over.set()
        neighbour.join()
