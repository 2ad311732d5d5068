"""Which id a line bears that cannot be decoded.

The rule this file keeps: an id is told only where it is the line's own beyond doubt, because under
another's the answer would pass for that of another request. A line is certain up to the first place
where its structure breaks (a word that is no JSON, such as NaN, breaks nothing); behind that place
whatever looks like an `id` is one more. The time is linear in the bytes: what a quantifier has
taken it keeps (they are possessive), and what costs a step each is counted.
"""

import re
from collections.abc import Iterator
from itertools import repeat

_SPACE = rb"[ \t\r]*+"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR = rb'(?:%b|[^ \t\r"\[\]{},:]++)' % _STRING
_NAME = rb"%b(?:%b)%b:%b" % (_SPACE, _STRING, _SPACE, _SPACE)


def _flat_pattern(inner: bytes) -> bytes:
    """Scalars, and arrays and objects of `inner`."""
    items = rb"(?:%b%b(?:,|(?=\])))*+" % (_SPACE + inner, _SPACE)
    members = rb"(?:%b%b(?:,|(?=\})))*+" % (_NAME + inner, _SPACE)
    return rb"(?:%b|\[%b%b\]|\{%b%b\})" % (_SCALAR, items, _SPACE, members, _SPACE)


_FLAT = _flat_pattern(_flat_pattern(_SCALAR))  # a node with its dependencies and a plain payload
_RUN = {
    b"[": re.compile(rb"(?s)%b,?+(?:%b%b%b,)*+%b" % (_SPACE, _SPACE, _FLAT, _SPACE, _SPACE)),
    b"{": re.compile(rb"(?s)%b,?+(?:%b%b%b,)*+(?:%b)?+" % (_SPACE, _NAME, _FLAT, _SPACE, _NAME)),
}
"""What is passed in one step: flat values in an array; members that have one, and the next name."""

_BRACKET = re.compile(rb"(?s)([\[{])|(?:%b)?+%b([\]}])" % (_SCALAR, _SPACE))
_CLOSING = {b"[": b"]", b"{": b"}"}
_BEGIN = re.compile(rb"%b\{" % _SPACE)
_MEMBER = re.compile(rb"(?s)%b(%b)%b:%b" % (_SPACE, _STRING, _SPACE, _SPACE))
_VALUE = re.compile(rb"(?s)%b" % _SCALAR)
_END = re.compile(rb"%b(?:,|(\}))" % _SPACE)

_I, _D = rb"(?:i|\\u0069)", rb"(?:d|\\u0064)"  # however they are escaped
_IS_ID = re.compile(rb'"%b%b"' % (_I, _D))
_BEGIN_OF_ID = rb"(?:i(?<![\w$-]i)|\\u0069(?<![\w$-]\\u0069))"  # faster than to look behind first
_LOOKS_LIKE_ID = re.compile(rb"%b%b[\"']?%b:" % (_BEGIN_OF_ID, _D, _SPACE))

_MOST_STEPS = 20_000
"""Members and brackets that are looked at, in some 15 ms; what is behind them is in doubt."""


def find_id(line: bytes) -> bytes:
    """The value of the only `id` of the outermost object, or b"" where that cannot be told.

    It may still be no JSON, but where it ends is certain.
    """
    begin = _BEGIN.match(line)
    if begin is None:
        return b""
    at, found = begin.end(), []
    steps = repeat(None, _MOST_STEPS)
    for _ in steps:
        member = _MEMBER.match(line, at)
        if member is None:
            break
        at, end = _pass_value(line, member.end(), steps)
        if _IS_ID.fullmatch(member[1]):
            found.append(line[member.end() : at] if end else b"")
        if end is None:
            break
        at = end.end()
        if end[1]:
            break
    return found[0] if len(found) == 1 and not _LOOKS_LIKE_ID.search(line, at) else b""


def _pass_value(line: bytes, at: int, steps: Iterator[None]) -> tuple[int, re.Match[bytes] | None]:
    """Where the value at `at` ends, and what ends it; None, and where the line breaks within it."""
    if value := _VALUE.match(line, at):
        end = _END.match(line, value.end())
        return (value.end() if end else at), end
    opened: list[bytes] = []
    for _ in steps:
        if opened and (run := _RUN[opened[-1]].match(line, at)):
            at = run.end()
        bracket = _BRACKET.match(line, at)
        if bracket is None:
            break
        if bracket[1]:
            opened.append(bracket[1])
        elif not opened or _CLOSING[opened.pop()] != bracket[2]:
            break
        at = bracket.end()
        if not opened:
            return at, _END.match(line, at)
    return at, None
