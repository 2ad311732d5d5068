"""Which id a line bears that cannot be decoded: its own beyond doubt, or none."""

import pytest

from agentd.errors import ParseError
from agentd.protocol import UNKNOWN_ID, RejectedLine, RequestParser
from tests.test_protocol import IDS


def told(line: bytes) -> bytes:
    """The id of the one answer to a line that cannot be decoded."""
    [message] = RequestParser().feed(line + b"\n")
    assert isinstance(message, RejectedLine)
    assert isinstance(message.error, ParseError)
    return message.id


VALUES = [*IDS, b"[1, 2]", b'{"b": 1, "a": [{"id": 3}]}', b"1" * 400, b'"\\"id\\":2,"']


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", [b"id", b"\\u0069d", b"i\\u0064", b"\\u0069\\u0064"])
def test_its_only_id_is_told(name: bytes, value: bytes) -> None:
    """Whatever JSON it is, however its name is spelled, and wherever in the line it stands."""
    assert told(b'{"%b":%b,"method":"M"' % (name, value)) == value
    assert told(b' {"method" : "M" , "%b" : %b ,}' % (name, value)) == value
    assert told(b'{"params":{"id":8,"a":[{"id":9}]},"%b":%b} x' % (name, value)) == value


TWICE = [
    b'{"id":1,"id":2,"method":"M"',
    b'{"id":1,"method":"M","\\u0069d":2,}',
    b'{"id":1,"method":"M"}{"id":2,"method":"M"}',
    b'{"id":1,"meth{"id":2,"method":"M"}',
    b'{"id":1,"params":{"a":"b" c","id":2}}',
    b'{"id":1,"params":[},"id":2}',
    b'{"id":1,"params":[{"a":1},"id":2}',
    b"{\"id\":1,'id':2}",
    b'{"id":1,,id :2}',
    b'{"id":1,"method":"M","params":{}},"id":2}',
    b'{"id":1,"a":tru e,"id":2',
]


@pytest.mark.parametrize("line", TWICE)
def test_of_two_ids_none_is_told(line: bytes) -> None:
    """A line that holds two, or what looks like a second behind a break, may be anybody's."""
    assert told(line) == UNKNOWN_ID


NESTED = [
    b'{"id":1,"method":"M","params":{"nodes":[{"id":2},{"id":3,"a":NaN},{"id":4}]}}',
    b'{"id":1,"method":"M","params":{"nodes":[{"id":2,"a":"\t"},{"id":"cut he',
    b'{"params":{"id":2,"a":\'b\'},"id":1}',
    b'{"id":1,"params":{"text":"\\"id\\":2"',
    b'{"id":1,"params":{"task_id":2,"an-id":3,"$id":4,}} {"task_id":5}',
    b'{"id":1,"params":%b2%b}' % (b'{"id":' * 150, b"}" * 150),
]


@pytest.mark.parametrize("line", NESTED)
def test_an_id_further_down_is_no_second_one(line: bytes) -> None:
    """What nests in params is theirs, as long as it is clear how it nests."""
    assert told(line) == b"1"


HOPELESS = [
    b"{",
    b'["id":5]x',
    b'{"a":{"id":5},',
    b'{"a":{"id":5,}',
    b'{"id":5',
    b'{"id":"cut he',
    b'{"id":[1,2',
    b'{"id":5 "method":"M"}',
    b'{"id":[1}',
    b'{"id":[NaN],"method":"M"}',
    b'{"id":"\xff","method":"M"}',
    b'{"id":"\\ud800","method":"M"}',
    b'{"id":%b,"method":"M"}' % (b"[" * 500 + b"]" * 500),
    b'{"id":%b1}' % (b'{"id":' * 500),
    b'x{"id":5}',
    b'{method:"M","id":5}',
]


@pytest.mark.parametrize("line", HOPELESS)
def test_an_id_that_is_in_doubt(line: bytes) -> None:
    """What may be cut, is no JSON, or stands behind a break, is not told."""
    assert told(line) == UNKNOWN_ID


def test_the_id_of_a_long_line() -> None:
    """A registration of 10,000 nodes with a mistake in the last one still has its id."""
    nodes = b",".join([b'{"id":"a","dependencies":["b"]}'] * 10_000)
    assert told(b'{"id":7,"params":{"initial_nodes":[%b,]},"a":0}' % nodes) == b"7"


@pytest.mark.parametrize(("times", "id_"), [(1_000, b"7"), (10_000, UNKNOWN_ID)])
def test_brackets_are_not_followed_for_ever(times: int, id_: bytes) -> None:
    """Behind many thousands of them it is not known any more whose an id is."""
    assert told(b'{"id":7,"a":[%b{"id":8}],}' % (b"[[[[]]]]," * times)) == id_


def test_carriage_returns_leave_an_id() -> None:
    """They are white space in an id, and some read them as the end of a line."""
    assert told(b'{"id":[1,\r2],}') == b"[1, 2]"
    [message] = RequestParser().feed(b'{"id":[1,\r2],"method":7}\n')
    assert message.id == b"[1, 2]"
