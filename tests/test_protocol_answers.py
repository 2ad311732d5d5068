"""JSON Lines without I/O: which bytes are the answers."""

import json
from typing import Any

import pytest
from msgspec import Raw

from agentd.errors import ParseError, StaleLease, UnknownMethod
from agentd.protocol import NO_ID, encode_error, encode_result


@pytest.mark.parametrize("value", [None, {"a": [1, "é"]}, Raw(b'{"b": 1.50}'), []])
def test_a_result(value: Any) -> None:
    """A response is one line with the id as it came, and null is a result."""
    line = encode_result(b'{"b": 1}', value)
    assert line.startswith(b'{"id":{"b": 1},"result":')
    assert line.endswith(b"}\n")
    assert set(json.loads(line)) == {"id", "result"}
    assert b"1.50" in line or not isinstance(value, Raw)


def test_an_error() -> None:
    """An error has code, message and data; the data has the kind and what else is known."""
    line = encode_error(b"1", StaleLease("gone", node_id="n"))
    error = {"code": -32000, "message": "gone", "data": {"kind": "stale_lease", "node_id": "n"}}
    assert line.endswith(b"\n")
    assert json.loads(line) == {"id": 1, "error": error}


def test_an_answer_without_an_id() -> None:
    """A request without an id gets an answer without one."""
    assert encode_result(NO_ID, {}) == b'{"result":{}}\n'
    assert json.loads(encode_error(NO_ID, UnknownMethod())).keys() == {"error"}


def test_a_message_that_cannot_be_encoded() -> None:
    """A lone surrogate in a message costs that character, never the answer."""
    assert json.loads(encode_error(b"1", ParseError("a\ud800b")))["error"]["message"] == "a?b"
