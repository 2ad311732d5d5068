"""Reads of the journal's JSON what the loop looks at, and nothing else.

The rule this file keeps: any client may write anything into a task, so what is not as we know it is
no error, and what is not looked at is not decoded: a number that Python has not, say.
"""

from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta, Raw

Kind = TypeVar("Kind")

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""A number that can be reckoned with: Python divides and writes no integer of any length."""


def decode_or_none(text: Raw | bytes, kind: type[Kind]) -> Kind | None:
    """What the JSON stands for, where it is of that kind; else None."""
    wanted: Any = kind
    try:
        return cast("Kind", msgspec.json.decode(text, type=wanted))
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None
