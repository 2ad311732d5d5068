"""The protocol's own laws: chunks do not matter, and no bytes are too much for it."""

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from agentd.errors import WIRE_ERRORS
from agentd.protocol import RejectedLine, Request, RequestParser, encode_error, encode_result
from tests.property.strategies import JSON

ENDINGS = st.sampled_from([b"\n", b"\r\n", b"\n\n"])
BROKEN = st.sampled_from([b"{", b"[]", b'{"id":1,', b"\xff\xfe", b'{"id":"x"}', b"[" * 200, b"\r"])


@st.composite
def requests_(draw: st.DrawFn) -> bytes:
    """The line of a good request."""
    members: dict[str, Any] = {"method": draw(st.text(max_size=20))}
    for name in ("id", "params"):
        if draw(st.booleans()):
            members[name] = draw(JSON)
    ascii_only = draw(st.booleans())
    return json.dumps(members, ensure_ascii=ascii_only).encode()


LINES = st.one_of(requests_(), BROKEN, st.binary(max_size=40))
STREAMS = st.lists(st.tuples(LINES, ENDINGS)).map(lambda pairs: b"".join(a + b for a, b in pairs))


def fed(chunks: Iterable[bytes]) -> list[tuple[Any, ...]]:
    """What the chunks say, down to the end of the stream, as values that can be compared."""
    requests = RequestParser()
    messages = [message for chunk in chunks for message in requests.feed(chunk)]
    return [comparable(message) for message in messages + requests.end()]


def comparable(message: Request | RejectedLine) -> tuple[Any, ...]:
    if isinstance(message, Request):
        return message.id, message.method, bytes(message.params)
    return message.id, message.error.kind, message.error.message


@given(STREAMS, st.binary(max_size=20))
def test_byte_at_a_time(stream: bytes, rest: bytes) -> None:
    """A stream that arrives byte by byte has the requests of one that arrives at once."""
    whole = stream + rest
    assert fed(bytes([byte]) for byte in whole) == fed([whole])


@given(STREAMS, st.data())
def test_random_chunks(stream: bytes, data: st.DataObject) -> None:
    """However a stream is cut, its requests are the same."""
    cuts = data.draw(st.lists(st.integers(0, len(stream))))
    edges = [0, *sorted(cuts), len(stream)]
    assert fed(stream[a:b] for a, b in pairwise(edges)) == fed([stream])


@given(st.lists(requests_(), max_size=5), ENDINGS)
def test_requests_keep_their_order(lines: list[bytes], ending: bytes) -> None:
    """Good lines are all requests, in their order, each with its own id, method and params."""
    found = fed([ending.join([*lines, b""])])
    expected = [json.loads(line) for line in lines]
    assert [method for _, method, _ in found] == [line["method"] for line in expected]
    for (request_id, _, params), line in zip(found, expected, strict=True):
        assert json.loads(request_id or b'"none"') == line.get("id", "none")
        sent = line.get("params")
        assert json.loads(params) == ({} if sent is None else sent)


@given(st.binary())
@example(b'{"id":' * 500)
@example(b'{"id":"\\')
@example(b'{"id":1e999,}\n')
@example(b'{"id":"\\ud800","method":1}\n')
@example(b'{"id":-,"method":1}\n{"id":"\x00"}\n')
def test_no_bytes_are_too_much(data: bytes) -> None:
    """Arbitrary bytes never raise, and every answer to them is one line of JSON."""
    for message in [*(requests := RequestParser()).feed(data), *requests.end()]:
        line = (
            encode_error(message.id, message.error)
            if isinstance(message, RejectedLine)
            else encode_result(message.id, None)
        )
        assert line.count(b"\n") == 1
        assert json.loads(line).keys() & {"result", "error"}


@given(st.sampled_from(WIRE_ERRORS), st.text(st.characters(exclude_categories=())), JSON)
def test_every_error_can_be_said(kind: type[Any], message: str, value: Any) -> None:
    """Whatever its text and its data, an error is one line of JSON that says its kind."""
    line = encode_error(b"1", kind(message, value=value))
    assert line.count(b"\n") == 1
    assert json.loads(line)["error"]["data"] == {"kind": kind.kind, "value": value}
