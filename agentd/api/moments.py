"""Moments as clients write them: Unix seconds, or RFC 3339."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

Moment = Annotated[int | float | str, Meta(description="Unix seconds, or RFC 3339")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_800
"""Unix seconds: the end of the year 9999."""


def to_milliseconds(moment: int | float | str, field: str) -> int:  # noqa: PYI041 - both are JSON
    """Unix milliseconds. Raises `ValueError`, which names the field."""
    at = _parse(moment) if isinstance(moment, str) else moment
    if at is None or not -_LAST < at < _LAST:
        given = moment[:40] if isinstance(moment, str) else moment
        raise ValueError(
            f"`$.{field}` is no moment: {given!r}; expected Unix seconds, or such as "
            "2026-01-31T12:00:00Z"
        )
    return round(at * 1000)


def _parse(text: str) -> float | None:
    """Unix seconds; None where that is not RFC 3339."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if then.tzinfo is None else (then - _EPOCH).total_seconds()
