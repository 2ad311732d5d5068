"""Durations as people write them: `30s`, `5m`, `2h`, `1d`, `1h30m`; a bare number is seconds.

The rule this file keeps: what is not surely a duration is refused, never guessed.
"""

import re

LONGEST_SECS = 31_536_000
"""A year: the longest time that agentd takes."""

_SECONDS_OF = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

_NUMBER = r"\d{1,12}(?:\.\d{1,9})?"
_BARE = re.compile(_NUMBER, re.ASCII)
_PART = re.compile(rf"({_NUMBER})([smhd])", re.ASCII)
_LARGEST_FIRST = "dhms"


def parse_duration(text: str) -> float:
    """Seconds. Raises `ValueError`, which says what is expected."""
    seconds = _parse(text.strip())
    if seconds is None:
        raise ValueError(
            f"{text!r}: expected a duration, such as 30s, 5m, 2h or 1d (a bare number is seconds)"
        )
    if seconds > LONGEST_SECS:
        raise ValueError(f"{text!r}: at most a year, 365d")
    return seconds


def _parse(text: str) -> float | None:
    if _BARE.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    units = [unit for _, unit in parts]
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    if units != sorted(set(units), key=_LARGEST_FIRST.index):  # 5m1h, 1h1h
        return None
    return sum(float(number) * _SECONDS_OF[unit] for number, unit in parts)
