"""JSON as text: members and items put in and taken out, and every other byte left as it is.

The rule this file keeps: what was there keeps its order, its indent and its spelling; what is put
in looks like its neighbours.
"""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from agentd.setup.refusal import DoesNotParse, HasComments

Place = tuple[str, ...]
"""The keys that lead to a value."""

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_INDENT = re.compile(r"^[{\[][ \t]*\r?\n([ \t]+)\S")
_OWN_LINE = re.compile(r'[ \t]*(?:"(?:[^"\\]|\\.)*"[ \t]*:[ \t]*)?')
_LENIENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|(//[^\n]*|/\*.*?\*/|,(?=\s*[}\]]))', re.DOTALL)


class Child(NamedTuple):
    """A member (with its key) or an item (without): where it begins and ends, and its value."""

    key: str | None
    start: int
    value: int
    end: int


def parse(text: str) -> Any:
    """The document; of an empty file, an empty object. Raises `DoesNotParse`, `HasComments`."""
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if _parses_without_comments(text):
            raise HasComments("it has comments or trailing commas") from error
        told = f"it is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        raise DoesNotParse(told) from error
    except (ValueError, RecursionError) as error:
        raise DoesNotParse(f"it is no JSON that agentd reads: {error}") from error


def _parses_without_comments(text: str) -> bool:
    plain = _LENIENT.sub(lambda found: " " if found[1] else found[0], text)
    plain = _LENIENT.sub(lambda found: " " if found[1] else found[0], plain)
    try:
        json.loads(plain)
    except (ValueError, RecursionError):
        return False
    return True


def find(text: str, place: Place) -> int | None:
    """Where the value at `place` begins, None where there is none."""
    at = _skip(text, 0)
    for key in place:
        found = [child for child in children(text, at) if child.key == key]
        if text[at] != "{" or not found:
            return None
        at = found[-1].value
    return at


def children(text: str, at: int) -> list[Child]:
    """The members or items of the object or array that begins there; none of another value."""
    if text[at] not in "{[":
        return []
    found, position, closing = [], _skip(text, at + 1), "}" if text[at] == "{" else "]"
    while text[position] != closing:
        start, key = position, None
        if closing == "}":
            key, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        value, (_, end) = position, _DECODER.raw_decode(text, position)
        found.append(Child(key, start, value, end))
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def add(text: str, place: Place, value: Any, key: str | None = None) -> str:
    """The text with a member more in the object, or an item more in the array, at `place`."""
    at = find(text, place)
    assert at is not None, "callers look first"  # noqa: S101 - a bug, never an input
    there = children(text, at)
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = _child_indent(text, at, there)
    start = there[-1].end if there else at + 1
    end = start if there else _skip(text, start)
    if indent is None:
        tight = _is_tight(text)
        comma = ("," if tight else ", ") if there else ""
        return text[:start] + comma + _render(value, key, None, tight=tight) + text[end:]
    unit = _unit(text)
    lines = _render(value, key, unit).replace("\n", f"\n{indent}")
    added = f"{',' if there else ''}\n{indent}{lines}"
    closing = "" if there else f"\n{indent.removesuffix(unit)}"
    return text[:start] + (added + closing).replace("\n", newline) + text[end:]


def replace(text: str, place: Place, value: Any) -> str:
    """The text with another value at `place`."""
    at = find(text, place)
    assert at is not None, "callers look first"  # noqa: S101 - a bug, never an input
    _, end = _DECODER.raw_decode(text, at)
    return text[:at] + _dump(value) + text[end:]


def remove(text: str, at: int, number: int) -> str:
    """The text without a member or item of the object or array that begins at `at`."""
    there = children(text, at)
    if len(there) == 1:
        closing = _skip(text, there[0].end)
        return text[: at + 1] + text[closing:]
    if number:
        return text[: there[number - 1].end] + text[there[number].end :]
    return text[: there[0].start] + text[there[1].start :]


def remove_member(text: str, place: Place) -> str:
    """The text without the member at `place`, however often it is there."""
    while find(text, place) is not None:
        at = find(text, place[:-1])
        assert at is not None  # noqa: S101 - its member was found
        keys = [child.key for child in children(text, at)]
        text = remove(text, at, len(keys) - 1 - keys[::-1].index(place[-1]))
    return text


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _child_indent(text: str, at: int, there: Sequence[Child]) -> str | None:
    """What stands before each child on its line; None where they share their parent's line."""
    if there:
        starts = [at + 1, *(child.end for child in there)]
        before = text[starts[-2] : there[-1].start]
        return before.rpartition("\n")[2] if "\n" in before else None
    line = text[text.rfind("\n", 0, at) + 1 : at]
    if _OWN_LINE.fullmatch(line) is None:
        return None
    return line[: len(line) - len(line.lstrip())] + _unit(text)


def _is_tight(text: str) -> bool:
    """Whether no space follows a comma or a colon, as programs write JSON for programs."""
    there = children(text, _skip(text, 0))
    gaps = [text[one.end : other.start] for one, other in pairwise(there)]
    gaps += [text[child.start : child.value] for child in there if child.key is not None]
    return not any(gap.endswith((" ", "\t", "\n")) for gap in gaps)


def _unit(text: str) -> str:
    found = _INDENT.match(text.lstrip())
    return found[1] if found else "  "


def _render(value: Any, key: str | None, indent: str | None, *, tight: bool = False) -> str:
    start = "" if key is None else _dump(key) + (":" if tight else ": ")
    if indent is None:
        return start + _dump(value, separators=(",", ":") if tight else (", ", ": "))
    return start + _dump(value, indent=indent)


def _dump(value: Any, **form: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **form)
