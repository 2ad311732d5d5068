"""Leases that run out while the daemon is awake. Real seconds: the contract counts them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.daemon_process import (
    PATIENCE_SECONDS,
    DaemonProcess,
    Object,
    Refused,
    temporary_home,
)
from tests.stopwatch import Stopwatch
from tests.wire.steps import (
    NOT_ALLOWED,
    SLACK_SECONDS,
    Task,
    acquire,
    complete,
    eventually,
    flat,
    held,
    node_of,
    refusal,
    register,
    run_out,
    status_of,
    total_events,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon_process import Connection

TIMEOUT = 1
IN_TIME = 3
"""Seconds in which a holder has ended its node, however busy the machine is."""

METHODS = ["HeartbeatNode", "CompleteNode", "FailNode", "CommitEvent"]


def with_payload(method: str, acquired: Object) -> Object:
    """Return what the holder of this lease would send."""
    return held(acquired) if method == "HeartbeatNode" else {**held(acquired), "payload": {}}


class RolledBack(NamedTuple):
    """A task whose only node was acquired, left alone, and rolled back by the daemon itself."""

    task: Task
    acquired: Object
    seconds_late: float
    seconds_in_queues: float
    rollbacks: int


@pytest.fixture(scope="module")
def shared() -> Iterator[DaemonProcess]:
    """A daemon whose leases last for one second."""
    with (
        temporary_home() as home,
        DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS=str(TIMEOUT)) as process,
    ):
        yield process


@pytest.fixture(scope="module")
def rolled_back(shared: DaemonProcess) -> RolledBack:
    """Wait for a rollback that no request asks for."""
    with shared.connect() as connection:
        before = connection.call("Metrics")["runtime"]["timeout_rollbacks"]
        task = register(connection)
        watch = Stopwatch(shared.pid)
        acquired = acquire(connection, task, lease_owner="lost")
        expiry = run_out(acquired, time.time(), TIMEOUT)
        pending = eventually(
            lambda: node_of(connection, task)["status"] == "PENDING",
            until=expiry + PATIENCE_SECONDS,
        )
        late = time.time() - expiry
        in_queues = watch.in_queues
        assert pending, "never rolled back"
        rollbacks = connection.call("Metrics")["runtime"]["timeout_rollbacks"] - before
    return RolledBack(task, acquired, late, in_queues, rollbacks)


def test_health_tells_the_timeout(connection: Connection) -> None:
    """AGENTD_NODE_TIMEOUT_SECS is how long a lease lasts, and Health tells it."""
    assert connection.call("Health")["running_timeout_secs"] == TIMEOUT


def test_the_daemon_rolls_back_by_itself(rolled_back: RolledBack) -> None:
    """An expired lease is rolled back within one second, also when nobody asks."""
    late = rolled_back.seconds_late - rolled_back.seconds_in_queues
    assert late <= 1 + SLACK_SECONDS


def test_no_rollback_before_the_expiry(rolled_back: RolledBack) -> None:
    """A lease is honoured until it has run out."""
    assert rolled_back.seconds_late > -1


def test_a_rollback_is_counted(rolled_back: RolledBack) -> None:
    """Metrics count the rollback."""
    assert rolled_back.rollbacks == 1


def test_a_rolled_back_node_is_free(connection: Connection, rolled_back: RolledBack) -> None:
    """After the rollback the node is PENDING and its lease fields are cleared."""
    node = node_of(connection, rolled_back.task)
    lease = [node[name] for name in ("lease_id", "lease_owner", "lease_expires_at")]
    assert (node["status"], lease) == ("PENDING", [None, None, None])


@pytest.mark.parametrize("method", METHODS)
def test_the_old_lease_is_refused(
    connection: Connection, rolled_back: RolledBack, method: str
) -> None:
    """After the rollback every write with the old lease is refused, and nothing is written."""
    before = (total_events(connection), status_of(connection, rolled_back.task))
    refused = refusal(connection, method, **with_payload(method, rolled_back.acquired))
    assert (refused.code, refused.kind) == (NOT_ALLOWED, "stale_lease")
    assert (total_events(connection), status_of(connection, rolled_back.task)) == before


@pytest.mark.parametrize("method", METHODS)
def test_the_refusal_says_what_to_do(
    connection: Connection, rolled_back: RolledBack, method: str
) -> None:
    """The refusal names the lease and says to acquire again."""
    message = refusal(connection, method, **with_payload(method, rolled_back.acquired)).message
    assert rolled_back.acquired["lease_id"] in message
    assert "acquire" in message.lower()


def test_an_acquisition_rolls_back_first(connection: Connection) -> None:
    """An expired lease is rolled back by the next AcquireNextNode on that task."""
    task = register(connection)
    first = acquire(connection, task)
    expiry = run_out(first, time.time(), TIMEOUT)
    time.sleep(max(0.0, expiry + 0.1 - time.time()))
    second = acquire(connection, task)
    assert second["node_id"] == first["node_id"]
    assert second["lease_id"] != first["lease_id"]


@pytest.mark.parametrize("method", METHODS)
def test_a_stale_holder_does_not_disturb_the_new_one(home: Path, method: str) -> None:
    """Once somebody else holds the node, the old lease is refused and the new one is good."""
    with (
        DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="0") as daemon,
        daemon.connect() as connection,
    ):
        task = register(connection)
        old = acquire(connection, task)
        assert eventually(
            lambda: node_of(connection, task)["status"] == "PENDING",
            until=time.time() + PATIENCE_SECONDS,
        )
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        taken = acquire(connection, task)
        before = status_of(connection, task)
        refused = refusal(connection, method, **with_payload(method, old))
        assert refused.kind == "stale_lease"
        assert status_of(connection, task) == before
        complete(connection, taken, "good")
        assert node_of(connection, task)["result_payload"] == "good"


def test_registration_order_holds_for_nodes_that_came_back(connection: Connection) -> None:
    """A node that was rolled back keeps its place in the order."""
    task = register(connection, flat(3))
    first = acquire(connection, task)
    expiry = run_out(first, time.time(), TIMEOUT)
    time.sleep(max(0.0, expiry + 0.1 - time.time()))
    assert acquire(connection, task, lease_secs=600)["node_id"] == task.nodes["n0"]
    assert acquire(connection, task)["node_id"] == task.nodes["n1"]


def test_a_finished_node_is_never_rolled_back(connection: Connection) -> None:
    """A node that was completed in time stays COMPLETED when its lease would have run out."""
    task = register(connection)
    acquired = acquire(connection, task, lease_secs=IN_TIME)
    complete(connection, acquired, "done")
    time.sleep(IN_TIME + 1.2)
    node = node_of(connection, task)
    assert (node["status"], node["result_payload"]) == ("COMPLETED", "done")


@pytest.fixture
def impatient(home: Path) -> Iterator[Connection]:
    """A connection to a daemon whose leases have run out as soon as they are given."""
    with (
        DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="0") as daemon,
        daemon.connect() as connection,
    ):
        yield connection


def test_a_timeout_of_zero(impatient: Connection) -> None:
    """A timeout of 0 is allowed: the lease has run out at once, the next acquisition takes over."""
    task = register(impatient)
    leases = set()
    for _ in range(5):
        acquired = acquire(impatient, task)
        assert acquired["node_id"] == task.nodes["a"]
        leases.add(acquired["lease_id"])
        time.sleep(0.02)
    assert len(leases) == 5


def outcome(connection: Connection, method: str, acquired: Object) -> Any:
    """Return what became of a write: its result, or the kind of its refusal."""
    try:
        return connection.call(method, **with_payload(method, acquired))
    except Refused as refused:
        return refused.kind


def test_a_late_completion_counts_or_is_refused(impatient: Connection) -> None:
    """A completion after the expiry counts before the rollback and is refused after it."""
    for _ in range(20):
        task = register(impatient)
        result = outcome(impatient, "CompleteNode", acquire(impatient, task))
        counts = status_of(impatient, task)["counts"]
        assert counts == ({"PENDING": 1} if result == "stale_lease" else {"COMPLETED": 1})


def test_a_late_heartbeat_counts_or_is_refused(impatient: Connection) -> None:
    """A heartbeat after the expiry counts before the rollback and is refused after it."""
    for _ in range(20):
        result = outcome(impatient, "HeartbeatNode", acquire(impatient, register(impatient)))
        assert result == "stale_lease" or result["ok"] is True
