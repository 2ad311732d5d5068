"""Requests that wait: answered by a commit, or when their time is over."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon_process import DaemonProcess
from tests.wire.steps import (
    acquire,
    complete,
    fail,
    flat,
    register,
    run_out,
)
from tests.wire.waiting import LONG, ask, waiting, waits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Connection


def test_one_boring_example(worker: Connection, other: Connection) -> None:
    """A worker that waits gets the node as soon as it is registered."""
    ask(worker, "AcquireNextNode", wait_secs=LONG, lease_owner="w")
    waits(other)
    task = register(other)
    lease = worker.read_response()["result"]
    assert (lease["node_id"], lease["lease_owner"]) == (task.nodes["a"], "w")
    assert waiting(other) == 0


def test_the_time_is_over(worker: Connection) -> None:
    """It is answered with null, or without leases, not earlier and not much later."""
    for method, more, nothing in (
        ("AcquireNextNode", {}, None),
        ("AcquireNodes", {"count": 2}, {"leases": []}),
    ):
        began = time.monotonic()
        assert worker.call(method, wait_secs=0.3, **more) == nothing
        assert time.monotonic() - began >= 0.29


def test_what_is_there_is_not_waited_for(worker: Connection) -> None:
    """A wait is for what is not there yet."""
    task = register(worker)
    assert acquire(worker, task, wait_secs=LONG)["node_id"] == task.nodes["a"]


@pytest.mark.parametrize("end", [complete, fail])
def test_the_end_of_a_node(worker: Connection, other: Connection, end: Any) -> None:
    """What a completion makes runnable is handed out; a failure that ends the task ends waits."""
    task = register(other, {"a": (), "b": ["a"]})
    first = acquire(other, task)
    ask(worker, "AcquireNextNode", task_id=task.id, wait_secs=LONG)
    waits(other)
    end(other, first)
    lease = worker.read_response()["result"]
    assert (lease and lease["node_id"]) == (task.nodes["b"] if end is complete else None)


def test_a_task_that_has_ended(worker: Connection) -> None:
    """A wait for its nodes is answered at once."""
    task = register(worker)
    complete(worker, acquire(worker, task))
    assert worker.call("AcquireNextNode", task_id=task.id, wait_secs=LONG) is None


def test_a_task_without_nodes_has_not_ended(worker: Connection) -> None:
    """Somebody may give it some."""
    task = register(worker, {})
    began = time.monotonic()
    assert worker.call("AcquireNextNode", task_id=task.id, wait_secs=0.2) is None
    assert time.monotonic() - began >= 0.19


def test_a_lease_that_runs_out(home: Path) -> None:
    """Its node is handed to who waits, within a second or so."""
    with (
        DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="1") as daemon,
        daemon.connect() as holder,
        daemon.connect() as worker,
    ):
        before = time.time()
        lost = acquire(holder, register(holder))
        ask(worker, "AcquireNextNode", wait_secs=LONG)
        found = worker.read_response()["result"]
        assert found["node_id"] == lost["node_id"]
        assert time.time() >= run_out(lost, before, 1) - 1


def test_first_come_first_served(daemon: DaemonProcess, other: Connection) -> None:
    """Who has waited longest gets the node, of whatever task he wants one."""
    with ExitStack() as stack:
        workers = [stack.enter_context(daemon.connect()) for _ in range(6)]
        tasks = [register(other, {}) for _ in range(2)]
        for number, worker in enumerate(workers):
            ask(worker, "AcquireNextNode", wait_secs=LONG, lease_owner=f"{number}")
            waits(other, number=number + 1)
        assert len(tasks) == 2
        for number, worker in enumerate(workers):
            register(other)
            assert worker.read_response()["result"]["lease_owner"] == f"{number}"


def test_a_crowd_shares_what_there_is(daemon: DaemonProcess, other: Connection) -> None:
    """Many nodes at once go to as many who wait, each to one; the others wait on."""
    with ExitStack() as stack:
        workers = [stack.enter_context(daemon.connect()) for _ in range(40)]
        for worker in workers:
            ask(worker, "AcquireNextNode", wait_secs=LONG)
        waits(other, number=40)
        task = register(other, flat(30))
        got = {worker.read_response()["result"]["node_id"] for worker in workers[:30]}
        assert got == set(task.nodes.values())
        waits(other, number=10)


def test_several_nodes_are_waited_for(worker: Connection, other: Connection) -> None:
    """AcquireNodes waits for the first, and takes what there is then."""
    ask(worker, "AcquireNodes", count=5, wait_secs=LONG)
    waits(other)
    task = register(other, flat(3))
    leases = worker.read_response()["result"]["leases"]
    assert [lease["node_id"] for lease in leases] == [*task.nodes.values()]
