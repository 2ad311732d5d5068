"""Payloads: any JSON value, handed back with the same content, wherever it is handed back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire.steps import acquire, held, inside, register, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import Connection, DaemonProcess
    from tests.wire.steps import Task

VALUES = {
    "null": "null",
    "true": "true",
    "false": "false",
    "zero": "0",
    "minus zero": "-0",
    "integer": "1",
    "float that is whole": "1.0",
    "float with a trailing zero": "1.50",
    "minus zero point zero": "-0.0",
    "exponent": "1e5",
    "exponent in capitals": "1E+05",
    "small exponent": "1e-7",
    "beyond 64 bits": "12345678901234567890",
    "23 digits": "12345678901234567890123",
    "more digits than a double has": "0.1000000000000000055511151231257827",
    "the largest double": "1.7976931348623157e308",
    "empty string": '""',
    "string of a number": '"1.0"',
    "escaped letter": r'"\u00e9"',
    "letter": '"é"',
    "decomposed letter": '"e\u0301"',
    "emoji": '"🚀👩\u200d🚀"',
    "escaped emoji": r'"\ud83d\ude80"',
    "escapes": r'"\"\\\/\b\f\n\r\t"',
    "escaped NUL": r'"a\u0000b"',
    "control characters": r'"\u0001\u001f\u007f"',
    "line separators": '"\u2028\u2029"',
    "last code point": '"\U0010ffff"',
    "markup": '"</script>&amp;"',
    "empty array": "[]",
    "array": '[1,1.0,"1",null,[],{}]',
    "empty object": "{}",
    "keys out of order": '{"z":1,"a":2,"m":{"y":1,"b":2}}',
    "numbers as keys": '{"10":1,"9":2,"":3}',
    "keys that mean something": '{"id":1,"error":2,"result":null,"__proto__":4,"$ref":"#"}',
    "duplicate keys": '{"a":1,"b":2,"a":3}',
    "escaped key": r'{"\u00e9":1,"é":2}',
    "nested": "[" * 50 + "1.0" + "]" * 50,
    "nested objects": '{"a":' * 50 + "[1.0]" + "}" * 50,
    "long string": json.dumps("é🚀x" * 20_000, ensure_ascii=False),
    "many members": json.dumps({f"k{index}": index for index in range(2_000, 0, -1)}),
}
COMPACT = {name: text for name, text in VALUES.items() if ", " not in text}


def call(
    connection: Connection, method: str, params: Any, name: str = "", payload: str = ""
) -> bytes:
    """Call a method with a payload spelled exactly like this and return the raw response."""
    members = [f'"{key}":{json.dumps(value)}' for key, value in params.items()]
    if name:
        members.append(f'"{name}":{payload}')
    line = connection.ask(f'{{"id":1,"method":"{method}","params":{{{",".join(members)}}}}}')
    assert line.startswith(b"{")
    assert "result" in dict(spelled(line)[1]), line
    return line


def status(connection: Connection, task_id: str) -> bytes:
    """Return TaskStatus, raw."""
    return call(connection, "TaskStatus", {"task_id": task_id})


def in_context(connection: Connection, text: str) -> Iterator[tuple[bytes, Any]]:
    """Send a task's context; yield each raw response that has it, and what it has."""
    params = {"goal": "g", "initial_nodes": [{}]}
    registered = call(connection, "RegisterTask", params, "context", text)
    task_id = inside(spelled(registered), "result", "task_id")
    line = status(connection, task_id)
    yield line, inside(spelled(line), "result", "task", "context")
    line = call(connection, "AcquireNextNode", {"task_id": task_id})
    yield line, inside(spelled(line), "result", "context", "task", "context")


def in_payload_schema(connection: Connection, text: str) -> Iterator[tuple[bytes, Any]]:
    """Send a node's payload_schema; yield each raw response that has it, and what it has."""
    nodes = f'[{{"payload_schema":{text}}}]'
    registered = call(connection, "RegisterTask", {"goal": "g"}, "initial_nodes", nodes)
    task_id = inside(spelled(registered), "result", "task_id")
    line = status(connection, task_id)
    yield line, inside(spelled(line), "result", "nodes", 0, "payload_schema")
    line = call(connection, "AcquireNextNode", {"task_id": task_id})
    yield line, inside(spelled(line), "result", "context", "node", "payload_schema")


def in_event(connection: Connection, text: str) -> Iterator[tuple[bytes, Any]]:
    """Commit an event's payload; yield the raw response that has it, and what it has."""
    task = register(connection)
    node = {"task_id": task.id, "node_id": task.nodes["a"]}
    committed = call(connection, "CommitEvent", node, "payload", text)
    event_id = inside(spelled(committed), "result", "event_id")
    line = call(connection, "AcquireNextNode", {"task_id": task.id})
    yield line, inside(event_in(line, event_id), "payload")


def in_result(connection: Connection, text: str) -> Iterator[tuple[bytes, Any]]:
    """Complete a node with this result; yield each raw response that has it, and what it has."""
    task = register(connection, {"a": (), "b": ["a"]})
    lease = held(acquire(connection, task))
    completed = call(connection, "CompleteNode", lease, "result_payload", text)
    line = status(connection, task.id)
    yield line, inside(spelled(line), "result", "nodes", 0, "result_payload")
    line = call(connection, "AcquireNextNode", {"task_id": task.id})
    done = inside(spelled(line), "result", "context", "completed_dependencies", 0)
    yield line, inside(done, "result_payload")
    event_id = inside(spelled(completed), "result", "event_id")
    yield line, inside(event_in(line, event_id), "payload", "result")


def in_error(connection: Connection, text: str) -> Iterator[tuple[bytes, Any]]:
    """Fail a node with this error; yield each raw response that has it, and what it has."""
    task = register(connection, {"a": (), "b": ()})
    failed = call(connection, "FailNode", held(acquire(connection, task)), "error_payload", text)
    line = status(connection, task.id)
    yield line, inside(spelled(line), "result", "nodes", 0, "result_payload")
    line = call(connection, "AcquireNextNode", {"task_id": task.id})
    event_id = inside(spelled(failed), "result", "event_id")
    yield line, inside(event_in(line, event_id), "payload", "error")


def event_in(line: bytes, event_id: str) -> Any:
    """Return the event with this id from an acquisition's raw response."""
    journal = inside(spelled(line), "result", "context", "event_journal")
    return next(event for event in journal if inside(event, "id") == event_id)


PLACES = [in_context, in_payload_schema, in_event, in_result, in_error]


@pytest.mark.parametrize("text", VALUES.values(), ids=list(VALUES))
@pytest.mark.parametrize("place", PLACES)
def test_content_is_handed_back(connection: Connection, place: Any, text: str) -> None:
    """Key order, number spelling and Unicode are the same going out as coming in."""
    for _, content in place(connection, text):
        assert content == spelled(text)


@pytest.mark.parametrize("text", COMPACT.values(), ids=list(COMPACT))
@pytest.mark.parametrize("place", PLACES)
def test_bytes_are_handed_back(connection: Connection, place: Any, text: str) -> None:
    """A compact payload is in the response byte for byte, its escapes as the client chose them."""
    for line, _ in place(connection, text):
        assert text.encode() in line


@pytest.mark.parametrize("place", PLACES)
def test_spaces_are_not_content(connection: Connection, place: Any) -> None:
    """Spaces between tokens may go; what stands between them stays."""
    text = ' { "b" : [ 1.0 ,\t2e0 ] , "a b" : " c  d " } '
    for _, content in place(connection, text):
        assert content == spelled(text)


def test_a_payload_never_breaks_the_line(connection: Connection) -> None:
    """A payload with a carriage return between its tokens still comes back on one line."""
    task = register(connection)
    node = {"task_id": task.id, "node_id": task.nodes["a"]}
    call(connection, "CommitEvent", node, "payload", "[1,\r2]")
    line = call(connection, "AcquireNextNode", {"task_id": task.id})
    assert inside(spelled(line), "result", "node_id") == task.nodes["a"]


def test_payloads_survive_a_crash(daemon: DaemonProcess) -> None:
    """Payloads are handed back with the same content after the daemon was killed."""
    texts = [text for text in COMPACT.values() if len(text) < 1_000]
    whole = f"[{','.join(texts)}]"
    with daemon.connect() as connection:
        registered = call(connection, "RegisterTask", {"goal": "g"}, "context", whole)
    daemon.kill()
    daemon.restart()
    with daemon.connect() as connection:
        line = status(connection, inside(spelled(registered), "result", "task_id"))
    assert whole.encode() in line


def test_payloads_of_one_task_do_not_mix(connection: Connection) -> None:
    """Each node keeps its own result and each event its own payload."""
    task: Task = register(connection, {f"n{index}": () for index in range(20)})
    expected = []
    for number in range(20):
        acquired = acquire(connection, task)
        connection.call("CommitEvent", **held(acquired), payload=f"event {number}")
        connection.call("CompleteNode", **held(acquired), result_payload=f"result {number}")
        expected.append(f"result {number}")
    nodes = connection.call("TaskStatus", task_id=task.id)["nodes"]
    assert [node["result_payload"] for node in nodes] == expected
