"""Gates on the wire: a decision is work for those who wait, and the daemon keeps the time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.daemon_process import PATIENCE_SECONDS
from tests.wire.steps import complete, eventually
from tests.wire.waiting import LONG, ask, waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.daemon_process import Connection, DaemonProcess

GATED: list[dict[str, Any]] = [
    {"name": "plan"},
    {"name": "ship", "dependencies": ["plan"], "gate": {"ask": "Ship it?"}},
    {"name": "deploy", "dependencies": ["ship"]},
]


def register(connection: Connection, nodes: list[dict[str, Any]]) -> str:
    """The id of a new task."""
    return str(connection.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"])


def timed(**gate: Any) -> list[dict[str, Any]]:
    """A gate that is open at once, and a node behind it."""
    return [
        {"name": "ship", "gate": {"ask": "Ship it?", **gate}},
        {"name": "deploy", "dependencies": ["ship"]},
    ]


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold."""
    return eventually(holds, time.time() + PATIENCE_SECONDS)


def status_of(connection: Connection, task: str) -> tuple[str, Any]:
    """Of the gate: its status, and its result."""
    node = connection.call("NodeStatus", task_id=task, node_id="ship")["node"]
    return node["status"], node["result_payload"]


def test_a_decision_wakes_who_waits(worker: Connection, other: Connection) -> None:
    """Who waits for work gets what is behind the gate, and who watches is told."""
    task = register(other, GATED)
    complete(other, other.call("AcquireNextNode", task_id=task))
    ask(worker, "AcquireNextNode", task_id=task, wait_secs=LONG)
    waits(other)
    before = other.call("WatchEvents")["last_seq"]
    decided = other.call("DecideGate", task_id=task, node_id="ship", decision="approve", by="ann")
    assert worker.read_response()["result"]["name"] == "deploy"
    kinds = ["OPEN_GATE", "DECIDE_GATE"]
    [event] = other.call("WatchEvents", after_seq=before, kinds=kinds)["events"]
    assert (event["id"], event["action_type"]) == (decided["event_id"], "DECIDE_GATE")


def test_an_opening_is_an_event(worker: Connection, other: Connection) -> None:
    """Who waits for one is told as soon as something is asked."""
    ask(worker, "WatchEvents", kinds=["OPEN_GATE"], wait_secs=LONG)
    waits(other)
    task = register(other, timed())
    [event] = worker.read_response()["result"]["events"]
    assert (event["task_id"], event["payload"]["ask"]) == (task, "Ship it?")


def test_who_decides_is_no_worker(connection: Connection) -> None:
    """ListWorkers knows nothing of people."""
    task = register(connection, timed())
    by = "nobody else is called so"
    connection.call("DecideGate", task_id=task, node_id="ship", decision="reject", by=by)
    assert by not in [each["owner"] for each in connection.call("ListWorkers")["workers"]]


def test_the_daemon_keeps_the_time(worker: Connection, other: Connection) -> None:
    """Nobody decides: it does, and what is behind the gate is work."""
    task = register(other, timed(timeout_secs=0.2, on_timeout="approve"))
    found = worker.call("AcquireNextNode", task_id=task, wait_secs=LONG)
    assert found["name"] == "deploy"
    said = {"decision": "approve", "by": "timeout", "note": None}
    assert status_of(other, task) == ("COMPLETED", said)


def test_an_earlier_time(connection: Connection) -> None:
    """UpdateNode of an open gate counts from now."""
    task = register(connection, timed(timeout_secs=9999))
    connection.call("UpdateNode", task_id=task, node_id="ship", timeout_secs=1)
    assert soon(lambda: status_of(connection, task)[0] == "FAILED")


def test_a_daemon_that_was_killed(daemon: DaemonProcess) -> None:
    """A gate stays open, and one whose time was over meanwhile is decided at the start."""
    with daemon.connect() as connection:
        stays = register(connection, GATED[1:] + GATED[:1])
        complete(connection, connection.call("AcquireNextNode", task_id=stays))
        late = register(connection, timed(timeout_secs=3))
        before = connection.call("ListGates")["gates"]
    daemon.kill()
    assert soon(lambda: time.time() > before[-1]["timeout_at"])
    daemon.restart()
    with daemon.connect() as connection:
        assert soon(lambda: status_of(connection, late)[0] == "FAILED")
        assert status_of(connection, late)[1]["by"] == "timeout"
        assert connection.call("ListGates")["gates"] == before[:1]
        assert connection.call("DecideGate", task_id=stays, node_id="ship", decision="approve")
