"""Moments and durations: as clients write them, and in Unix milliseconds."""

import re
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

from agentd.api.pages import LARGEST_PLACE

LONGEST_SECS = 31_536_000
"""A year: no duration is longer."""

_QUOTED = 40
"""Characters of what is no moment that a message repeats."""

_FIRST, _END = -62_135_596_800, 253_402_300_800
"""Seconds: where the year 1 begins, and where the year 9999 is over."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)

Seconds = Annotated[float, Meta(ge=0, le=LONGEST_SECS)]
Moment = Annotated[float | str, Meta(description="Unix seconds, or RFC 3339")]
At = Annotated[
    Annotated[int, Meta(ge=0, le=LARGEST_PLACE)] | str,
    Meta(
        description="as it was then: a seq, after the event there; or RFC 3339, after all events "
        "up to that moment"
    ),
]
FractionalSeconds = Annotated[float, Meta(description="Unix seconds, with their fraction")]


def to_milliseconds(moment: float | str, place: str) -> int:
    """The moment in Unix milliseconds. Raises ValueError that names the place of what is none."""
    seconds = _seconds_of(moment) if isinstance(moment, str) else moment
    if seconds is None or not _FIRST <= seconds < _END:
        raise ValueError(
            f"`{place}`: {str(moment)[:_QUOTED]!r} is no moment; expected Unix seconds, or "
            "RFC 3339 such as 2026-01-31T12:00:00Z, of the years 1 to 9999"
        )
    return min(round(seconds * 1000), _END * 1000 - 1)


def check_at(at: int | str | None) -> None:
    """Raise ValueError for a text that is no moment."""
    if isinstance(at, str) and _seconds_of(at) is None:
        raise ValueError(
            f"`$.at`: {at[:_QUOTED]!r} is neither a seq, an integer, nor a moment in RFC 3339 such "
            "as 2026-01-31T12:00:00Z"
        )


def _seconds_of(text: str) -> float | None:
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH).total_seconds()
    except (ValueError, OverflowError):
        return None


def fractional_seconds(at: int | None) -> float | None:
    """Unix milliseconds as Unix seconds with their fraction."""
    return None if at is None else at / 1000
