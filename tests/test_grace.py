"""The grace at its edges: how long it is, what begins it, and which leases it protects."""

import pytest

from agentd.daemon.grace import LATE_MS, LONGEST_MS, SUSPENDED_MS, Grace
from tests.core import NOW

LONG = 300_000


@pytest.mark.parametrize(
    ("lease_ms", "length"),
    [(LONG, LONGEST_MS), (10_001, 10_000), (9_999, 9_999), (1_000, 1_000), (0, 0)],
)
def test_the_grace_is_ten_seconds_or_a_lease(lease_ms: int, length: int) -> None:
    """It lasts as long as a lease, but never longer than 10 s, whoever begins it."""
    grace = Grace(NOW, lease_ms)
    assert grace.until == NOW + length
    grace.came_back(NOW + LONG)
    assert grace.until == NOW + LONG + length


def test_the_last_moment_of_the_grace() -> None:
    """One millisecond before its end the leases are honoured; at its end they are not."""
    grace = Grace(NOW, 2_000)
    assert grace.honoured_until(NOW) == NOW
    assert grace.honoured_until(NOW + 1_999) == NOW
    assert grace.honoured_until(NOW + 2_000) == 0


def test_a_second_return_replaces_the_first() -> None:
    """Back twice within one grace, the daemon protects what had ended by the second return."""
    grace = Grace(NOW, LONG)
    grace.came_back(NOW + 4_000)
    assert grace.honoured_until(NOW + 4_000) == NOW + 4_000
    assert grace.honoured_until(NOW + 13_999) == NOW + 4_000
    assert grace.honoured_until(NOW + 14_000) == 0


@pytest.mark.parametrize(("late", "honoured"), [(LATE_MS, False), (LATE_MS + 1, True)])
def test_how_late_is_away(late: int, honoured: bool) -> None:  # noqa: FBT001 - a column of a table
    """An appointment kept within a second was kept; one millisecond more, and it was missed."""
    grace = Grace(NOW, LONG)
    grace.appointment = NOW + 60_000
    moment = NOW + 60_000 + late
    assert grace.honoured_until(moment) == (moment if honoured else 0)


def test_an_appointment_is_missed_once() -> None:
    """Whoever asks again does not prolong the grace: the appointment is gone, the return stays."""
    grace = Grace(NOW, LONG)
    grace.appointment = NOW + 60_000
    back = NOW + 100_000
    assert {grace.honoured_until(back + ms) for ms in (0, 2_000, 9_999)} == {back}
    assert grace.appointment is None
    assert grace.honoured_until(back + 10_000) == 0


def test_an_early_look_misses_nothing() -> None:
    """Before the appointment nobody is late, and it stays as it was made."""
    grace = Grace(NOW, LONG)
    grace.appointment = NOW + 60_000
    assert grace.honoured_until(NOW + 30_000) == 0
    assert grace.appointment == NOW + 60_000


def test_clocks_that_differ_are_no_suspension() -> None:
    """A difference of at most 100 ms is noise, and what was taken note of does not count again."""
    grace = Grace(NOW, LONG)
    after = NOW + 60_000
    grace.note_suspension(SUSPENDED_MS, after)
    assert grace.honoured_until(after) == 0
    grace.note_suspension(SUSPENDED_MS + 1, after)
    assert grace.honoured_until(after) == after
    grace.note_suspension(2 * SUSPENDED_MS + 1, after + 20_000)
    assert grace.honoured_until(after + 20_000) == 0
