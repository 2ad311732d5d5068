"""Durations and moments as options take them."""

import argparse
import time
from datetime import UTC, datetime, timedelta

import pytest

from agentd.cli.time_arguments import (
    moment_ago,
    moment_ahead,
    place_or_moment,
    seconds,
    whole_seconds,
)
from agentd.times import format_seconds
from tests.command_line import agentd_here
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess

YEAR_2999 = 32472144000


def test_a_duration_in_its_range() -> None:
    """It may be written with units; what is out of the range is refused with the range."""
    assert seconds(0, 60)("1m") == 60
    assert seconds(0, 60)("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="'61s': expected 0 to 60 seconds, or"):
        seconds(0, 60)("61s")
    with pytest.raises(argparse.ArgumentTypeError, match="'soon': expected a duration, such as"):
        seconds(0, 60)("soon")


def test_a_duration_in_whole_seconds() -> None:
    """A lease has no fraction of a second."""
    assert whole_seconds(1, 86_400)("1h30m") == 5_400
    with pytest.raises(argparse.ArgumentTypeError, match=r"'1\.5': expected whole seconds"):
        whole_seconds(1, 86_400)("1.5")


def test_a_place_or_a_moment() -> None:
    """A number is a seq; a clock's time is the last one that was; all other moments are in full."""
    assert place_or_moment("42") == 42
    assert place_or_moment("2026-01-31T12:00:00Z") == "2026-01-31T12:00:00Z"
    now = datetime.now(UTC)
    ago, clock = (datetime.fromisoformat(str(place_or_moment(text))) for text in ("2h", "14:30"))
    assert abs(ago + timedelta(hours=2) - now) < timedelta(seconds=PATIENCE_SECONDS)
    assert f"{clock.astimezone():%H:%M:%S}" == "14:30:00"
    assert timedelta(0) <= datetime.now(UTC) - clock < timedelta(hours=25)


@pytest.mark.parametrize("text", ["", "then", "25:00", "12:60", "-5", "1.5", "2026-01-31T12:00"])
def test_neither_a_place_nor_a_moment(text: str) -> None:
    """It is refused, with what is expected, or that no clock shows it."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"expected a seq|no clock"):
        place_or_moment(text)


def test_a_moment_from_here() -> None:
    """A duration with its unit is so long ago, or so far ahead."""
    ago, ahead = moment_ago("1h"), moment_ahead("1h30m")
    assert isinstance(ago, float)
    assert isinstance(ahead, float)
    assert 3_600 <= time.time() - ago < 3_600 + PATIENCE_SECONDS
    assert 0 <= time.time() + 5_400 - ahead < PATIENCE_SECONDS


def test_a_moment_of_its_own() -> None:
    """Unix seconds and RFC 3339 are what they are; a bare number is no duration."""
    for moment in (moment_ago, moment_ahead):
        assert (moment("-1"), moment("1.5"), moment(f"{YEAR_2999}")) == (-1, 1.5, YEAR_2999)
        assert moment("2026-01-31T12:00:00Z") == "2026-01-31T12:00:00Z"


@pytest.mark.parametrize("text", ["soon", "nan", "1e9", "1_000", "9" * 16, "٣", "2026-01-31", ""])
def test_no_moment(text: str) -> None:
    """It is refused with an example of each."""
    told = r"expected such as 2h \(ago\), 2026-01-31T12:00:00Z, or Unix seconds"
    with pytest.raises(argparse.ArgumentTypeError, match=told):
        moment_ago(text)
    with pytest.raises(argparse.ArgumentTypeError, match="from now"):
        moment_ahead(text)


def test_no_duration_in_a_moment() -> None:
    """What begins as a duration, and is none, is refused as one."""
    with pytest.raises(argparse.ArgumentTypeError, match="expected a duration"):
        moment_ago("1m1h")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0s"), (1.5, "1.5s"), (60, "1m"), (5_400, "1h30m"), (86_401, "1d1s"), (3_600, "1h")],
)
def test_a_duration_as_options_take_it(number: float, text: str) -> None:
    """What is shown can be typed."""
    assert format_seconds(number) == text
    assert seconds(0, 100_000)(text) == number


def test_durations_of_verbs(shared: DaemonProcess) -> None:
    """Every option that takes seconds takes them with units."""
    made = agentd_here(shared.home, "task", "register", "-", stdin=b"goal: g\nnodes: [{name: n}]")
    task = made.out.strip()
    held = agentd_here(shared.home, "node", "acquire", task, "--lease", "2m", "--wait", "1s").out
    _task, node, lease, until = held.split()
    assert 0 < int(until) - time.time() <= 120
    released = ("node", "release", task, node, lease, "--after", "0s")
    assert agentd_here(shared.home, *released).code == 0
    lease = agentd_here(shared.home, "node", "acquire", task).out.split()[2]
    failing = ("node", "fail", task, node, lease, "--retry-after", "1h")
    assert agentd_here(shared.home, *failing).code == 0
    assert agentd_here(shared.home, "call", "Health", "--timeout", "1m").code == 0
    assert task in agentd_here(shared.home, "task", "list", "--since", "1h").out
    assert agentd_here(shared.home, "task", "list", "--until", "1h").out == ""
