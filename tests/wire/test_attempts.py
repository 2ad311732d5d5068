"""Attempts on the wire: what the daemon does by itself, and what it counts. Real seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon_process import DaemonProcess, Object, temporary_home
from tests.wire.steps import NOT_ALLOWED, acquire, eventually, held, refusal, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import Connection
    from tests.wire.steps import Task

PATIENCE = 30
BAD_RETRY = {"retry": {"attempts": 1}}
RETRY = {"max_attempts": 2, "backoff_secs": 0.2, "jitter": 0}


@pytest.fixture(scope="module")
def shared() -> Iterator[DaemonProcess]:
    """A daemon of its own, for what is counted."""
    with temporary_home() as home, DaemonProcess(home) as process:
        yield process


def one_node(connection: Connection, **settings: Any) -> Task:
    """A task whose only node, "a", has these settings."""
    return register(connection, {}, initial_nodes=[{"name": "a", **settings}])


def shown(connection: Connection, task: Task) -> Object:
    """The node "a" as NodeStatus shows it."""
    status: Object = connection.call("NodeStatus", task_id=task.id, node_id="a")
    return status


def becomes(connection: Connection, task: Task, **expected: Any) -> bool:
    """Whether the node's view has these fields within a while."""

    def holds() -> bool:
        node = shown(connection, task)["node"]
        return all(node[name] == value for name, value in expected.items())

    return eventually(holds, time.time() + PATIENCE)


def test_an_attempt_that_takes_too_long_is_ended_by_the_daemon(connection: Connection) -> None:
    """Nobody asks for it; then it is tried again, and ended again."""
    task = one_node(connection, timeout_secs=1, retry=RETRY)
    first = acquire(connection, task)
    assert becomes(connection, task, status="PENDING", not_before=None)
    second = acquire(connection, task)
    assert second["attempt"] == 2
    [told] = second["context"]["attempts"]
    assert (told["how"], told["kind"]) == ("timed_out", "timeout")
    assert told["ended_at"] >= first["deadline_at"]
    assert becomes(connection, task, status="FAILED")
    result = shown(connection, task)["node"]["result_payload"]
    assert (result["kind"], result["timeout_secs"]) == ("timeout", 1)
    assert [each["how"] for each in result["attempts"]] == ["timed_out"] * 2
    refused = refusal(connection, "FailNode", **held(second))
    assert (refused.code, refused.data["kind"]) == (NOT_ALLOWED, "illegal_transition")


def test_heartbeats_do_not_help_an_attempt_that_takes_too_long(connection: Connection) -> None:
    """A lease is extended to the attempt's deadline, and no further."""
    acquired = acquire(connection, one_node(connection, timeout_secs=60))
    assert (
        connection.call("HeartbeatNode", **held(acquired))["lease_expires_at"]
        <= acquired["deadline_at"]
    )


def test_a_moment_comes_by_itself(connection: Connection) -> None:
    """A node is listed as runnable when its moment has come, without anybody asking for it."""
    moment = time.time() + 3
    task = one_node(connection, not_before=moment)
    assert connection.call("AcquireNextNode", task_id=task.id) is None
    assert shown(connection, task)["node"]["not_before"] == pytest.approx(moment, abs=0.001)
    assert becomes(connection, task, not_before=None)
    assert time.time() >= moment
    assert acquire(connection, task)["name"] == "a"


def test_a_pause_survives_the_daemon() -> None:
    """What waits for its next try does so after a restart too."""
    with temporary_home() as home:
        with DaemonProcess(home) as process, process.connect() as connection:
            task = one_node(connection, retry={**RETRY, "backoff_secs": 2})
            failed = connection.call("FailNode", **held(acquire(connection, task)))
        with DaemonProcess(home) as process, process.connect() as connection:
            assert shown(connection, task)["node"]["not_before"] in (None, failed["not_before"])
            assert becomes(connection, task, not_before=None)
            assert time.time() >= failed["not_before"]
            assert acquire(connection, task)["attempt"] == 2


def test_a_node_is_given_back_and_tried_again(connection: Connection) -> None:
    """Release, failure and retry, each with its answer."""
    task = one_node(connection)
    released = connection.call("ReleaseNode", **held(acquire(connection, task)), reason="r")
    assert (released["status"], released["not_before"]) == ("PENDING", None)
    failed = connection.call("FailNode", **held(acquire(connection, task)), error_payload=1)
    assert (failed["status"], failed["attempt"], failed["not_before"]) == ("FAILED", 2, None)
    retried = connection.call("RetryNode", task_id=task.id, failed=True)
    assert retried["node_ids"] == [shown(connection, task)["node"]["id"]]
    assert acquire(connection, task, node_id="a", lease_secs=7)["attempt"] == 3
    refused = refusal(connection, "RetryNode", task_id=task.id, node_id="a")
    assert (refused.code, refused.data["kind"]) == (NOT_ALLOWED, "not_retryable")


def test_failures_are_counted_by_kind(shared: DaemonProcess, connection: Connection) -> None:
    """The 64 most frequent, the rest as `other`; a node that is tried again has not failed."""
    before = connection.call("Metrics")["runtime"]
    assert "many" not in before["failures_by_kind"]
    task = one_node(connection, retry={"max_attempts": 1000, "backoff_secs": 0})
    kinds = ["many", *[f"kind {n}" for n in range(70)], "many", "timeout", "timeout"]
    for kind in (*kinds, None):
        connection.call("FailNode", **held(acquire(connection, task)), kind=kind)
    after = connection.call("Metrics")["runtime"]
    counted = after["failures_by_kind"]
    assert (counted["many"], len(counted)) == (2, 65)
    assert sum(counted.values()) == len(kinds) + sum(before["failures_by_kind"].values())
    assert after["failed_nodes"] == before["failed_nodes"]
    with DaemonProcess.connect(shared) as another:
        assert another.call("Metrics")["runtime"]["failures_by_kind"] == counted


def test_fields_that_are_not_known_are_refused(connection: Connection) -> None:
    """In new methods and in what a node or a task says of retries; of a node they are told."""
    task = one_node(connection, retyr={})
    for method, field, params in (
        (
            "RegisterTask",
            "max_attempts",
            {"goal": "g", "node_defaults": {"retry": {"attempts": 1}}},
        ),
        ("NodeStatus", "node_id", {"task_id": task.id, "node_id": "a", "nodeid": 1}),
    ):
        refused = refusal(connection, method, **params)
        assert refused.code == -32602
        assert f"did you mean `{field}`?" in refused.message
    told = connection.call("RegisterTask", goal="g", initial_nodes=[{"retyr": {}}])
    assert "did you mean `retry`?" in told["warnings"][0]
