"""How long to wait before the next look at what takes a moment, or longer."""

from collections.abc import Iterator

_FIRST, _LONGEST = 0.02, 0.2
_LONGER = 1.25


def growing_pauses() -> Iterator[float]:
    """Seconds: few at first, and never more than a person would notice."""
    pause = _FIRST
    while True:
        yield pause
        pause = min(pause * _LONGER, _LONGEST)
