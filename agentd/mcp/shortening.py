"""Values of others, as long as a model can afford them.

The rule this file keeps: what is left out is told, with the number of characters and where the rest
is. What is short enough is the value itself.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

PIECE = 12_000
"""Characters of a value that one look shows: some 3,000 tokens."""

LONGEST_OWNER = 200
"""Characters of what somebody calls itself."""

_LONGEST_LINE = 300

_decode = msgspec.json.Decoder().decode


def value_of(raw: Raw | bytes) -> Any:
    """What JSON stands for; where Python has no such value, its text."""
    try:
        return _decode(raw)
    except (ValueError, RecursionError):
        return bytes(raw).decode(errors="replace")


def shorten(raw: Raw | bytes, most: int, rest: str) -> Any:
    """The value, or the beginning of its JSON; `rest` says how to see all of it."""
    if len(raw) <= most:
        return value_of(raw)
    text = bytes(raw).decode(errors="replace")
    if len(text) <= most:
        return value_of(raw)
    return f"{text[:most]} … (cut: {most:,} of {len(text):,} characters; all of it: {rest})"


def shorten_text(text: str, most: int) -> str:
    """A text, or its beginning."""
    return text if len(text) <= most else f"{text[:most]} … (cut, {len(text):,} characters)"


def first_of(texts: Sequence[str], most: int) -> list[str]:
    """The first of them, each no longer than a line or two, and how many more there are."""
    more = len(texts) - most
    rest = [f"… and {more:,} more"] if more > 0 else []
    return [*(shorten_text(each, _LONGEST_LINE) for each in texts[:most]), *rest]


def piece(raw: Raw | bytes, offset: int) -> tuple[str, int | None]:
    """A piece of the JSON from there on, and where the next one begins, or None."""
    text = bytes(raw).decode(errors="replace")
    end = offset + PIECE
    return text[offset:end], end if end < len(text) else None
