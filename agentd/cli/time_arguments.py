"""Durations and moments as options take them.

The rule this file keeps: what is out of its range, or no time at all, is refused before anything is
asked, with what is expected.
"""

import argparse
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day

from agentd.cli.usage import duration

_RELATIVE = re.compile(r"[\d.]+[smhd][\d.smhd]*", re.ASCII)
"""A duration that has a unit: a bare number is Unix seconds."""

_SEQ = re.compile(r"\d{1,15}", re.ASCII)

_CLOCK = re.compile(r"\d\d:\d\d(?::\d\d)?", re.ASCII)

_UNIX = re.compile(r"-?\d{1,15}(?:\.\d+)?", re.ASCII)


def seconds(least: float, most: float) -> Callable[[str], float]:
    """The type of a duration between the two, in seconds."""

    def parse(text: str) -> float:
        if not least <= (found := duration(text)) <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r}: expected {least:,} to {most:,} seconds, or such as 30s, 5m or 2h"
            )
        return found

    return parse


def whole_seconds(least: int, most: int) -> Callable[[str], int]:
    """The type of a duration between the two that has no fraction of a second."""
    between = seconds(least, most)

    def parse(text: str) -> int:
        if (found := between(text)) != int(found):
            raise argparse.ArgumentTypeError(f"{text!r}: expected whole seconds")
        return int(found)

    return parse


def moment_ago(text: str) -> float | str:
    """Unix seconds, RFC 3339, or how long ago it was."""
    return time.time() - duration(text) if _RELATIVE.fullmatch(text) else _moment(text, "ago")


def moment_ahead(text: str) -> float | str:
    """Unix seconds, RFC 3339, or how long from now."""
    return time.time() + duration(text) if _RELATIVE.fullmatch(text) else _moment(text, "from now")


def place_or_moment(text: str) -> int | str:
    """A place in the journal, or as RFC 3339 a moment that may be said as people say it."""
    if _SEQ.fullmatch(text):
        return int(text)
    if _RELATIVE.fullmatch(text):
        return _rfc3339(datetime.now(UTC) - timedelta(seconds=duration(text)))
    if _CLOCK.fullmatch(text):
        return _rfc3339(_last_time_that_it_was(text))
    from agentd.api.moments import check_at  # only where somebody gives one

    try:
        check_at(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a seq such as 42, 2h (ago), 14:30 on this machine's clock, or "
            "2026-01-31T12:00:00Z"
        ) from error
    return text


def _last_time_that_it_was(clock: str) -> datetime:
    now = datetime.now().astimezone()
    try:
        told = time_of_day.fromisoformat(clock)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{clock!r}: no clock shows that") from error
    today = datetime.combine(now.date(), told).astimezone()
    yesterday = datetime.combine(now.date() - timedelta(days=1), told).astimezone()
    return today if today <= now else yesterday


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str, side: str) -> float | str:
    from agentd.api.moments import to_milliseconds  # only where somebody gives one

    given: float | str = text
    if _UNIX.fullmatch(text):
        given = float(text) if "." in text else int(text)
    try:
        to_milliseconds(given, "")
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected such as 2h ({side}), 2026-01-31T12:00:00Z, or Unix seconds"
        ) from error
    return given
