"""HeartbeatNode: a holder says that it is still at work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.daemon_process import DaemonProcess
from tests.wire.steps import (
    NOT_ALLOWED,
    acquire,
    complete,
    held,
    new_id,
    node_of,
    nothing_to_acquire,
    refusal,
    register,
    total_events,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Connection


def test_one_boring_example(connection: Connection) -> None:
    """A heartbeat is answered with ok and the lease's new end."""
    result = connection.call("HeartbeatNode", **held(acquire(connection, register(connection))))
    assert result["ok"] is True
    assert type(result["lease_expires_at"]) is int


def test_the_lease_ends_at_now_plus_timeout(connection: Connection) -> None:
    """A heartbeat extends the lease to now + timeout."""
    acquired = acquire(connection, register(connection))
    time.sleep(1.1)
    before = time.time()
    expires_at = connection.call("HeartbeatNode", **held(acquired))["lease_expires_at"]
    assert expires_at > acquired["lease_expires_at"]
    assert before + 300 - 1 < expires_at < time.time() + 300 + 1


def test_the_new_end_is_seen_by_everybody(connection: Connection) -> None:
    """TaskStatus shows the lease as the heartbeat left it."""
    task = register(connection)
    acquired = acquire(connection, task, lease_owner="w")
    expires_at = connection.call("HeartbeatNode", **held(acquired))["lease_expires_at"]
    node = node_of(connection, task)
    assert (node["status"], node["lease_owner"]) == ("RUNNING", "w")
    assert (node["lease_id"], node["lease_expires_at"]) == (acquired["lease_id"], expires_at)


def test_heartbeats_keep_a_lease_beyond_its_timeout(home: Path) -> None:
    """A lease of 4 s that is extended in time never runs out."""
    with (
        DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="4") as daemon,
        daemon.connect() as connection,
    ):
        task = register(connection)
        acquired = acquire(connection, task)
        for _ in range(10):
            time.sleep(0.5)
            connection.call("HeartbeatNode", **held(acquired))
            assert nothing_to_acquire(connection, task)
        assert node_of(connection, task)["lease_id"] == acquired["lease_id"]


def test_another_lease_is_stale(connection: Connection) -> None:
    """A heartbeat with another lease is refused and extends nothing."""
    task = register(connection)
    acquired = acquire(connection, task)
    before = (total_events(connection), node_of(connection, task))
    refused = refusal(connection, "HeartbeatNode", **{**held(acquired), "lease_id": new_id()})
    assert (refused.code, refused.kind) == (NOT_ALLOWED, "stale_lease")
    assert (total_events(connection), node_of(connection, task)) == before


def test_no_heartbeat_after_the_completion(connection: Connection) -> None:
    """A COMPLETED node takes no heartbeat."""
    task = register(connection)
    acquired = acquire(connection, task)
    complete(connection, acquired)
    assert refusal(connection, "HeartbeatNode", **held(acquired)).code == NOT_ALLOWED
    assert node_of(connection, task)["lease_expires_at"] is None


def test_the_lease_is_required(connection: Connection) -> None:
    """A heartbeat without a lease_id is refused, and the field named."""
    params = held(acquire(connection, register(connection)))
    del params["lease_id"]
    refused = refusal(connection, "HeartbeatNode", **params)
    assert refused.code == -32602
    assert "lease_id" in refused.message
