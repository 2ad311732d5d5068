"""Health and Metrics: the daemon's own account of itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.wire.steps import acquire, complete, fail, flat, held, nothing_to_acquire, register

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from tests.daemon_process import Connection, DaemonProcess, Object
    from tests.wire.steps import Task

RUNTIME = {
    "registered_tasks",
    "acquire_attempts",
    "acquired_nodes",
    "acquisition_latency_micros_total",
    "average_acquisition_latency_micros",
    "committed_events",
    "heartbeats",
    "completed_nodes",
    "failed_nodes",
    "timeout_rollbacks",
}
DATABASE = {
    "schema_version",
    "latest_schema_version",
    "total_tasks",
    "total_nodes",
    "total_events",
    "running_leases",
    "expired_running_leases",
    "active_resource_locks",
    "expired_resource_locks",
}


def commit(connection: Connection, acquired: Object) -> None:
    """Commit an event on an acquired node."""
    connection.call("CommitEvent", **held(acquired), payload={})


def heartbeat(connection: Connection, acquired: Object) -> None:
    """Extend the lease of an acquired node."""
    connection.call("HeartbeatNode", **held(acquired))


class Change:
    """By how much a count of Metrics moves inside a with block."""

    def __init__(self, connection: Connection, part: str, name: str) -> None:
        self._connection, self._part, self._name = connection, part, name
        self.by = 0

    def _read(self) -> int:
        count: int = self._connection.call("Metrics")[self._part][self._name]
        return count

    def __enter__(self) -> Self:
        self._before = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self.by = self._read() - self._before


def events(connection: Connection) -> Change:
    """Watch the total of events."""
    return Change(connection, "database", "total_events")


@pytest.fixture
def task(connection: Connection) -> Task:
    """A task with three nodes."""
    return register(connection, flat(3))


@pytest.fixture
def acquired(connection: Connection, task: Task) -> Object:
    """The first of them, acquired."""
    return acquire(connection, task)


def test_health_of_a_fresh_daemon(connection: Connection) -> None:
    """Health tells status, database and the two settings that workers need, with their defaults."""
    health = connection.call("Health")
    assert (
        health
        | {
            "status": "ok",
            "database": "ok",
            "running_timeout_secs": 300,
            "context_event_limit": 50,
        }
        == health
    )


def test_metrics_repeat_the_settings(connection: Connection) -> None:
    """Metrics tell the same two settings."""
    metrics = connection.call("Metrics")
    assert (metrics["running_timeout_secs"], metrics["context_event_limit"]) == (300, 50)


def test_runtime_counts_are_whole_numbers(connection: Connection) -> None:
    """`runtime` has every count of the contract, none below zero."""
    runtime = connection.call("Metrics")["runtime"]
    assert set(runtime) >= RUNTIME
    whole = RUNTIME - {"average_acquisition_latency_micros"}
    assert all(type(runtime[name]) is int and runtime[name] >= 0 for name in whole)
    assert runtime["average_acquisition_latency_micros"] >= 0


def test_database_counts_are_whole_numbers(connection: Connection) -> None:
    """`database` has every count of the contract, none below zero."""
    database = connection.call("Metrics")["database"]
    assert set(database) >= DATABASE | {"node_status_counts"}
    assert all(type(database[name]) is int and database[name] >= 0 for name in DATABASE)


def test_the_schema_is_the_latest(connection: Connection) -> None:
    """A daemon that serves has migrated its database to the latest schema."""
    database = connection.call("Metrics")["database"]
    assert database["schema_version"] == database["latest_schema_version"]


def test_uptime_grows(connection: Connection) -> None:
    """`uptime_secs` counts the seconds since the daemon started."""
    before = connection.call("Metrics")["uptime_secs"]
    time.sleep(1.1)
    assert before < connection.call("Metrics")["uptime_secs"] < before + 10


def test_a_fresh_daemon_has_done_nothing(daemon: DaemonProcess) -> None:
    """A new daemon on a new home has counted nothing."""
    with daemon.connect() as connection:
        metrics = connection.call("Metrics")
    whole = RUNTIME - {"average_acquisition_latency_micros"}
    assert {metrics["runtime"][name] for name in whole} == {0}
    assert {metrics["database"][f"total_{name}"] for name in ("tasks", "nodes", "events")} == {0}


def test_registered_tasks(connection: Connection) -> None:
    """A registration counts once, whatever the number of its nodes."""
    with Change(connection, "runtime", "registered_tasks") as change:
        register(connection, flat(5))
    assert change.by == 1


def test_acquire_attempts(connection: Connection) -> None:
    """An attempt that finds nothing is an attempt."""
    task = register(connection)
    with Change(connection, "runtime", "acquire_attempts") as change:
        acquire(connection, task)
        assert nothing_to_acquire(connection, task)
    assert change.by == 2


def test_acquired_nodes(connection: Connection) -> None:
    """An attempt that finds nothing is no acquired node."""
    task = register(connection)
    with Change(connection, "runtime", "acquired_nodes") as change:
        acquire(connection, task)
        assert nothing_to_acquire(connection, task)
    assert change.by == 1


def test_acquisition_latency(connection: Connection, acquired: Object) -> None:
    """The time that acquisitions took is summed up, and its average is below the sum."""
    runtime = connection.call("Metrics")["runtime"]
    assert acquired
    assert runtime["acquisition_latency_micros_total"] > 0
    average = runtime["average_acquisition_latency_micros"]
    assert 0 < average <= runtime["acquisition_latency_micros_total"]


def test_committed_events(connection: Connection, acquired: Object) -> None:
    """A committed event counts once."""
    with Change(connection, "runtime", "committed_events") as change:
        commit(connection, acquired)
    assert change.by == 1


def test_heartbeats(connection: Connection, acquired: Object) -> None:
    """A heartbeat counts once."""
    with Change(connection, "runtime", "heartbeats") as change:
        heartbeat(connection, acquired)
    assert change.by == 1


@pytest.mark.parametrize(
    ("name", "finish"), [("completed_nodes", complete), ("failed_nodes", fail)]
)
def test_finished_nodes(
    connection: Connection, acquired: Object, name: str, finish: Callable[..., str]
) -> None:
    """A completion or a failure counts once, and its repeat not at all."""
    with Change(connection, "runtime", name) as change:
        for _ in range(3):
            finish(connection, acquired)
    assert change.by == 1


@pytest.mark.parametrize(("name", "by"), [("total_tasks", 1), ("total_nodes", 7)])
def test_totals(connection: Connection, name: str, by: int) -> None:
    """The totals of the database move with a registration."""
    with Change(connection, "database", name) as change:
        register(connection, flat(7))
    assert change.by == by


def test_a_registration_adds_events(connection: Connection) -> None:
    """A registration is recorded."""
    with events(connection) as change:
        register(connection)
    assert change.by > 0


def test_an_acquisition_adds_events(connection: Connection, task: Task) -> None:
    """An acquisition is recorded."""
    with events(connection) as change:
        acquire(connection, task)
    assert change.by > 0


@pytest.mark.parametrize("write", [commit, complete, fail])
def test_a_write_adds_events(
    connection: Connection, acquired: Object, write: Callable[[Connection, Object], object]
) -> None:
    """A committed event, a completion and a failure are recorded."""
    with events(connection) as change:
        write(connection, acquired)
    assert change.by > 0


def test_reads_add_no_events(connection: Connection, task: Task) -> None:
    """Reads and attempts that find nothing leave the database as it is."""
    empty = register(connection, {})
    with events(connection) as change:
        for method in ("Health", "Metrics", "DescribeInterface"):
            connection.call(method)
        connection.call("TaskStatus", task_id=task.id)
        assert nothing_to_acquire(connection, empty)
    assert change.by == 0


def test_a_lease_runs_from_the_acquisition(connection: Connection, task: Task) -> None:
    """An acquisition adds to the running leases."""
    with Change(connection, "database", "running_leases") as change:
        acquire(connection, task)
    assert change.by == 1


@pytest.mark.parametrize("finish", [complete, fail])
def test_a_lease_runs_until_the_end_of_the_work(
    connection: Connection, acquired: Object, finish: Callable[..., str]
) -> None:
    """A completion or a failure takes from the running leases."""
    with Change(connection, "database", "running_leases") as change:
        finish(connection, acquired)
    assert change.by == -1


def test_leases_that_run_are_not_expired(connection: Connection, acquired: Object) -> None:
    """A lease of 300 s that was just taken is not among the expired."""
    assert acquired
    assert connection.call("Metrics")["database"]["expired_running_leases"] == 0


def test_node_status_counts(daemon: DaemonProcess) -> None:
    """Nodes are counted by status over all tasks."""
    with daemon.connect() as connection:
        first, second = register(connection, flat(3)), register(connection, flat(2))
        complete(connection, acquire(connection, first))
        fail(connection, acquire(connection, first))
        acquire(connection, second)
        counts = connection.call("Metrics")["database"]["node_status_counts"]
    occurring = {status: count for status, count in counts.items() if count}
    assert occurring == {"PENDING": 2, "RUNNING": 1, "COMPLETED": 1, "FAILED": 1}


def test_runtime_starts_again_and_the_database_does_not(daemon: DaemonProcess) -> None:
    """`runtime` counts since this daemon started; `database` is what the disk holds."""
    with daemon.connect() as connection:
        register(connection, flat(4))
    daemon.restart()
    with daemon.connect() as connection:
        metrics = connection.call("Metrics")
    assert metrics["runtime"]["registered_tasks"] == 0
    assert (metrics["database"]["total_tasks"], metrics["database"]["total_nodes"]) == (1, 4)
