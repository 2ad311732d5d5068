"""JSON Lines without I/O: which bytes are which requests."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from msgspec import Raw

from agentd.errors import InvalidRequest, ParseError, RequestTooLarge
from agentd.protocol import (
    DEPTH_LIMIT,
    LINE_LIMIT,
    NO_ID,
    UNKNOWN_ID,
    RejectedLine,
    Request,
    RequestParser,
)

HEALTH = b'{"id":1,"method":"Health"}'

Message = Request | RejectedLine


def fed(chunks: Iterable[bytes], *, end: bool = False) -> list[Message]:
    """The requests that these chunks make on a connection of their own."""
    requests = RequestParser()
    messages = [message for chunk in chunks for message in requests.feed(chunk)]
    return messages + requests.end() if end else messages


def plain(messages: Sequence[Message]) -> list[tuple[Any, ...]]:
    """The messages as values that can be compared."""
    return [
        (message.id, message.method, bytes(message.params))
        if isinstance(message, Request)
        else (message.id, type(message.error), message.error.message)
        for message in messages
    ]


def request(line: bytes) -> Request:
    """The one request that the line is."""
    [message] = fed([line + b"\n"])
    assert isinstance(message, Request), message.error
    return message


def rejected(line: bytes) -> RejectedLine:
    """The one rejection that the line gets."""
    [message] = fed([line + b"\n"])
    assert isinstance(message, RejectedLine), message
    return message


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """A request that nests to this depth in all."""
    inside = opening * (depth - 2) + b"0" + closing * (depth - 2)
    return b'{"method":"M","params":{"a":%b,"b":[[],[]]}}' % inside


# Requests


def test_a_request() -> None:
    """A request has the id, the method and the params of its line."""
    line = b'{"id":7,"method":"TaskStatus","params":{"task_id":"x"}}'
    assert request(line) == Request(b"7", "TaskStatus", Raw(b'{"task_id":"x"}'))


def test_params_may_be_left_out() -> None:
    """Params that are left out are an empty object."""
    assert bytes(request(HEALTH).params) == b"{}"


def test_the_id_may_be_left_out() -> None:
    """An id that is left out is not the same as null."""
    assert request(b'{"method":"Health"}').id == NO_ID
    assert request(b'{"id":null,"method":"Health"}').id == b"null"


IDS = [b"0", b"-1", b"1.50", b"1e2", b'"a"', b'"\\u00e9"', '"é"'.encode(), b"null", b"true"]


@pytest.mark.parametrize("value", [*IDS, b"[1, 2]", b'{"b": 1, "a": [ ]}', b"1" * 400])
def test_an_id_is_any_json(value: bytes) -> None:
    """The id is kept as it was spelled, wherever in the line it stands."""
    assert request(b'{"id":%b,"method":"Health"}' % value).id == value
    assert request(b'{"method":"Health", "id" : %b }' % value).id == value


def test_other_members_are_ignored() -> None:
    """Members that mean nothing, such as "jsonrpc", do no harm."""
    assert request(b'{"jsonrpc":"2.0","id":1,"method":"Health"}').method == "Health"


def test_params_are_kept_byte_for_byte() -> None:
    """Key order, spaces and the spelling of numbers stay."""
    params = '{"b": 1.50, "a" :[ ], "é":"\\u00e9", "b":2}'.encode()
    assert bytes(request(b'{"method":"M","params":%b}' % params).params) == params


# Lines


STREAM = b"".join(
    (
        HEALTH + b"\n\n",
        '{"id":"é🚀","method":"Größe"}\r\n'.encode(),
        b" \t \r\n[]\n{\n\xff\n",
        b'{"id":2,"method":"Metrics","params":{"a":"[{\\\\\\"\\n"}}\n',
        b'{"id":3,"method":"Health"}',
    )
)


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_stream_may_be_cut_anywhere(cut: int) -> None:
    """Two chunks give the requests of the whole, wherever they meet."""
    whole = plain(fed([STREAM], end=True))
    assert [message[0] for message in whole] == [
        b"1",
        '"é🚀"'.encode(),
        UNKNOWN_ID,
        UNKNOWN_ID,
        UNKNOWN_ID,
        b"2",
        b"3",
    ]
    assert plain(fed([STREAM[:cut], STREAM[cut:]], end=True)) == whole


def test_a_request_is_there_with_its_newline() -> None:
    """A request is given out with the chunk that has its newline, not before and not twice."""
    requests = RequestParser()
    assert requests.feed(HEALTH) == []
    assert plain(requests.feed(b"\n")) == [(b"1", "Health", b"{}")]
    assert requests.feed(b"\n") == []


@pytest.mark.parametrize("blank", [b"", b"\r", b" ", b"\t \r"])
def test_blank_lines(blank: bytes) -> None:
    """A blank line is no request and no mistake."""
    assert fed([blank + b"\n"]) == []
    assert fed([blank], end=True) == []


def test_the_last_line_may_lack_its_newline() -> None:
    """At the end of the stream the rest is a line, once."""
    requests = RequestParser()
    requests.feed(HEALTH)
    assert plain(requests.end()) == [(b"1", "Health", b"{}")]
    assert requests.end() == []


def test_a_carriage_return_ends_no_line() -> None:
    """A carriage return between tokens is white space, and does not reach the payload."""
    assert bytes(request(b'{"method":"M",\r"params":{"a":\r1}}\r').params) == b'{"a": 1}'


def test_a_carriage_return_in_a_string() -> None:
    """A carriage return in a string has to be escaped."""
    assert isinstance(rejected(b'{"id":4,"method":"a\rb"}').error, ParseError)
    assert request(b'{"method":"a\\rb"}').method == "a\rb"


# The line limit


def padded(length: int) -> bytes:
    """A request of that many bytes, its newline counted."""
    return HEALTH + b" " * (length - len(HEALTH) - 1) + b"\n"


@pytest.mark.parametrize("chunk", [LINE_LIMIT + 1, 65_536, 4_095])
def test_the_longest_line(chunk: int) -> None:
    """A line of exactly 1 MiB, the newline counted, is a request; one byte more is not."""
    for length, kind in ((LINE_LIMIT, Request), (LINE_LIMIT + 1, RejectedLine)):
        line = padded(length)
        pieces = [line[at : at + chunk] for at in range(0, length, chunk)]
        assert [type(message) for message in fed(pieces)] == [kind]


def test_the_limit_is_for_one_line() -> None:
    """Lines that arrive in pieces may be longer than the limit together."""
    requests = RequestParser()
    line = padded(LINE_LIMIT // 3)
    found = [requests.feed(piece) for _ in range(9) for piece in (line[:-1], line[-1:])]
    assert [len(messages) for messages in found] == [0, 1] * 9
    assert not requests.closed


def test_a_line_that_is_too_long() -> None:
    """It is refused with the limit, ends the conversation, and costs no request before it."""
    requests = RequestParser()
    first, refusal = requests.feed(HEALTH + b"\n" + padded(LINE_LIMIT + 1) + HEALTH + b"\n")
    assert isinstance(first, Request)
    assert isinstance(refusal, RejectedLine)
    assert isinstance(refusal.error, RequestTooLarge)
    assert refusal.error.data["limit_bytes"] == LINE_LIMIT
    assert requests.closed
    assert requests.feed(HEALTH + b"\n") == requests.end() == []


def test_a_line_is_too_long_before_it_ends() -> None:
    """An endless line is refused when the limit is reached, not when memory is."""
    requests = RequestParser()
    assert requests.feed(b" " * (LINE_LIMIT - 1)) == []
    assert not requests.closed
    assert len(requests.feed(b" ")) == 1
    assert requests.closed


# Depth


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_the_deepest_nesting(opening: bytes, closing: bytes) -> None:
    """Arrays and objects nest 120 deep in one line, and not one deeper."""
    assert DEPTH_LIMIT == 120
    assert request(nested(120, opening, closing)).method == "M"
    refusal = rejected(nested(121, opening, closing))
    assert isinstance(refusal.error, ParseError)
    assert "120" in refusal.error.message


def test_nesting_that_would_break_a_decoder() -> None:
    """Half a megabyte of brackets is refused like any other mistake."""
    assert isinstance(rejected(b"[" * 500_000).error, ParseError)
    assert isinstance(rejected(b'{"a":' * 100_000).error, ParseError)


@pytest.mark.parametrize("before", [b"", b"\\\\", b'\\"', b'\\\\\\"'])
def test_brackets_in_a_string_do_not_nest(before: bytes) -> None:
    """What stands in a string is text, behind escaped quotes and backslashes too."""
    assert request(b'{"method":"M","params":{"a":"%b"}}' % (before + b"[" * 500)).method == "M"


@pytest.mark.parametrize("string", [b'"\\\\"', b'"\\\\\\\\"', b'"\\""'])
def test_brackets_behind_a_string_nest(string: bytes) -> None:
    """A string ends where it ends, whatever is escaped before its last quote."""
    line = b'{"method":"M","params":{"a":[%b,%b]}}' % (string, nested(121))
    assert "120" in rejected(line).error.message


def test_many_siblings_do_not_nest() -> None:
    """Width is no depth."""
    assert request(b'{"method":"M","params":{"a":[%b[]]}}' % (b"[]," * 5_000)).method == "M"


# Mistakes


@pytest.mark.parametrize(
    "line",
    [b"{", b"nonsense", b'{"id":1,}', b'{"id":1} x', b"{'id':1}", b'{"id":1,"method":"M"', b"\x00"],
)
def test_what_is_not_json(line: bytes) -> None:
    """A line that is not JSON is a parse error."""
    assert isinstance(rejected(line).error, ParseError)


@pytest.mark.parametrize("line", [b'{"method":"\xff"}', b"\xc3", b'{"a":"\xed\xa0\x80"}', b"\xf8"])
def test_what_is_not_utf8(line: bytes) -> None:
    """A line that is not UTF-8 is a parse error that names the byte and its offset."""
    assert "not UTF-8: byte 0x" in rejected(line).error.message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"[]", UNKNOWN_ID),
        (b"null", UNKNOWN_ID),
        (b'"Health"', UNKNOWN_ID),
        (b"{}", NO_ID),
        (b'{"id":5}', b"5"),
        (b'{"id":5,"method":7}', b"5"),
        (b'{"method":null,"id":"x"}', b'"x"'),
    ],
)
def test_what_is_no_request(line: bytes, told: bytes) -> None:
    """JSON that is no request is refused under its id, if it has one."""
    refusal = rejected(line)
    assert isinstance(refusal.error, InvalidRequest)
    assert refusal.id == told
