"""Requests that wait while tasks are held, tried again, given back and ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire.steps import acquire, fail, held, register
from tests.wire.waiting import LONG, ask, waiting, waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.daemon_process import Connection


def node(**said: Any) -> list[dict[str, Any]]:
    """One node that says this of itself."""
    return [{"name": "a", **said}]


@pytest.mark.parametrize("of_any", [True, False])
@pytest.mark.parametrize(
    ("known", "method", "params"),
    [
        ({"paused": True}, "ResumeTask", {}),
        ({"budget": {"usd": 0}}, "SetBudget", {"budget": {"usd": 1}}),
        ({"budget": {"usd": 0}}, "SetBudget", {"budget": None}),
    ],
)
def test_a_task_that_goes_on(
    worker: Connection,
    other: Connection,
    known: dict[str, Any],
    method: str,
    params: dict[str, Any],
    *,
    of_any: bool,
) -> None:
    """Its node is handed out to who waits, whether for it or for any."""
    task = register(other, **known)
    ask(worker, "AcquireNextNode", wait_secs=LONG, **({} if of_any else {"task_id": task.id}))
    waits(other)
    other.call(method, task_id=task.id, **params)
    assert worker.read_response()["result"]["node_id"] == task.nodes["a"]


def test_a_task_that_is_cancelled(worker: Connection, other: Connection) -> None:
    """Who waits for it is answered at once; who waits for any goes on waiting."""
    task = register(other, paused=True)
    ask(worker, "AcquireNextNode", task_id=task.id, wait_secs=LONG)
    waits(other)
    other.call("CancelTask", task_id=task.id)
    assert worker.read_response()["result"] is None
    assert worker.call("AcquireNextNode", task_id=task.id, wait_secs=LONG) is None


def test_a_time_that_is_over(worker: Connection, other: Connection) -> None:
    """The daemon cancels the task: who waits for it is answered."""
    task = register(other, paused=True, timeout_secs=0.5)
    began = time.monotonic()
    assert worker.call("AcquireNextNode", task_id=task.id, wait_secs=LONG) is None
    assert time.monotonic() - began < LONG / 2


def given_back(connection: Connection, lease: dict[str, Any]) -> None:
    """Give a node back at once."""
    connection.call("ReleaseNode", **held(lease))


def given_back_for_a_while(connection: Connection, lease: dict[str, Any]) -> None:
    """Give a node back that is not handed out at once."""
    connection.call("ReleaseNode", **held(lease), after_secs=0.3)


@pytest.mark.parametrize("end", [fail, given_back, given_back_for_a_while])
@pytest.mark.parametrize("of_any", [True, False])
def test_a_node_that_comes_back(
    worker: Connection, other: Connection, end: Callable[..., Any], *, of_any: bool
) -> None:
    """After a failure with attempts left, or a release: when its pause is over."""
    nodes = node(retry={"max_attempts": 2, "backoff_secs": 0.2})
    task = register(other, initial_nodes=nodes)
    lease = acquire(other, task)
    ask(worker, "AcquireNextNode", wait_secs=LONG, **({} if of_any else {"task_id": task.id}))
    waits(other)
    end(other, lease)
    again = worker.read_response()["result"]
    assert (again["name"], again["attempt"]) == ("a", 2)


def test_a_node_that_is_tried_again(worker: Connection, other: Connection) -> None:
    """RetryNode makes work."""
    task = register(other)
    fail(other, acquire(other, task))
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    waits(other)
    other.call("RetryNode", task_id=task.id, failed=True)
    assert worker.read_response()["result"]["node_id"] == task.nodes["a"]


def test_a_moment_that_comes(worker: Connection) -> None:
    """A node that waits for its moment is handed out then."""
    task = register(worker, initial_nodes=node(not_before=time.time() + 0.5))
    assert worker.call("AcquireNextNode", task_id=task.id, wait_secs=LONG)["name"] == "a"


def test_one_node_and_no_other(worker: Connection, other: Connection) -> None:
    """Who waits for a node that does not come is passed by: he speaks for nobody else."""
    nodes = [{"name": "a"}, {"name": "b"}]
    task = register(other, initial_nodes=nodes)
    leases = {lease["name"]: lease for lease in (acquire(other, task), acquire(other, task))}
    ask(worker, "AcquireNextNode", task_id=task.id, node_id="a", wait_secs=LONG)
    waits(other)
    given_back(other, leases["b"])
    assert acquire(other, task)["name"] == "b"
    assert waiting(other) == 1
    given_back(other, leases["a"])
    assert worker.read_response()["result"]["name"] == "a"
