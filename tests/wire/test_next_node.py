"""The next node with the end of the last, and who works here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.daemon_process import DaemonProcess
from tests.wire.steps import (
    acquire,
    complete,
    flat,
    held,
    new_id,
    register,
    status_of,
)
from tests.wire.waiting import LONG, ask, waits

if TYPE_CHECKING:
    from tests.daemon_process import Connection, Object


def test_the_one_call_cycle(worker: Connection) -> None:
    """Acquire once; every end brings the next node, until there is none."""
    task = register(worker, {"a": (), "b": ["a"], "c": ["b"]})
    lease = acquire(worker, task)
    order = []
    while lease:
        order.append(lease["node_id"])
        params: Object = {**held(lease), "result_payload": 1, "request_id": new_id()}
        wanted = {"task_id": task.id}
        answer = worker.call("CompleteNode", **params, acquire_next=wanted)
        assert worker.call("CompleteNode", **params, acquire_next=wanted) == answer
        lease = answer["next"]
    assert order == [*task.nodes.values()]
    assert status_of(worker, task)["counts"] == {"COMPLETED": 3}


def test_the_next_node_after_a_restart(daemon: DaemonProcess) -> None:
    """A repeat finds the same answer in the next daemon, too."""
    with daemon.connect() as worker:
        task = register(worker, flat(2))
        params: Object = {**held(acquire(worker, task)), "request_id": new_id(), "acquire_next": {}}
        answer = worker.call("FailNode", **params)
        assert answer["next"]["node_id"] == task.nodes["n1"]
    daemon.kill()
    daemon.start()
    with daemon.connect() as worker:
        assert worker.call("FailNode", **params) == answer


# Who is there


def test_workers_are_listed(daemon: DaemonProcess, other: Connection) -> None:
    """Who waits, and who holds something; their labels are those offered last."""
    register(other)
    lease = other.call("AcquireNextNode", lease_owner="holds")
    with daemon.connect() as worker:
        ask(worker, "AcquireNextNode", wait_secs=LONG, lease_owner="waits")
        waits(other)
        before = time.time()
        workers = other.call("ListWorkers")["workers"]
        assert [(w["owner"], w["labels"], w["waiting"], w["holding"]) for w in workers] == [
            ("holds", [], 0, 1),
            ("waits", [], 1, 0),
        ]
        assert all(before - 60 < w["last_seen"] <= before + 1 for w in workers)
    complete(other, lease)
    waits(other, number=0)
    workers = other.call("ListWorkers")["workers"]
    assert [(w["owner"], w["waiting"], w["holding"]) for w in workers] == [
        ("holds", 0, 0),
        ("waits", 0, 0),
    ]


def test_holders_are_known_after_a_restart(daemon: DaemonProcess) -> None:
    """Their leases are."""
    with daemon.connect() as connection:
        lease = acquire(connection, register(connection), lease_owner="holds")
    daemon.restart()
    with daemon.connect() as connection:
        [worker] = connection.call("ListWorkers")["workers"]
        assert (worker["owner"], worker["holding"]) == ("holds", 1)
        complete(connection, lease)
        [worker] = connection.call("ListWorkers")["workers"]
        assert worker["holding"] == 0
