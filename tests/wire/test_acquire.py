"""AcquireNextNode: who gets which node, and that nobody else has it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.daemon_process import PATIENCE_SECONDS
from tests.wire.steps import (
    acquire,
    complete,
    fail,
    flat,
    node_of,
    nothing_to_acquire,
    register,
    status_of,
)

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess
    from tests.wire.steps import Task

WORKERS = 8
DIAMOND = {"top": (), "left": ["top"], "right": ["top"], "bottom": ["left", "right"]}


def drained(connection: Connection, task: Task) -> list[str]:
    """Acquire and complete until nothing is left; return the names in the order of acquisition."""
    names = {node_id: name for name, node_id in task.nodes.items()}
    order = []
    while acquired := connection.call("AcquireNextNode", task_id=task.id):
        complete(connection, acquired)
        order.append(names[acquired["node_id"]])
    return order


def test_one_boring_example(connection: Connection) -> None:
    """A runnable node is handed out under a lease."""
    task = register(connection)
    acquired = acquire(connection, task, lease_owner="worker-1")
    assert (acquired["task_id"], acquired["node_id"]) == (task.id, task.nodes["a"])
    assert acquired["lease_owner"] == "worker-1"
    assert node_of(connection, task)["status"] == "RUNNING"


def test_the_fields_of_a_lease(connection: Connection) -> None:
    """The result has the ids, the lease and the context."""
    acquired = acquire(connection, register(connection))
    assert set(acquired) >= {
        "task_id",
        "node_id",
        "lease_id",
        "lease_owner",
        "lease_expires_at",
        "context",
    }


def test_the_owner_is_anonymous_by_default(connection: Connection) -> None:
    """`lease_owner` defaults to "anonymous"."""
    assert acquire(connection, register(connection))["lease_owner"] == "anonymous"


def test_the_owner_may_have_any_name(connection: Connection) -> None:
    """The owner's name is any string that the worker chose."""
    owner = "Arbeiter №1 🚀"
    task = register(connection)
    assert acquire(connection, task, lease_owner=owner)["lease_owner"] == owner
    assert node_of(connection, task)["lease_owner"] == owner


def test_a_lease_lasts_for_the_timeout(connection: Connection) -> None:
    """A lease expires at now + timeout, in whole Unix seconds."""
    task = register(connection)
    before = time.time()
    expires_at = acquire(connection, task)["lease_expires_at"]
    assert type(expires_at) is int
    assert before + 300 - 1 <= expires_at <= time.time() + 300 + 1


def test_every_acquisition_has_a_lease_of_its_own(connection: Connection) -> None:
    """No two leases share an id."""
    task = register(connection, flat(20))
    assert len({acquire(connection, task)["lease_id"] for _ in task.nodes}) == 20


def test_null_for_a_task_without_nodes(connection: Connection) -> None:
    """A task without nodes has nothing to acquire: null."""
    assert nothing_to_acquire(connection, register(connection, {}))


def test_null_while_all_are_running(connection: Connection) -> None:
    """A node that somebody holds is not handed out again: null."""
    task = register(connection)
    acquire(connection, task)
    assert nothing_to_acquire(connection, task)


def test_null_when_all_is_done(connection: Connection) -> None:
    """A COMPLETED node and a FAILED one are never handed out again: null."""
    task = register(connection, flat(2))
    complete(connection, acquire(connection, task))
    fail(connection, acquire(connection, task))
    assert nothing_to_acquire(connection, task)


def test_registration_order(connection: Connection) -> None:
    """Runnable nodes are handed out in the order they were registered."""
    task = register(connection, flat(50))
    assert [acquire(connection, task)["node_id"] for _ in task.nodes] == list(task.nodes.values())


def test_registration_order_holds_for_nodes_that_become_runnable(connection: Connection) -> None:
    """A node that becomes runnable late comes before those that were registered after it."""
    task = register(connection, {"a": ["c"], "b": (), "c": (), "d": ()})
    acquire(connection, task)
    third = acquire(connection, task)
    assert third["node_id"] == task.nodes["c"]
    complete(connection, third)
    assert acquire(connection, task)["node_id"] == task.nodes["a"]
    assert acquire(connection, task)["node_id"] == task.nodes["d"]


def test_a_node_waits_for_its_dependency(connection: Connection) -> None:
    """A node is not runnable while a dependency is PENDING or RUNNING."""
    task = register(connection, {"b": ["a"], "a": ()})
    first = acquire(connection, task)
    assert first["node_id"] == task.nodes["a"]
    assert nothing_to_acquire(connection, task)
    complete(connection, first)
    assert acquire(connection, task)["node_id"] == task.nodes["b"]


def test_a_node_waits_for_all_its_dependencies(connection: Connection) -> None:
    """A node is runnable when the last of its dependencies is COMPLETED, not before."""
    task = register(connection, DIAMOND)
    complete(connection, acquire(connection, task))
    left, right = acquire(connection, task), acquire(connection, task)
    complete(connection, right)
    assert nothing_to_acquire(connection, task)
    complete(connection, left)
    assert acquire(connection, task)["node_id"] == task.nodes["bottom"]


def test_a_graph_is_drained_in_its_order(connection: Connection) -> None:
    """A single worker walks the graph, each node after what it depends on."""
    graph = {"d": ["b", "c"], "c": ["a"], "b": ["a"], "a": (), "e": ()}
    assert drained(connection, register(connection, graph)) == ["a", "c", "b", "d", "e"]


def test_a_completion_frees_all_dependents(connection: Connection) -> None:
    """All nodes that waited for one node alone become runnable with it."""
    task = register(connection, {"a": (), **{f"b{index}": ["a"] for index in range(30)}})
    assert drained(connection, task) == list(task.nodes)


def test_a_failed_dependency_never_frees(connection: Connection) -> None:
    """A node whose dependency FAILED stays PENDING and is never handed out."""
    task = register(connection, {"a": (), "b": ["a"], "c": ["b"]})
    fail(connection, acquire(connection, task))
    assert nothing_to_acquire(connection, task)
    assert status_of(connection, task)["counts"] == {"FAILED": 1, "PENDING": 2}


def test_a_failure_among_completions_never_frees(connection: Connection) -> None:
    """One FAILED dependency is enough to keep a node waiting."""
    task = register(connection, DIAMOND)
    complete(connection, acquire(connection, task))
    complete(connection, acquire(connection, task))
    fail(connection, acquire(connection, task))
    assert nothing_to_acquire(connection, task)


def test_a_failure_leaves_the_rest_runnable(connection: Connection) -> None:
    """Nodes that do not depend on the FAILED one go on."""
    task = register(connection, {"a": (), "b": ["a"], "c": ()})
    fail(connection, acquire(connection, task))
    assert drained(connection, task) == ["c"]


def test_tasks_do_not_mix(connection: Connection) -> None:
    """A task hands out its own nodes only."""
    first, second = register(connection), register(connection)
    assert acquire(connection, second)["node_id"] == second.nodes["a"]
    assert nothing_to_acquire(connection, second)
    assert acquire(connection, first)["node_id"] == first.nodes["a"]


def test_eight_workers_drain_a_task(shared: DaemonProcess, connection: Connection) -> None:
    """Eight connections that drain one task never hold one node together."""
    task = register(connection, flat(100))
    start = threading.Barrier(WORKERS)

    def work(number: int) -> list[str]:
        mine = []
        with shared.connect() as worker:
            start.wait(PATIENCE_SECONDS)
            params = {"task_id": task.id, "lease_owner": f"worker-{number}"}
            while acquired := worker.call("AcquireNextNode", **params):
                mine.append(acquired["node_id"])
                complete(worker, acquired)
        return mine

    with ThreadPoolExecutor(WORKERS) as pool:
        taken = [node_id for mine in pool.map(work, range(WORKERS)) for node_id in mine]
    assert sorted(taken) == sorted(task.nodes.values())
    assert status_of(connection, task)["counts"] == {"COMPLETED": 100}


def test_eight_workers_want_one_node(shared: DaemonProcess, connection: Connection) -> None:
    """Of eight connections that ask for the only node at once, one gets it."""
    tasks = [register(connection) for _ in range(10)]
    start = threading.Barrier(WORKERS)

    def work(_: int) -> list[bool]:
        with shared.connect() as worker:
            got = []
            for task in tasks:
                start.wait(PATIENCE_SECONDS)
                got.append(not nothing_to_acquire(worker, task))
        return got

    with ThreadPoolExecutor(WORKERS) as pool:
        winners = zip(*pool.map(work, range(WORKERS)), strict=True)
    assert [sum(got) for got in winners] == [1] * len(tasks)
