"""TOML as text: a table put in at the end, or taken out, and every comment left where it is.

The rule this file keeps: every edit is read back by the standard library's parser, and what it says
is what was to come of it; else nothing is edited.
"""

import copy
import json
import re
import tomllib
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from agentd.setup.json_text import Place
from agentd.setup.refusal import CannotSetUp, DoesNotParse

_BARE = re.compile(r"[A-Za-z0-9_-]+")

Table = dict[str, Any]


def parse(text: str) -> Table:
    """The document. Raises `DoesNotParse`."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DoesNotParse(f"it is no TOML: {error}") from error


def value_at(document: Any, place: Place) -> Any:
    """The value there, None where there is none."""
    for key in place:
        if not isinstance(document, dict) or key not in document:
            return None
        document = document[key]
    return document


def add_table(text: str, place: Place, members: Table) -> str:
    """The text with a table more, at its end. Raises `CannotSetUp`."""
    after = copy.deepcopy(parse(text))
    _make_way(after, place)[place[-1]] = members
    newline = "\n" if not text or text.endswith("\n") else "\n\n"
    block = ("\n" if text else "") + _block(place, members)
    return _check_edit(text + _as_in(text, newline.removesuffix("\n") + block), after, place)


def remove(text: str, place: Place, members: Table | None) -> str:
    """The text without what is at `place`; `members`: as it was put in, where it was a table.

    A table that is there only because of it ends with it. Raises `CannotSetUp`.
    """
    after = copy.deepcopy(parse(text))
    _delete(after, place)
    if members is not None:
        block = _as_in(text, _block(place, members))
        head, found, tail = text.partition(block)
        rest = head.removesuffix("\n").removesuffix("\r") + tail
        if found and _reads(rest, after, place):
            return rest
    document = _document(text, place)
    try:
        _delete(document, place)
    except (TOMLKitError, ValueError, KeyError) as error:
        raise _by_hand(place) from error
    return _check_edit(tomlkit.dumps(document), after, place)


def put_value(text: str, place: Place, value: str) -> str:
    """The text with that value, in a table that is there. Raises `CannotSetUp`."""
    after = copy.deepcopy(parse(text))
    _make_way(after, place)[place[-1]] = value
    document = _document(text, place)
    try:
        _make_way(document, place)[place[-1]] = value
    except (TOMLKitError, ValueError) as error:
        raise _by_hand(place) from error
    return _check_edit(_as_in(text, tomlkit.dumps(document)), after, place)


def _document(text: str, place: Place) -> Any:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError) as error:
        raise _by_hand(place) from error


def _make_way(document: Any, place: Place) -> Any:
    for key in place[:-1]:
        document = document.setdefault(key, {})
    return document


def _delete(document: Any, place: Place) -> None:
    for key in place[:-1]:
        document = document[key]
    del document[place[-1]]


def _block(place: Place, members: Table) -> str:
    lines = (f"{_key(key)} = {_value(value)}\n" for key, value in members.items())
    return f"[{'.'.join(map(_key, place))}]\n{''.join(lines)}"


def _value(value: Any) -> str:
    """Of the values that agentd writes: texts, lists of them, and tables of them."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _as_in(text: str, lines: str) -> str:
    """Lines that end as those of the file do."""
    return re.sub(r"\r?\n", "\r\n", lines) if "\r\n" in text else lines


def _reads(text: str, expected: Table, place: Place) -> bool:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return _without_empty(found, place) == _without_empty(expected, place)


def _without_empty(document: Table, place: Place) -> Table:
    """The document without empty tables on the way: an edit may leave them, or their headers."""
    document = copy.deepcopy(document)
    for depth in range(len(place) - 1, 0, -1):
        if value_at(document, place[:depth]) == {}:
            _delete(document, place[:depth])
    return document


def _check_edit(text: str, expected: Table, place: Place) -> str:
    if not _reads(text, expected, place):
        raise _by_hand(place)
    return text


def _by_hand(place: Place) -> CannotSetUp:
    name = ".".join(map(_key, place))
    return CannotSetUp(f"agentd cannot edit {name} in it without changing the rest: do it by hand")
