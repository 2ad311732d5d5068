"""A line that cannot be decoded is answered under its own id or under none, whatever broke it.

The oracle takes no line apart: it puts one together, member by member, and remembers where each
began and ended before it breaks the line.
"""

import json
from typing import NamedTuple

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from agentd.errors import ParseError
from agentd.protocol import UNKNOWN_ID, RejectedLine, RequestParser
from tests.property.strategies import JSON

IDS = st.sampled_from(['"id"', '"\\u0069d"', '"i\\u0064"', '"\\u0069\\u0064"'])
OTHERS = st.sampled_from(['"method"', '"params"', '""', '"ID"', '"id "', '"\\"id"', '"node_id"'])
SPACE = st.sampled_from(["", " ", "\t", " \r "])
NESTED = JSON | st.fixed_dictionaries({"id": JSON, "a": st.lists(JSON, max_size=2)})
BAD = st.sampled_from(["NaN", "-Infinity", "nope", "'a'", '"\t"', '"\\x"', "01", "[1,]", '{"id":}'])


class Member(NamedTuple):
    """A member of the outermost object: whether it is its id, and its JSON.

    `named` is the place behind its name, `whole` the one behind what has to follow its value.
    """

    is_id: bool
    value: str
    named: int
    whole: int


@st.composite
def objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> tuple[str, list[Member]]:
    """The outermost object of a line, and its members."""
    text, members = draw(SPACE) + "{", []
    for place in range(count := draw(st.integers(0, 5))):
        is_id = draw(st.booleans())
        name = draw(IDS if is_id else OTHERS)
        value = draw(values)
        text += draw(SPACE) + name + draw(SPACE) + ":"
        named = len(text)
        text += draw(SPACE) + value + draw(SPACE) + (",}"[place == count - 1])
        members.append(Member(is_id, value, named, len(text)))
    return (text if count else text + "}"), members


good = objects(NESTED.map(json.dumps))


def told(line: str) -> bytes:
    """The id under which a line that cannot be decoded is refused."""
    messages = [*(requests := RequestParser()).feed(line.encode()), *requests.end()]
    assume(messages)
    [message] = messages
    assume(isinstance(message, RejectedLine) and isinstance(message.error, ParseError))
    return message.id


def only(members: list[Member], length: int) -> bytes:
    """The id that a line shows which was cut to that length."""
    begun = [member for member in members if member.is_id and member.named <= length]
    if len(begun) == 1 and begun[0].whole <= length:
        return spelled(begun[0].value)
    return UNKNOWN_ID


def spelled(value: str) -> bytes:
    """The JSON as it comes back: carriage returns between tokens are spaces."""
    return value.replace("\r", " ").encode()


@given(good, st.data())
def test_a_line_that_was_cut(drawn: tuple[str, list[Member]], data: st.DataObject) -> None:
    """Wherever it was cut, the answer has the only id that had begun, if that is whole."""
    text, members = drawn
    length = data.draw(st.integers(1, len(text) - 1))
    assert told(text[:length]) == only(members, length)


@given(objects(NESTED.map(json.dumps) | BAD))
def test_a_line_with_a_bad_value(drawn: tuple[str, list[Member]]) -> None:
    """A value that is no JSON breaks no structure: the only id is told, if it is JSON itself."""
    text, members = drawn
    found = told(text)
    if (expected := only(members, len(text))) != UNKNOWN_ID and not is_json(expected):
        expected = UNKNOWN_ID
    assert found == expected


def is_json(value: bytes) -> bool:
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return True


@given(good, good, st.data())
def test_two_lines_in_one(
    first: tuple[str, list[Member]], second: tuple[str, list[Member]], data: st.DataObject
) -> None:
    """Where another line begins in the middle of a line, it is never answered under that one's."""
    text, members = first
    length = data.draw(st.integers(text.index("{") + 1, len(text)))
    assume(any(member.is_id for member in second[1]))
    found = told(text[:length] + second[0])
    assert found in (UNKNOWN_ID, *(spelled(member.value) for member in members if member.is_id))


@given(good, st.data())
def test_a_line_with_damage(drawn: tuple[str, list[Member]], data: st.DataObject) -> None:
    """Whatever was put in its place, an id is told only where it stands whole in the line."""
    text, _ = drawn
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(begin + 5, len(text))))
    damage = data.draw(st.text('{}[]",:\\ id1', max_size=5))
    line = text[:begin] + damage + text[end:]
    found = told(line)
    assert found == UNKNOWN_ID or found.decode() in line.replace("\r", " ")
    assert is_json(found)
