"""A document in JSON, and the lines on which its parts stand.

The rule this file keeps: the document goes on as it was written. It is looked at where something is
wrong, and then by its characters: no number of it is ever made one of this program's.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NoReturn

import msgspec

from agentd.documents.faults import BadDocument, DocumentText, Path


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
_SPACE = re.compile(r"[ \t\n\r]*")


def parse_json(text: str, source: str) -> DocumentText:
    """The document. Raises `BadDocument` for what is not JSON, with its place."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.MsgspecError as error:
        raise BadDocument(f"{source} is not valid JSON: {_syntax_error(text) or error}") from error
    except RecursionError as error:
        raise BadDocument(f"{source} is nested too deeply") from error
    return DocumentText(text.strip().encode(), _LineFinder(text).of)


def _syntax_error(text: str) -> str | None:
    """Where the JSON goes wrong: msgspec counts bytes, people count lines."""
    try:
        _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError as error:
        return str(error)
    except RecursionError:
        return None
    return r"half of a surrogate pair (\ud800 and the like) stands alone"


class _LineFinder:
    """Finds lines in a document that is valid; what was walked through once is remembered."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._walked: dict[int, dict[str | int, tuple[int, int]]] = {}

    def of(self, path: Path) -> int:
        """The line of what stands at a path, or of the last before it that is there."""
        place = at = _after_space(self._text, 0)
        for step in path:
            if step not in (members := self._members(at)):
                break
            place, at = members[step]
        return bisect_left(self._ends, place) + 1

    def _members(self, at: int) -> dict[str | int, tuple[int, int]]:
        """Where each member of an object or a list begins, and where its value does, by its key."""
        if at not in self._walked:  # of a key that is given twice the last one counts
            found = _members(self._text, at) if self._text[at] in "[{" else ()
            self._walked[at] = {key: (began, value) for key, began, value in found}
        return self._walked[at]


def _members(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    """Of an object or a list: each key, where it begins, and where its value begins."""
    is_object, number = text[at] == "{", 0
    at = _after_space(text, at + 1)
    while text[at] not in "]}":
        key: str | int = number
        began = at
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)  # the colon
        yield key, began, at
        number += 1
        at = _after_space(text, _DECODER.raw_decode(text, at)[1])
        at = _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
