"""Rule: the cost of one call must not grow with the size of its task.

Large tasks: acquiring from one, registering one, adding to one.
"""

from itertools import pairwise
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Json, Wire

LARGE = 20_000  # the most that one request makes
SMALL = 100
REGISTERED = 10_000
ADDED_TO = 100_000
LINE_LIMIT_BYTES = 1_048_576


def acquire(run: Run) -> list[Row]:
    """Acquire from a task of 20,000 nodes and from tasks of 100 nodes in turns."""
    with fresh_home() as home, agentd(home, events=0) as daemon:
        times = _acquire_in_turns(daemon.socket, 3 * run.rounds)
    small, large = (median(column) * 1e3 for column in zip(*times, strict=True))
    return [
        at_most(
            "acquire, 20,000 : 100 nodes", large / small, 1.5, "x", small_ms=small, large_ms=large
        )
    ]


def register(run: Run) -> list[Row]:
    """Register a chain of 10,000 nodes with ids of the client's choice."""
    times: list[float] = []
    with fresh_home() as home, agentd(home) as daemon, Wire(daemon.socket) as wire:
        for _ in range(run.rounds):
            line = chain_line(wire, REGISTERED)
            began = perf_counter()
            wire.send(line)
            wire.receive()
            times.append(perf_counter() - began)
    return [at_most("RegisterTask, 10,000 nodes", median(times), 0.6, "s", worst=max(times))]


def add(run: Run) -> list[Row]:
    """Add ten nodes to a task of 100,000: behind its plan, before its join."""
    step = {"dependencies": ["plan"], "before": ["join"]}
    times: list[float] = []
    with fresh_home() as home, agentd(home) as daemon, Wire(daemon.socket) as wire:
        first = [{"name": "plan"}, {"name": "join", "dependencies": ["plan"]}]
        task_id = wire.call("RegisterTask", {"goal": "grows", "initial_nodes": first})["task_id"]
        for _ in range(ADDED_TO // LARGE):
            nodes = [{"dependencies": ["plan"]}] * LARGE
            wire.call("AddNodes", {"task_id": task_id, "nodes": nodes})
        for _ in range(10 * run.rounds):
            began = perf_counter()
            wire.call("AddNodes", {"task_id": task_id, "nodes": [step] * 10})
            times.append((perf_counter() - began) * 1e3)
    return [at_most("AddNodes, 10 to 100,000 nodes", median(times), 5, "ms", worst=max(times))]


def chain_line(wire: Wire, nodes: int) -> bytes:
    """Return a RegisterTask request in which every node depends on the one before it."""
    # A chain is the deepest graph: a search for cycles that recurses would fail here.
    ids = [str(uuid4()) for _ in range(nodes)]
    chain: list[Json] = [{"id": ids[0]}]
    chain += [{"id": node, "dependencies": [before]} for before, node in pairwise(ids)]
    line = wire.line("RegisterTask", {"goal": "chain", "initial_nodes": chain})
    # 102 bytes a node: 10,000 of them are the most that one line can carry in this form.
    assert len(line) <= LINE_LIMIT_BYTES, f"{len(line)} bytes do not fit into one request"
    return line


def _acquire_in_turns(socket: Path, small_tasks: int) -> list[tuple[float, float]]:
    large = register_flat(socket, LARGE)
    times: list[tuple[float, float]] = []
    with Wire(socket) as wire:
        for _ in range(small_tasks):
            small = register_flat(socket, SMALL)
            times += [(_cycle(wire, small), _cycle(wire, large)) for _ in range(SMALL)]
    return times


def _cycle(wire: Wire, task_id: str) -> float:
    # Only the acquire is timed. The node is completed so that what lies behind the next one grows.
    began = perf_counter()
    held = wire.call("AcquireNextNode", {"task_id": task_id})
    elapsed = perf_counter() - began
    wire.call("CompleteNode", {key: held[key] for key in ("task_id", "node_id", "lease_id")})
    return elapsed
