"""Durations on the command line and in task files."""

import pytest

from agentd.durations import parse_duration

GOOD = {
    "30s": 30,
    "5m": 300,
    "2h": 7_200,
    "1d": 86_400,
    "90": 90,
    "0": 0,
    "1.5h": 5_400,
    "0.25": 0.25,
    "1h30m": 5_400,
    "365d": 31_536_000,
}


@pytest.mark.parametrize(("text", "seconds"), GOOD.items(), ids=GOOD)
def test_a_duration(text: str, seconds: float) -> None:
    """A number and its unit, several from the largest down, or seconds without any."""
    assert parse_duration(text) == seconds


BAD = ["", "s", "-5s", "5 m", "5x", "5M", "1m1h", "1h1h", "1h30", "nan", "inf", "1e3", "\u0665s"]


@pytest.mark.parametrize("text", BAD)
def test_no_duration(text: str) -> None:
    """Anything else is refused with an example of what is meant."""
    with pytest.raises(ValueError, match="expected a duration, such as 30s, 5m, 2h or 1d"):
        parse_duration(text)


def test_too_long_a_duration() -> None:
    """Nothing lasts longer than a year."""
    with pytest.raises(ValueError, match="'366d': at most a year"):
        parse_duration("366d")
