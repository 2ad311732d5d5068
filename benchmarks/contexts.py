"""Rule: what the last worker of a talkative task is sent is as small as what an early one is.

1,000 nodes, each of which depends on the five before it; every agent notes three things of 8,000
bytes each and leaves a result of 1,000.
"""

from statistics import median
from time import perf_counter

import msgspec

from benchmarks.daemons import agentd, fresh_home
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.wire import Wire

NODES = 1_000
DEPENDENCIES = 5
NOTES = 3
NOTE = "x" * 8_000
RESULT = "x" * 1_000
LAST = 20
"""Nodes at the end that are measured, for each scope."""

BARS = {"task": 300.0, "node": 160.0, "none": 16.0}
"""KiB: the default bound of the events' payloads is 256; a node has four of each dependency and its
own."""

_size = msgspec.json.Encoder().encode


def contexts(run: Run) -> list[Row]:
    """Bytes of a context at the end of the task, by its scope."""
    sizes: dict[str, list[int]] = {scope: [] for scope in BARS}
    seconds: dict[str, list[float]] = {scope: [] for scope in BARS}
    nodes = NODES if run.rounds > 1 else NODES // 5
    with fresh_home() as home, agentd(home) as daemon, Wire(daemon.socket) as wire:
        task_id = wire.call("RegisterTask", {"goal": "talk", "initial_nodes": _nodes(nodes)})[
            "task_id"
        ]
        for number in range(nodes):
            scope = tuple(BARS)[number % len(BARS)]
            began = perf_counter()
            lease = wire.call("AcquireNextNode", {"task_id": task_id, "context_scope": scope})
            took = perf_counter() - began
            if number >= nodes - len(BARS) * LAST:
                sizes[scope].append(len(_size(lease["context"])))
                seconds[scope].append(took)
            _talk(wire, {name: lease[name] for name in ("task_id", "node_id", "lease_id")})
    return [
        at_most(
            f"context of the last of {nodes:,}, {scope}",
            median(sizes[scope]) / 1024,
            bar,
            "KiB",
            acquire_ms=median(seconds[scope]) * 1e3,
        )
        for scope, bar in BARS.items()
    ]


def _nodes(count: int) -> list[dict[str, object]]:
    names = [f"n{number}" for number in range(count)]
    return [
        {"name": name, "dependencies": names[max(number - DEPENDENCIES, 0) : number]}
        for number, name in enumerate(names)
    ]


def _talk(wire: Wire, held: dict[str, str]) -> None:
    """What one agent says, and how it ends."""
    for _ in range(NOTES):
        wire.call("CommitEvent", {**held, "payload": NOTE})
    wire.call("CompleteNode", {**held, "result_payload": RESULT})
