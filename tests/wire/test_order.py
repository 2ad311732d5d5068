"""Order: the responses of one connection come in the order of its requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.daemon_process import encoded
from tests.wire.steps import flat, register

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess, Object


def pipeline(connection: Connection, requests: list[Any]) -> list[Object]:
    """Send all requests in one go, then read as many responses."""
    connection.send_raw(b"".join(encoded(request) + b"\n" for request in requests))
    return [connection.read_response() for _ in requests]


def ask(number: int, method: str, **params: Any) -> Object:
    """Return a request object."""
    return {"id": number, "method": method, "params": params}


def test_many_lines_without_waiting(connection: Connection) -> None:
    """A client may send 1,000 requests before it reads the first response."""
    responses = pipeline(connection, [ask(number, "Health") for number in range(1_000)])
    assert [response["id"] for response in responses] == list(range(1_000))


def test_reads_and_writes_keep_their_order(connection: Connection) -> None:
    """Reads, writes, large reads and refusals in one pipeline are answered in its order."""
    large = register(connection, flat(500))
    kinds = [
        lambda number: ask(number, "RegisterTask", goal=f"goal {number}"),
        lambda number: ask(number, "TaskStatus", task_id=large.id),
        lambda number: ask(number, "Health"),
        lambda number: ask(number, "AcquireNextNode", task_id=large.id),
        lambda number: ask(number, "Nope"),
        lambda number: ask(number, "TaskStatus", task_id="not an id"),
        lambda number: ask(number, "Metrics"),
        lambda number: ask(number, "DescribeInterface"),
    ]
    requests = [kinds[number % len(kinds)](number) for number in range(80)]
    connection.send_raw(b"".join(encoded(request) + b"\n" for request in requests[:40]))
    first = [connection.read_response()["id"] for _ in range(40)]
    rest = [response["id"] for response in pipeline(connection, requests[40:])]
    assert first + rest == list(range(80))


def test_lines_that_are_no_requests_keep_their_place(connection: Connection) -> None:
    """A line that is not JSON is answered at its place among the others."""
    connection.send_raw(
        b'{"id":1,"method":"RegisterTask","params":{"goal":"g"}}\n'
        b"nonsense\n"
        b'{"id":2,"method":"Health"}\n'
        b"[]\n"
        b'{"id":3,"method":"RegisterTask","params":{"goal":"g"}}\n'
    )
    answers = [json.loads(connection.read_line()) for _ in range(5)]
    codes = [answer.get("error", {}).get("code") for answer in answers]
    assert codes == [None, -32700, None, -32600, None]
    assert [answers[index]["id"] for index in (0, 2, 4)] == [1, 2, 3]


def test_writes_of_a_pipeline_take_effect_in_order(connection: Connection) -> None:
    """Acquisitions of one pipeline get the nodes in the order of the requests."""
    task = register(connection, flat(20))
    requests = [ask(number, "AcquireNextNode", task_id=task.id) for number in range(20)]
    got = [response["result"]["node_id"] for response in pipeline(connection, requests)]
    assert got == list(task.nodes.values())


def test_a_read_sees_the_writes_before_it(connection: Connection) -> None:
    """A read sees every write that was sent before it on the same connection."""
    task = register(connection, flat(10))
    pair = [ask(0, "AcquireNextNode", task_id=task.id), ask(1, "TaskStatus", task_id=task.id)]
    responses = pipeline(connection, pair * 10)
    running = [response["result"]["counts"]["RUNNING"] for response in responses[1::2]]
    assert all(seen >= done for done, seen in enumerate(running, start=1)), running


def test_a_refusal_disturbs_no_neighbour(connection: Connection) -> None:
    """A refused write in the middle of a pipeline leaves the writes around it as they are."""
    before = connection.call("Metrics")["database"]["total_tasks"]
    good = ask(1, "RegisterTask", goal="g")
    itself = "0b0e7d6c-3a7f-4c39-9f3f-4f2f1f6f8a11"
    bad = ask(2, "RegisterTask", goal="g", initial_nodes=[{"id": itself, "dependencies": [itself]}])
    responses = pipeline(connection, [good, bad] * 10)
    assert ["result" in response for response in responses] == [True, False] * 10
    assert connection.call("Metrics")["database"]["total_tasks"] == before + 10


def test_each_connection_has_its_own_order(shared: DaemonProcess, connection: Connection) -> None:
    """A pipeline on one connection does not hold up a call on another."""
    task = register(connection, flat(1_000))
    requests = [ask(number, "TaskStatus", task_id=task.id) for number in range(10)]
    connection.send_raw(b"".join(encoded(request) + b"\n" for request in requests))
    with shared.connect() as other:
        assert other.call("Health")["status"] == "ok"
    assert [connection.read_response()["id"] for _ in requests] == list(range(10))
