"""Resource locks over real sockets: waiting for them, and what a kill leaves of them."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire.steps import acquire, complete, held, new_id, refusal, register
from tests.wire.waiting import LONG, ask, waiting, waits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import Connection, DaemonProcess

KEY = "file:/repo/a.py"


@pytest.fixture
def third(daemon: DaemonProcess) -> Iterator[Connection]:
    """One connection more."""
    with daemon.connect() as connection:
        yield connection


def lock(connection: Connection, key: str = KEY, **params: Any) -> Any:
    """What AcquireResourceLock answers."""
    return connection.call("AcquireResourceLock", resource_key=key, **params)


def want(connection: Connection, key: str = KEY, **params: Any) -> None:
    """Ask for a lock, and wait for it."""
    ask(connection, "AcquireResourceLock", **{"resource_key": key, "wait_secs": LONG, **params})


def release(connection: Connection, lease: Any) -> None:
    """Give a lock back."""
    params = {name: lease[name] for name in ("resource_key", "lease_id")}
    assert connection.call("ReleaseResourceLock", **params) == {"ok": True}


def test_who_waits_has_it_when_it_is_given_back(worker: Connection, other: Connection) -> None:
    """At once, and waits no more; whoever waits for another thing goes on."""
    lease = lock(other)
    want(worker, "dir:/repo")
    waits(other)
    release(other, lock(other, "dir:/elsewhere"))
    assert waiting(other) == 1
    release(other, lease)
    assert worker.read_response()["result"]["resource_key"] == "dir:/repo"
    assert waiting(other) == 0


def test_a_wait_that_is_over(worker: Connection, other: Connection) -> None:
    """It is null, and the lock is whose it was."""
    lock(other)
    assert lock(worker, wait_secs=0.05) is None


def test_first_come_first_served(daemon: DaemonProcess, other: Connection) -> None:
    """Among those who wait for what conflicts; and nobody overtakes one who waits."""
    with ExitStack() as stack:
        lease = lock(other, mode="shared")
        waiters = [stack.enter_context(daemon.connect()) for _ in range(3)]
        modes = ["exclusive", "shared", "shared"]  # the last two would be free now
        for number, (connection, mode) in enumerate(zip(waiters, modes, strict=True), 1):
            want(connection, mode=mode, owner=str(number))
            waits(other, number=number)
        release(other, lease)
        first = waiters[0].read_response()["result"]
        assert (first["owner"], waiting(other)) == ("1", 2)
        release(other, first)
        together = [each.read_response()["result"]["owner"] for each in waiters[1:]]
        assert together == ["2", "3"]


def test_one_that_leaves_is_in_nobodys_way(
    daemon: DaemonProcess, other: Connection, worker: Connection
) -> None:
    """Those behind it are looked at when it goes, or when its time is over."""
    lock(other, mode="shared")
    with daemon.connect() as leaving:
        want(leaving)
        waits(other)
        want(worker, mode="shared", owner="behind")
        waits(other, number=2)
    assert worker.read_response()["result"]["owner"] == "behind"
    ask(other, "AcquireResourceLock", resource_key=KEY, wait_secs=0.05)
    assert other.read_response()["result"] is None


def test_who_stood_in_line_is_tried_when_his_time_is_over(
    worker: Connection, other: Connection, third: Connection
) -> None:
    """So a request that was answered before is answered as the first time."""
    request_id = new_id()
    first = lock(other, request_id=request_id, wait_secs=1)
    want(worker)
    waits(other)
    assert lock(third, request_id=request_id, wait_secs=1) == first
    refused = refusal(
        third, "AcquireResourceLock", resource_key=KEY, task_id=new_id(), wait_secs=0.05
    )
    assert refused.kind == "task_not_found"


def test_a_repeat_in_line_holds_up_nobody(
    daemon: DaemonProcess, worker: Connection, other: Connection, third: Connection
) -> None:
    """It is answered as the first time, and does not have what it stood in line for."""
    once: dict[str, Any] = {"request_id": new_id(), "wait_secs": LONG}
    first = lock(other, **once)
    release(other, first)
    lease = lock(other)
    with daemon.connect() as behind:
        want(worker)
        waits(other)
        want(third, **once)
        waits(other, number=2)
        want(behind, owner="behind")
        waits(other, number=3)
        began = time.monotonic()
        release(other, lease)
        release(worker, worker.read_response()["result"])
        assert third.read_response()["result"] == first
        assert behind.read_response()["result"]["owner"] == "behind"
        assert time.monotonic() - began < LONG / 2


def test_a_lock_that_expires_goes_to_who_waits(worker: Connection, other: Connection) -> None:
    """The daemon ends it by itself."""
    lock(other, ttl_secs=1)
    assert lock(worker, wait_secs=LONG)["resource_key"] == KEY


@pytest.mark.parametrize(
    ("end", "kind"), [("Complete", "stale_lease"), ("Cancel", "task_cancelled")]
)
def test_the_lease_of_a_waiter_that_ends(
    worker: Connection, other: Connection, end: str, kind: str
) -> None:
    """It is refused then, and does not wait for its turn."""
    task = register(other)
    lease = acquire(other, task)
    lock(other)
    bound = {name: lease[name] for name in ("task_id", "node_id")}
    want(worker, node_lease_id=lease["lease_id"], **bound)
    waits(other)
    if end == "Complete":
        complete(other, lease)
    else:
        other.call("CancelTask", task_id=task.id)
    assert worker.read_response()["error"]["data"]["kind"] == kind


def test_a_worker_that_waits_for_a_node_behind_a_lock(
    worker: Connection, other: Connection
) -> None:
    """It has the node when the lock ends; and who waits for the lock of a node when that ends."""
    lease = lock(other, "dir:/repo")
    task = register(other, initial_nodes=[{"name": "a", "locks": [KEY]}])
    ask(worker, "AcquireNextNode", task_id=task.id, wait_secs=LONG)
    waits(other)
    release(other, lease)
    found = worker.read_response()["result"]
    assert found["name"] == "a"
    want(worker, "dir:/repo", owner="next")
    waits(other)
    other.call("ReleaseNode", **held(found), acquire_next={"task_id": task.id})
    other.call("CancelTask", task_id=task.id)
    assert worker.read_response()["result"]["owner"] == "next"


def test_locks_survive_a_kill(daemon: DaemonProcess) -> None:
    """They are held by the same leases, until their ttl or their node's lease is over."""
    with daemon.connect() as connection:
        free = lock(connection)
        task = register(connection, initial_nodes=[{"locks": ["branch main"]}])
        lease = acquire(connection, task)
        before = connection.call("ListResourceLocks")["locks"]
    daemon.kill()
    daemon.restart()
    with daemon.connect() as connection:
        assert connection.call("ListResourceLocks")["locks"] == before
        assert lock(connection, "branch main") is None
        complete(connection, lease)
        release(connection, free)
        runtime = connection.call("Metrics")["runtime"]
        assert (runtime["acquired_resource_locks"], runtime["released_resource_locks"]) == (0, 2)
        assert connection.call("ListResourceLocks") == {"locks": [], "next": None}


def test_a_stop_answers_who_waits(daemon: DaemonProcess, worker: Connection) -> None:
    """With null, those in line too."""
    with daemon.connect() as other, daemon.connect() as second:
        lock(other)
        want(worker)
        waits(other)
        want(second)
        waits(other, number=2)
        daemon.stop()
        assert worker.read_response()["result"] is None
        assert second.read_response()["result"] is None
