"""Requests that wait are in nobody's way: others, those who leave, stops and deaths."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from tests.daemon_process import DaemonProcess
from tests.wire.steps import (
    new_id,
    node_of,
    register,
)
from tests.wire.waiting import LONG, ask, waiting, waits

if TYPE_CHECKING:
    from tests.daemon_process import Connection


def test_requests_behind_a_wait_wait_their_turn(worker: Connection, other: Connection) -> None:
    """They are answered behind it; other connections are not held up."""
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    ask(worker, "Health")
    ask(worker, "RegisterTask", goal="g")
    waits(other)
    task = register(other)
    assert worker.read_response()["result"]["node_id"] == task.nodes["a"]
    assert worker.read_response()["result"]["status"] == "ok"
    assert set(worker.read_response()["result"]) == {"task_id", "node_ids"}


def test_requests_before_a_wait(worker: Connection) -> None:
    """They are answered before it, and it sees what they did."""
    ask(worker, "RegisterTask", goal="g", initial_nodes=[{}])
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    ids = worker.read_response()["result"]["node_ids"]
    assert [worker.read_response()["result"]["node_id"]] == ids


def test_a_client_that_left(worker: Connection, other: Connection) -> None:
    """It is forgotten: it gets no node."""
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    waits(other)
    worker.close()
    waits(other, number=0)
    task = register(other)
    assert node_of(other, task)["status"] == "PENDING"


def test_a_client_that_closed_its_sending_side(worker: Connection, other: Connection) -> None:
    """It has not left: it gets the node, and then the connection is closed."""
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    waits(other)
    worker.finish_sending()
    assert waiting(other) == 1
    task = register(other)
    assert worker.read_response()["result"]["node_id"] == task.nodes["a"]
    assert worker.at_eof()


def test_a_client_that_closed_its_sending_side_and_left(
    worker: Connection, other: Connection
) -> None:
    """It gets no node either."""
    ask(worker, "AcquireNextNode", wait_secs=LONG)
    waits(other)
    worker.finish_sending()
    other.call("Health")
    worker.close()
    task = register(other)
    other.call("Health")
    assert node_of(other, task)["status"] == "PENDING"
    waits(other, number=0)


# Repeats, stops and deaths


def test_a_wait_that_found_something_is_remembered(worker: Connection, other: Connection) -> None:
    """Its repeat is answered at once, with the same lease; one that found nothing waits again."""
    params = {"wait_secs": LONG, "request_id": new_id()}
    assert worker.call("AcquireNextNode", **{**params, "wait_secs": 0.2}) is None
    ask(worker, "AcquireNextNode", **params)
    waits(other)
    register(other)
    lease = worker.read_response()["result"]
    assert lease is not None
    assert worker.call("AcquireNextNode", **params) == lease


def test_waits_hold_up_no_stop(daemon: DaemonProcess) -> None:
    """They are answered with what there is: nothing."""
    with daemon.connect() as one, daemon.connect() as two, daemon.connect() as three:
        ask(one, "AcquireNextNode", wait_secs=LONG)
        ask(two, "AcquireNodes", count=1, wait_secs=LONG)
        ask(three, "WatchEvents", wait_secs=LONG)
        with daemon.connect() as other:
            waits(other, number=3)
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5
        assert one.read_response() == {"result": None}
        assert two.read_response() == {"result": {"leases": []}}
        assert three.read_response() == {"result": {"events": [], "last_seq": 0}}


def test_a_daemon_that_is_killed(daemon: DaemonProcess) -> None:
    """Waits are lost with it; those who ask again of the next one get what there is."""
    with daemon.connect() as worker, daemon.connect() as other:
        params = {"wait_secs": LONG, "request_id": new_id()}
        ask(worker, "AcquireNextNode", **params)
        waits(other)
        daemon.signal(signal.SIGKILL)
        assert worker.at_eof()
        daemon.wait()
    daemon.start()
    with daemon.connect() as worker, daemon.connect() as other:
        ask(worker, "AcquireNextNode", **params)
        waits(other)
        task = register(other)
        assert worker.read_response()["result"]["node_id"] == task.nodes["a"]
