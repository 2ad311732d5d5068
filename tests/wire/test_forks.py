"""Checkpoints, the past and forks through a daemon: what is read beside the writer keeps its place.

The rule this file keeps: what tasks and forks are is tested in-process; here it is how requests of
one connection, a daemon that dies, and a client that leaves meet them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.daemon_process import DaemonProcess, encoded
from tests.wire.steps import acquire, complete, flat, held, new_id, refusal, register, status_of

if TYPE_CHECKING:
    from tests.daemon_process import Connection, Object


def test_requests_of_one_connection_keep_their_order(connection: Connection) -> None:
    """A fork behind an ending sees it, and what is asked behind the fork is answered behind it."""
    task = register(connection, flat(2))
    params: Object = {**held(acquire(connection, task)), "result_payload": 7}
    requests = [
        {"id": 1, "method": "CompleteNode", "params": params},
        {"id": 2, "method": "ForkTask", "params": {"task_id": task.id}},
        {
            "id": 3,
            "method": "CommitEvent",
            "params": {**held(acquire(connection, task)), "payload": 1},
        },
        {"id": 4, "method": "ForkTask", "params": {"task_id": new_id()}},
        {"id": 5, "method": "Health", "params": {}},
    ]
    connection.send_raw(b"".join(encoded(each) + b"\n" for each in requests))
    answers = [connection.read_response() for _ in requests]
    assert [answer["id"] for answer in answers] == [1, 2, 3, 4, 5]
    assert answers[3]["error"]["data"]["kind"] == "task_not_found"
    made = connection.call("TaskStatus", task_id=answers[1]["result"]["task_id"])
    assert made["counts"] == {"PENDING": 1, "COMPLETED": 1}


def test_a_fork_and_its_answer_survive_the_daemon(daemon: DaemonProcess) -> None:
    """After a kill the results of the other task are still its own, and a repeat is answered."""
    with daemon.connect() as connection:
        task = register(connection, {"a": (), "b": ["a"]})
        complete(connection, acquire(connection, task), {"n": 1})
        asked = {"task_id": task.id, "request_id": new_id()}
        made = connection.call("ForkTask", **asked)
    daemon.kill()
    daemon.start()
    with daemon.connect() as connection:
        assert connection.call("ForkTask", **asked) == made
        lease = connection.call("AcquireNextNode", task_id=made["task_id"])
        [dependency] = lease["context"]["completed_dependencies"]
        assert dependency == {"node_id": made["node_ids"][0], "result_payload": {"n": 1}}
        complete(connection, lease)
        assert connection.call("TaskStatus", task_id=made["task_id"])["state"] == "COMPLETED"
        assert status_of(connection, task)["counts"] == {"PENDING": 1, "COMPLETED": 1}


def test_who_leaves_before_the_answer_harms_nobody(shared: DaemonProcess) -> None:
    """Others are answered, whether the fork was made or not."""
    with shared.connect() as connection:
        task = register(connection, flat(2_000))
        for _ in range(3):
            with shared.connect() as leaving:
                request = {"id": 1, "method": "ForkTask", "params": {"task_id": task.id}}
                leaving.send_raw(encoded(request) + b"\n")
        assert len(connection.call("ForkTask", task_id=task.id)["node_ids"]) == 2_000


def test_a_moment_of_the_journal_is_a_place(connection: Connection) -> None:
    """The timestamp of an event, as it stands in the events, is after that event."""
    task = register(connection)
    lease = acquire(connection, task)
    [*_, event] = connection.call("TaskEvents", task_id=task.id)["events"]
    complete(connection, lease)
    status = connection.call("TaskStatus", task_id=task.id, at=event["timestamp"])
    assert status["counts"] in ({"RUNNING": 1}, {"COMPLETED": 1})  # in one millisecond
    assert connection.call("TaskStatus", task_id=task.id, at=event["seq"])["counts"] == {
        "RUNNING": 1
    }
    error = refusal(connection, "TaskStatus", task_id=task.id, at=0)
    assert error.kind == "task_not_found"
