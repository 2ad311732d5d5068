"""Cancelled, paused and timed out over the wire, by a daemon that does the last by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.daemon_process import PATIENCE_SECONDS
from tests.wire.steps import (
    NOT_ALLOWED,
    acquire,
    complete,
    eventually,
    flat,
    held,
    nothing_to_acquire,
    refusal,
    register,
    status_of,
)

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess

IN_TIME = 2.5
"""Seconds in which a holder has its node, and has ended it, however busy the machine is."""


def test_a_holder_learns_of_the_cancellation(connection: Connection) -> None:
    """From its next heartbeat; what it completed before stays so."""
    task = register(connection, flat(2))
    event_id = complete(connection, first := acquire(connection, task))
    second = acquire(connection, task)
    answer = connection.call("CancelTask", task_id=task.id, reason="enough", by="me")
    assert answer == {"ok": True, "cancelled": [task.id]}
    for method in ("HeartbeatNode", "CompleteNode", "FailNode", "CommitEvent"):
        refused = refusal(connection, method, **held(second))
        assert (refused.code, refused.kind) == (NOT_ALLOWED, "task_cancelled")
        assert task.id in refused.message
        assert "enough" in refused.message
    assert complete(connection, first) == event_id
    assert nothing_to_acquire(connection, task)


def test_a_task_is_paused_and_goes_on(connection: Connection) -> None:
    """Only what is new has to wait."""
    task = register(connection, flat(2), paused=True)
    assert nothing_to_acquire(connection, task)
    assert connection.call("ResumeTask", task_id=task.id) == {"ok": True}
    first = acquire(connection, task)
    assert connection.call("pause_task", task_id=task.id) == {"ok": True}
    assert nothing_to_acquire(connection, task)
    complete(connection, first)
    assert status_of(connection, task)["state"] == "PAUSED"
    connection.call("resume_task", task_id=task.id)
    complete(connection, acquire(connection, task))
    assert status_of(connection, task)["state"] == "COMPLETED"
    refused = refusal(connection, "CancelTask", task_id=task.id)
    assert (refused.code, refused.kind) == (NOT_ALLOWED, "task_ended")


def test_usage_as_it_was_written(connection: Connection) -> None:
    """Integers stay integers, and what is added up is no approximation."""
    task = register(connection, budget={"usd": 0.3, "tokens": 10})
    acquired = acquire(connection, task)
    for _ in range(3):
        connection.call("CommitEvent", **held(acquired), usage={"usd": 0.1, "tokens": 1})
    status = connection.call("TaskStatus", task_id=task.id, fields=["usage"])
    assert status["usage"] == {"usd": 0.3, "tokens": 3}
    assert status["budget"] == {"usd": 0.3, "tokens": 10}
    assert [task["runnable"] for task in connection.call("ListTasks", prefix=task.id)["tasks"]] == [
        False
    ]


def test_a_field_that_is_not_known(connection: Connection) -> None:
    """The newer methods refuse it, and say what may have been meant."""
    task = register(connection)
    refused = refusal(connection, "CancelTask", task_id=task.id, reasn="x")
    assert (refused.code, refused.kind) == (-32602, "invalid_params")
    assert "did you mean `reason`?" in refused.message
    assert status_of(connection, task)["state"] == "ACTIVE"


def test_the_daemon_cancels_what_takes_too_long(connection: Connection) -> None:
    """By itself, within a second, the descendants too; and nothing that has ended before."""
    done = register(connection, timeout_secs=IN_TIME)
    complete(connection, acquire(connection, done))
    task = register(connection, timeout_secs=IN_TIME)
    child = register(connection, parent_task_id=task.id)
    acquired = acquire(connection, child)
    assert eventually(
        lambda: status_of(connection, task)["state"] == "CANCELLED", time.time() + PATIENCE_SECONDS
    )
    assert status_of(connection, child)["state"] == "CANCELLED"
    assert "by timeout" in refusal(connection, "HeartbeatNode", **held(acquired)).message
    assert status_of(connection, done)["state"] == "COMPLETED"


def test_what_timed_out_while_the_daemon_was_down(daemon: DaemonProcess) -> None:
    """It is cancelled when the daemon is back, whatever grace leases have."""
    with daemon.connect() as connection:
        task = register(connection, timeout_secs=IN_TIME)
        over_at = time.time() + IN_TIME
        acquire(connection, task)
        assert status_of(connection, task)["state"] == "ACTIVE"
    daemon.kill()
    time.sleep(max(0.0, over_at + 0.1 - time.time()))
    daemon.start()
    with daemon.connect() as connection:
        assert eventually(
            lambda: status_of(connection, task)["state"] == "CANCELLED",
            time.time() + PATIENCE_SECONDS,
        )
