"""The few steps that most wire tests begin with, and the oracle for "the same content"."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.daemon_process import Connection, Object, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NOT_ALLOWED = -32000
SLACK_SECONDS = 2.0  # what a busy machine may add to a moment that the protocol promises


class Task(NamedTuple):
    """A registered task; `nodes` maps the test's short names to ids, in registration order."""

    id: str
    nodes: dict[str, str]


def register(
    connection: Connection, graph: Mapping[str, Sequence[str]] | None = None, **params: Any
) -> Task:
    """Register a task with these nodes, name → its dependencies; one node "a" if left out."""
    graph = {"a": ()} if graph is None else graph
    nodes = {name: str(uuid.uuid4()) for name in graph}
    initial = [
        {"id": nodes[name], "dependencies": [nodes[before] for before in dependencies]}
        for name, dependencies in graph.items()
    ]
    result = connection.call("RegisterTask", **{"goal": "g", "initial_nodes": initial, **params})
    return Task(result["task_id"], nodes)


def flat(count: int) -> dict[str, tuple[str, ...]]:
    """Return a graph of so many nodes that wait for nothing."""
    return {f"n{index}": () for index in range(count)}


def acquire(connection: Connection, task: Task, **params: Any) -> Object:
    """Acquire the next node, which has to be there."""
    acquired: Object | None = connection.call("AcquireNextNode", task_id=task.id, **params)
    assert acquired is not None, "no runnable node"
    return acquired


def nothing_to_acquire(connection: Connection, task: Task) -> bool:
    """Whether the task has no runnable node now."""
    return connection.call("AcquireNextNode", task_id=task.id) is None


def held(acquired: Object) -> Object:
    """Return the three params that a holder sends with every write."""
    return {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}


def complete(connection: Connection, acquired: Object, result_payload: Any = None) -> str:
    """Complete an acquired node and return the event's id."""
    params = {**held(acquired), "result_payload": result_payload}
    event_id: str = connection.call("CompleteNode", **params)["event_id"]
    return event_id


def fail(connection: Connection, acquired: Object, error_payload: Any = None) -> str:
    """Fail an acquired node and return the event's id."""
    params = {**held(acquired), "error_payload": error_payload}
    event_id: str = connection.call("FailNode", **params)["event_id"]
    return event_id


def status_of(connection: Connection, task: Task) -> Object:
    """Return TaskStatus."""
    status: Object = connection.call("TaskStatus", task_id=task.id)
    return status


def node_of(connection: Connection, task: Task, name: str = "a") -> Object:
    """Return one node as TaskStatus shows it."""
    nodes: list[Object] = status_of(connection, task)["nodes"]
    return next(node for node in nodes if node["id"] == task.nodes[name])


def totals(connection: Connection) -> tuple[int, int, int]:
    """Return how many tasks, nodes and events the database holds."""
    database: Object = connection.call("Metrics")["database"]
    return database["total_tasks"], database["total_nodes"], database["total_events"]


def total_events(connection: Connection) -> int:
    """Return how many events the database holds."""
    return totals(connection)[2]


def refusal(connection: Connection, method: str, **params: Any) -> Refused:
    """Return the refusal of a call that has to be refused."""
    with pytest.raises(Refused) as refused:
        connection.call(method, **params)
    return refused.value


def new_id() -> str:
    """Return an id that nothing has."""
    return str(uuid.uuid4())


def journal_seen_by_a_new_node(connection: Connection, task: Task) -> list[Object]:
    """Acquire the task's next node only to see the event journal in its context."""
    journal: list[Object] = acquire(connection, task)["context"]["event_journal"]
    return journal


def eventually(holds: Callable[[], bool], until: float) -> bool:
    """Ask every 20 ms until `holds` or the wall clock passes `until` (Unix seconds)."""
    while not holds():
        if time.time() > until:
            return False
        time.sleep(0.02)
    return True


def run_out(acquired: Object, acquired_before: float, timeout_seconds: int) -> float:
    """Return the Unix second by which a lease has certainly run out.

    `lease_expires_at` is a whole number, so the exact moment may lie on either side of it.
    """
    return max(float(acquired["lease_expires_at"]), acquired_before + timeout_seconds)


def spelled(text: str | bytes) -> Any:
    """Decode JSON and lose nothing: key order, duplicate keys and the spelling of numbers stay."""
    return json.loads(
        text,
        parse_int=lambda digits: ("number", digits),
        parse_float=lambda digits: ("number", digits),
        object_pairs_hook=lambda pairs: ("object", pairs),
    )


def inside(value: Any, *path: str | int) -> Any:
    """Walk into a `spelled` value by member names and indexes."""
    for step in path:
        value = value[step] if isinstance(step, int) else dict(value[1])[step]
    return value
