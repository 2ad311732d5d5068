"""Requests that wait for a slot, a label or a limit that opens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire.steps import acquire, complete, fail, held, register
from tests.wire.waiting import LONG, ask, waiting, waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.daemon_process import Connection

GPU = [{"name": "a", "limits": ["gpu"]}, {"name": "b", "limits": ["gpu"]}]


def given_back(connection: Connection, lease: dict[str, Any]) -> None:
    """Give a node back."""
    connection.call("ReleaseNode", **held(lease))


def its_task_is_cancelled(connection: Connection, lease: dict[str, Any]) -> None:
    """Take the lease away."""
    connection.call("CancelTask", task_id=lease["task_id"])


@pytest.mark.parametrize("end", [complete, fail, given_back, its_task_is_cancelled])
def test_a_slot_that_comes_back(
    worker: Connection, other: Connection, end: Callable[..., Any]
) -> None:
    """However a lease of another task ends, who waits for a node that names the limit gets it."""
    first = register(other, initial_nodes=GPU[:1])
    second = register(other, initial_nodes=GPU)
    other.call("SetLimit", name="gpu", max_running=1)
    lease = acquire(other, first)
    ask(worker, "AcquireNextNode", task_id=second.id, wait_secs=LONG)
    waits(other)
    end(other, lease)
    found = worker.read_response()["result"]
    assert (found["task_id"], found["name"]) == (second.id, "a")


def test_a_slot_of_a_lease_that_runs_out(worker: Connection, other: Connection) -> None:
    """The daemon ends it, and hands the slot on."""
    first = register(other, initial_nodes=GPU[:1])
    second = register(other, initial_nodes=GPU)
    other.call("SetLimit", name="gpu", max_running=1)
    acquire(other, first, lease_secs=1)
    found = worker.call("AcquireNextNode", task_id=second.id, wait_secs=LONG)
    assert (found["task_id"], found["name"]) == (second.id, "a")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("SetLimit", {"max_running": 2}),
        ("SetLimit", {"max_running": None}),
        ("CloseLimit", {"for_secs": 0}),
    ],
)
def test_a_limit_that_is_changed(
    worker: Connection, other: Connection, method: str, params: dict[str, Any]
) -> None:
    """Raised, taken away, or opened."""
    task = register(other, initial_nodes=GPU)
    other.call("SetLimit", name="gpu", max_running=1 if method == "SetLimit" else 2)
    acquire(other, task)
    if method == "CloseLimit":
        other.call("CloseLimit", name="gpu", for_secs=1_000)
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    waits(other)
    other.call(method, name="gpu", **params)
    assert worker.read_response()["result"]["name"] == "b"


def test_a_limit_that_opens_by_itself(worker: Connection, other: Connection) -> None:
    """Nobody asks, and nothing is written: the moment has come."""
    register(other, initial_nodes=GPU)
    began = time.monotonic()
    other.call("CloseLimit", name="gpu", for_secs=0.5)
    events = other.call("Metrics")["database"]["total_events"]
    assert worker.call("AcquireNextNode", wait_secs=LONG)["name"] == "a"
    assert 0.4 < time.monotonic() - began < LONG / 2
    assert other.call("Metrics")["database"]["total_events"] == events + 1


def test_a_rate_that_has_room_again(worker: Connection, other: Connection) -> None:
    """It is due like any other moment."""
    register(other, initial_nodes=[*GPU, {"name": "c", "limits": ["gpu"]}])
    other.call("SetLimit", name="gpu", max_running=None, rate={"count": 1, "per_secs": 1})
    began = time.monotonic()
    names = [worker.call("AcquireNextNode", wait_secs=LONG)["name"] for _ in range(3)]
    assert names == ["a", "b", "c"]
    assert 1.9 < time.monotonic() - began < LONG / 2


def test_a_rate_that_is_known_after_a_restart(daemon: Any) -> None:
    """Who waits then is woken when it has room."""
    with daemon.connect() as connection:
        register(connection, initial_nodes=GPU)
        connection.call("SetLimit", name="gpu", max_running=None, rate={"count": 1, "per_secs": 2})
        assert connection.call("AcquireNextNode", wait_secs=LONG)["name"] == "a"
    daemon.kill()
    daemon.start()
    with daemon.connect() as connection:
        assert connection.call("AcquireNextNode", wait_secs=LONG)["name"] == "b"


def test_a_slot_that_was_held_before_a_restart(daemon: Any) -> None:
    """The daemon knows which leases have one."""
    with daemon.connect() as connection:
        first = register(connection, initial_nodes=GPU)
        connection.call("SetLimit", name="gpu", max_running=1)
        lease = acquire(connection, first)
    daemon.kill()
    daemon.start()
    with daemon.connect() as connection, daemon.connect() as worker:
        ask(worker, "AcquireNextNode", wait_secs=LONG)
        waits(connection)
        complete(connection, lease)
        assert worker.read_response()["result"]["name"] == "b"


def test_who_offers_too_little_goes_on_waiting(worker: Connection, other: Connection) -> None:
    """First come, first served, among those whom the node fits."""
    ask(worker, "AcquireNextNode", wait_secs=LONG, labels=["cpu"], lease_owner="first")
    waits(other)
    with_gpu = other
    register(with_gpu, initial_nodes=[{"name": "a", "requires": ["gpu"]}])
    assert with_gpu.call("AcquireNextNode", wait_secs=LONG, labels=["gpu", "cpu"])["name"] == "a"
    assert waiting(with_gpu) == 1
    with_gpu.call("RegisterTask", goal="g", initial_nodes=[{"name": "b", "requires": ["cpu"]}])
    assert worker.read_response()["result"]["name"] == "b"


def test_a_node_that_requires_less_now(worker: Connection, other: Connection) -> None:
    """UpdateNode makes work."""
    task = register(other, initial_nodes=[{"name": "a", "requires": ["gpu"]}])
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    waits(other)
    other.call("UpdateNode", task_id=task.id, node_id="a", requires=[])
    assert worker.read_response()["result"]["name"] == "a"


def test_what_workers_offer_is_known(worker: Connection, other: Connection) -> None:
    """By who waits, and by who acquired something: then a node that requires it has a worker."""
    task = register(other, initial_nodes=[{"name": "a", "requires": ["gpu"]}, {"name": "b"}])
    explained = {"task_id": task.id, "node_id": "a"}
    [reason] = other.call("ExplainNode", **explained)["reasons"]
    assert (reason["kind"], reason["labels"]) == ("no_worker", ["gpu"])
    other.call("PauseTask", task_id=task.id)
    ask(worker, "AcquireNextNode", wait_secs=LONG, labels=["gpu", "mac"], lease_owner="anna")
    waits(other)
    kinds = [each["kind"] for each in other.call("ExplainNode", **explained)["reasons"]]
    assert kinds == ["paused"]
    [shown] = other.call("ListWorkers")["workers"]
    assert (shown["owner"], shown["labels"], shown["waiting"]) == ("anna", ["gpu", "mac"], 1)
    other.call("ResumeTask", task_id=task.id)
    assert worker.read_response()["result"]["name"] == "a"
    other.call("RetryNode", task_id=task.id, failed=True)
    assert other.call("ListWorkers")["workers"][0]["labels"] == ["gpu", "mac"]
