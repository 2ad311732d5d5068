"""Python values on their way out, as JSON.

The rule this file keeps: what goes out says what the value says, or nothing goes out. msgspec
writes NaN as null, and of two keys that JSON writes alike one is lost where it is read; so what was
written is read again and compared, which costs a plain value about a microsecond. Only where that
differs is the value looked through, for the place of the fault.
"""

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from agentd.errors import Unsendable
from agentd.protocol import DEPTH_LIMIT, nests_deeper
from agentd.text import malformed_reason

UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
"""What msgspec raises of a value that it cannot write, or of JSON that it cannot read."""

_LARGE = 2**63
"""Python does not write an integer of thousands of digits; one below this needs no look."""

_LONGEST = 200
"""Characters of a place that an error repeats."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_raw = msgspec.json.Decoder(Raw).decode
"""Reads JSON without making a value of it: numbers may be as large as they like."""


def encode(value: Any, place: str) -> Raw:
    """The value as JSON on one line; `place` is where in the request it goes, such as `$.context`.

    Raises `TypeError` for a type that JSON has no form for, and `Unsendable` for NaN and infinity,
    keys that JSON writes alike, half of a surrogate pair, a `Raw` that is no JSON, a value that
    contains itself, or one that nests too deeply. The message names the place.
    """
    room = _depth_left(place)
    if isinstance(value, Raw):
        return _check_raw(value, place, room)
    try:
        text = _encode(value)
        if not nests_deeper(text, room) and _decode(text) == value:
            return Raw(text)
    except UNENCODABLE:  # a Raw inside may have numbers that Python has not
        pass
    _check_parts(value, place, room, ())
    text = _encode(value)
    return Raw(msgspec.json.format(text, indent=-1) if b"\n" in text else text)


def encode_optional(value: Any, place: str) -> Raw | UnsetType:
    """As `encode`, for what may be left out."""
    return value if value is UNSET else encode(value, place)


def is_json(text: bytes, place: str) -> bool:
    """Whether this is JSON that may stand at that place of a request. It is not decoded."""
    return _is_json(text, _depth_left(place))


def decode_value(text: Raw | bytes, whose: str, where: str) -> Any:
    """The value that JSON stands for; an error calls it `whose`, and has the bytes from `where`.

    Raises `ValueError` where Python has no such value: a number like 1e400, or an integer of more
    than 4,300 digits.
    """
    try:
        return _decode(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{whose} is JSON that has no value in Python ({malformed_reason(error)}): "
            f"take its bytes instead, `{where}`"
        ) from error


def _is_json(text: bytes, room: int) -> bool:
    try:
        text.decode()
        _decode_raw(text)
    except UNENCODABLE:
        return False
    return not nests_deeper(text, room)


def _check_raw(raw: Raw, place: str, room: int) -> Raw:
    """JSON that the caller has written, on one line."""
    text = bytes(raw)
    if not _is_json(text, room):
        raise Unsendable(
            f"{_shorten(place)} is a msgspec.Raw that is no JSON in UTF-8, or that nests deeper "
            f"than {room} arrays and objects"
        )
    return Raw(msgspec.json.format(text, indent=-1)) if b"\n" in text else raw


def _depth_left(place: str) -> int:
    """How many arrays and objects may be nested there: those around it count as well."""
    return DEPTH_LIMIT - 1 - place.count(".") - place.count("[")


def _check_parts(value: Any, place: str, room: int, around: tuple[int, ...]) -> None:
    """Raise what `encode` raises; `around` are the ids of what the value is a part of."""
    while isinstance(value, Enum):
        value = value.value
    if isinstance(value, Raw):
        _check_raw(value, place, room)
    elif isinstance(value, float):
        _check_number(value, place)
        _check_scalar(value, place)  # a subclass of float is not always written
    elif (parts := _parts_of(value, place)) is None:
        _check_scalar(value, place)
    elif id(value) in around:
        raise Unsendable(f"{_shorten(place)} contains itself: JSON has no form for that")
    elif room == 0:
        raise Unsendable(f"{_shorten(place)} nests deeper than {DEPTH_LIMIT} arrays and objects")
    else:
        for step, part in parts:
            if not _is_plain(part):
                inner = f"{place}[{step}]" if isinstance(step, int) else f"{place}.{step}"
                _check_parts(part, inner, room - 1, (*around, id(value)))


def _is_plain(value: Any) -> bool:
    """Whether nothing can be wrong with it, as with nearly all: it needs no place then."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is int:
        return bool(-_LARGE < value < _LARGE)
    return value is None or kind is bool


def _parts_of(value: Any, place: str) -> Iterator[tuple[str | int, Any]] | None:
    """The parts of a value that has any, each with the step that leads to it."""
    if isinstance(value, dict):
        return _items_of(value, place)
    if isinstance(value, list | tuple | set | frozenset):
        return enumerate(value)
    if isinstance(value, Struct):
        names = value.__struct_fields__
    elif is_dataclass(value) and not isinstance(value, type):
        names = tuple(field.name for field in fields(value))
    elif hasattr(type(value), "__attrs_attrs__"):
        names = tuple(field.name for field in type(value).__attrs_attrs__)
    else:
        return None
    named = ((name, getattr(value, name, UNSET)) for name in names)
    return ((name, part) for name, part in named if part is not UNSET)


def _items_of(of: dict[Any, Any], place: str) -> Iterator[tuple[str, Any]]:
    seen: dict[str, Any] = {}
    for key, part in of.items():
        name = _json_key(key, place)
        if name in seen:
            kinds = f"{type(seen[name]).__name__} and {type(key).__name__}"
            raise Unsendable(
                f"{_shorten(place)} has two keys ({kinds}) that JSON writes alike, as "
                f"{_shorten(repr(name))}: one of them would be lost"
            )
        seen[name] = key
        yield name, part


def _json_key(key: Any, place: str) -> str:
    """What JSON makes of a key."""
    if type(key) is str and key.isascii():
        return key
    if isinstance(key, float):
        _check_number(key, f"a key of {place}")
    try:
        (name,) = _decode(_encode({key: 0}))
    except UNENCODABLE as error:
        raise _encoding_error(
            f"a key of {_shorten(place)} ({type(key).__name__})", error
        ) from error
    return str(name)


def _check_number(value: float, place: str) -> None:
    if not math.isfinite(value):
        raise Unsendable(
            f"{_shorten(place)} is {value!r}, which JSON has no number for: send None, or a string"
        )


def _check_scalar(value: Any, place: str) -> None:
    try:
        _encode(value)
    except UNENCODABLE as error:
        raise _encoding_error(_shorten(place), error) from error


def _encoding_error(what: str, error: Exception) -> TypeError | Unsendable:
    if isinstance(error, UnicodeEncodeError):
        return Unsendable(f"{what} has half of a surrogate pair in it, which is no text: {error}")
    kind = TypeError if isinstance(error, TypeError) else Unsendable
    return kind(f"{what} cannot be sent as JSON: {error}")


def _shorten(place: str) -> str:
    return place if len(place) <= _LONGEST else f"{place[:_LONGEST]}…"
