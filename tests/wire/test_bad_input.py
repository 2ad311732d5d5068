"""Bad input is answered, never fatal: the connection stays open and nothing is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.wire.steps import inside, spelled, totals

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess

DEEP = 100_000
REFUSALS = {-32700, -32600, -32602}


def task_with(context: bytes) -> bytes:
    """Return a RegisterTask that would be valid if only its context were."""
    return b'{"id":1,"method":"RegisterTask","params":{"goal":"g","context":' + context + b"}}"


NOT_JSON = {
    "NaN": task_with(b"NaN"),
    "Infinity": task_with(b"Infinity"),
    "-Infinity": task_with(b"-Infinity"),
    "NaN inside": task_with(b'{"a":[1,NaN]}'),
    "leading zero": task_with(b"01"),
    "leading plus": task_with(b"+1"),
    "bare point": task_with(b".5"),
    "point without digits": task_with(b"1."),
    "exponent without digits": task_with(b"1e"),
    "hexadecimal": task_with(b"0x10"),
    "single quotes": task_with(b"'a'"),
    "trailing comma": task_with(b"[1,]"),
    "comment": task_with(b"1/* one */"),
    "unknown escape": task_with(rb'"\x41"'),
    "short escape": task_with(rb'"\u12"'),
    "raw NUL in a string": task_with(b'"a\x00b"'),
    "raw control character in a string": task_with(b'"a\x01b"'),
    "raw tab in a string": task_with(b'"a\tb"'),
    "NUL between tokens": task_with(b"\x00{}"),
    "only NUL": b"\x00",
    "NUL behind the object": b'{"id":1,"method":"Health"}\x00',
    "two objects": b'{"id":1,"method":"Health"} {"id":2,"method":"Health"}',
    "unfinished": b'{"id":1,"method":"RegisterTask","params":{"goal":"g"}',
}
NOT_UTF8 = {
    "stray byte": task_with(b'"\xff"'),
    "UTF-16": task_with(b'"\xff\xfea\x00"'),
    "continuation alone": task_with(b'"\x80"'),
    "cut character": task_with(b'"\xe2\x82"'),
    "overlong slash": task_with(b'"\xc0\xaf"'),
    "encoded surrogate": task_with(b'"\xed\xa0\x80"'),
    "beyond Unicode": task_with(b'"\xf4\x90\x80\x80"'),
    "in a key": task_with(b'{"\xff":1}'),
    "in the id": b'{"id":"\xff","method":"RegisterTask","params":{"goal":"g"}}',
    "in the method": b'{"id":1,"method":"\xff"}',
    "outside strings": b'\xff{"id":1,"method":"Health"}',
}
DEEP_LINES = {
    "arrays": b"[" * DEEP + b"]" * DEEP,
    "open arrays": b"[" * DEEP,
    "open objects": b'{"a":' * DEEP,
    "closing only": b"]" * DEEP,
    "arrays in a payload": task_with(b"[" * DEEP + b"]" * DEEP),
    "objects in a payload": task_with(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "mixed in a payload": task_with(b'[{"a":' * DEEP + b"1" + b"}]" * DEEP),
    "in the id": b'{"id":' + b"[" * DEEP + b"]" * DEEP + b',"method":"Health"}',
    "in a param": b'{"id":1,"method":"TaskStatus","params":{"task_id":'
    + b"[" * DEEP
    + b"]" * DEEP
    + b"}}",
    "in an unknown member": b'{"id":1,"method":"Health","extra":'
    + b"[" * DEEP
    + b"]" * DEEP
    + b"}",
}
UNUSUAL = {
    "number beyond doubles": b"1e999",
    "negative number beyond doubles": b"-1e999",
    "number below doubles": b"1e-999",
    "10,000 digits": b"1" * 10_000,
    "lone high surrogate": rb'"\ud800"',
    "lone low surrogate": rb'"a\udc00b"',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "lone surrogate as a key": rb'{"\ud800":1}',
}


def answer(shared: DaemonProcess, connection: Connection, line: bytes) -> bytes:
    """Return the raw answer to a bad line; check that everybody is still served afterwards."""
    line = connection.ask(line)
    assert connection.call("Health")["status"] == "ok"
    with shared.connect() as other:
        assert other.call("Health")["status"] == "ok"
    return line


@pytest.mark.parametrize("line", NOT_JSON.values(), ids=list(NOT_JSON))
def test_not_json(shared: DaemonProcess, connection: Connection, line: bytes) -> None:
    """What is almost JSON is refused with -32700, and nothing of it is written."""
    before = totals(connection)
    error = json.loads(answer(shared, connection, line))["error"]
    assert (error["code"], error["data"]["kind"]) == (-32700, "parse_error")
    assert totals(connection) == before


@pytest.mark.parametrize("line", NOT_UTF8.values(), ids=list(NOT_UTF8))
def test_not_utf8(shared: DaemonProcess, connection: Connection, line: bytes) -> None:
    """What is not UTF-8 is refused with -32700, and nothing of it is written."""
    before = totals(connection)
    error = json.loads(answer(shared, connection, line))["error"]
    assert (error["code"], error["data"]["kind"]) == (-32700, "parse_error")
    assert totals(connection) == before


@pytest.mark.parametrize("line", DEEP_LINES.values(), ids=list(DEEP_LINES))
def test_deep_nesting(shared: DaemonProcess, connection: Connection, line: bytes) -> None:
    """A line nested 100,000 deep is refused, wherever it is nested, and nothing is written."""
    before = totals(connection)
    assert json.loads(answer(shared, connection, line))["error"]["code"] in REFUSALS
    assert totals(connection) == before


@pytest.mark.parametrize("payload", UNUSUAL.values(), ids=list(UNUSUAL))
def test_unusual_json(shared: DaemonProcess, connection: Connection, payload: bytes) -> None:
    """What some decoders cannot hold is refused without a trace, or handed back unchanged."""
    before = totals(connection)
    response = spelled(answer(shared, connection, task_with(payload)))
    if "error" in dict(response[1]):
        code = inside(response, "error", "code")[1]
        assert int(code) in REFUSALS
        assert totals(connection) == before
    else:
        task_id = inside(response, "result", "task_id")
        request = {"id": 1, "method": "TaskStatus", "params": {"task_id": task_id}}
        status = spelled(connection.ask(json.dumps(request)))
        assert inside(status, "result", "task", "context") == spelled(payload)


def test_byte_order_mark(shared: DaemonProcess, connection: Connection) -> None:
    """A byte order mark is skipped or refused with -32700, and the connection stays open."""
    line = answer(shared, connection, b'\xef\xbb\xbf{"id":1,"method":"Health"}')
    response = json.loads(line)
    assert "result" in response or response["error"]["code"] == -32700


@pytest.mark.parametrize("goal", [rb"a\u0000b", rb"\ud800", rb"\u0000"])
def test_unusual_goals(shared: DaemonProcess, connection: Connection, goal: bytes) -> None:
    """A goal with an escaped NUL or a lone surrogate is refused, or handed back unchanged."""
    before = totals(connection)
    request = b'{"id":1,"method":"RegisterTask","params":{"goal":"' + goal + b'"}}'
    response = json.loads(answer(shared, connection, request))
    if "error" in response:
        assert response["error"]["code"] in REFUSALS
        assert totals(connection) == before
    else:
        status = connection.call("TaskStatus", task_id=response["result"]["task_id"])
        assert status["task"]["goal"] == json.loads(b'"' + goal + b'"')


@pytest.mark.parametrize("method", [rb"\u0000", rb"Health\u0000", rb"\ud800"])
def test_unusual_methods(shared: DaemonProcess, connection: Connection, method: bytes) -> None:
    """A method's name with an escaped NUL or a lone surrogate is refused like any other."""
    line = answer(shared, connection, b'{"id":1,"method":"' + method + b'"}')
    assert json.loads(line)["error"]["code"] in {-32601, *REFUSALS}


@pytest.mark.parametrize("text", ["[" * DEEP, "{" * DEEP, '"' + "[" * DEEP, "\\" + "[" * DEEP])
def test_brackets_in_strings_are_no_nesting(connection: Connection, text: str) -> None:
    """Brackets inside a string nest nothing, also behind an escaped quote or backslash."""
    task_id = connection.call("RegisterTask", goal="g", context=text)["task_id"]
    assert connection.call("TaskStatus", task_id=task_id)["task"]["context"] == text


def test_brackets_side_by_side_are_no_nesting(connection: Connection) -> None:
    """A payload with 50,000 empty arrays in a row is not deep."""
    context: list[list[None]] = [[]] * 50_000
    task_id = connection.call("RegisterTask", goal="g", context=context)["task_id"]
    assert connection.call("TaskStatus", task_id=task_id)["task"]["context"] == context


def test_a_long_run_of_bad_lines(connection: Connection) -> None:
    """A thousand bad lines in a row are answered one by one, and then a good one."""
    connection.send_raw(b"nonsense\n" * 1_000 + b'{"id":1,"method":"Health"}\n')
    codes = {json.loads(connection.read_line())["error"]["code"] for _ in range(1_000)}
    assert codes == {-32700}
    assert connection.read_response()["result"]["status"] == "ok"


def test_bytes_at_random(shared: DaemonProcess, connection: Connection) -> None:
    """Lines of all bytes but the newline are answered one by one."""
    lines = [bytes([byte]) * 3 for byte in range(256) if byte not in b"\r\n\t\v\f 0123456789"]
    for line in lines:
        assert json.loads(connection.ask(line))["error"]["code"] == -32700
    with shared.connect() as other:
        assert other.call("Health")["status"] == "ok"
