"""The daemon's small parts, each without a daemon: clock, ids, grace and lock."""

import fcntl
import os
import runpy
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.daemon import clock as clock_module
from agentd.daemon.clock import Clock, ServerClock, new_id
from agentd.daemon.grace import Grace
from agentd.daemon.lock import Lock, database_lock, home_lock
from agentd.errors import AlreadyRunning, Failure
from tests.core import NOW
from tests.daemon_process import REPOSITORY

# The clock


class Hands:
    """The clocks of a machine: `wall` in Unix ms, `steady` and `suspended` in ns."""

    def __init__(self) -> None:
        self.wall = NOW
        self.steady = 123_456_789_012
        self.suspended = 0

    def time_ns(self) -> int:
        return self.wall * 1_000_000 + 999_999

    def clock_gettime_ns(self, _clock: int) -> int:
        return self.steady

    def monotonic_ns(self) -> int:
        return self.steady - self.suspended


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clocks that agentd's clock looks at."""
    found = Hands()
    monkeypatch.setattr(clock_module, "time", found)
    return found


def test_the_clock_starts_at_wall_time(hands: Hands) -> None:
    """At its start the clock says what the wall clock says, in milliseconds."""
    assert Clock().now() == hands.wall


def test_the_clock_goes_with_the_steady_clock(hands: Hands) -> None:
    """A millisecond has passed when a million nanoseconds have."""
    clock = Clock()
    hands.steady += 1_999_999
    assert clock.now() == NOW + 1


@pytest.mark.parametrize("step", [-3_600_000, 86_400_000])
def test_a_step_of_the_wall_clock_changes_nothing(hands: Hands, step: int) -> None:
    """Setting the wall clock, back or forward, does not move the daemon's clock."""
    clock = Clock()
    hands.wall += step
    hands.steady += 5_000_000
    assert clock.now() == NOW + 5


def test_the_clock_knows_how_long_the_machine_slept(hands: Hands) -> None:
    """While the machine is suspended the steady clock goes on and the monotonic one stands."""
    clock = Clock()
    hands.steady += 7_000_000_000
    hands.suspended += 5_000_000_000
    assert clock.suspended_ms() == 5_000


@pytest.mark.parametrize(("last", "starts"), [(NOW + 60_000, NOW + 60_000), (NOW - 1, NOW)])
@pytest.mark.usefixtures("hands")
def test_the_clock_starts_no_earlier_than_the_journal_ends(last: int, starts: int) -> None:
    """Where the wall clock was set back while the daemon was down, time stands, but never falls."""
    assert Clock(not_before=last).now() == starts


def test_the_clock_knows_of_suspension(hands: Hands) -> None:
    """Its time includes suspension, and it tells how much of it that was since it began."""
    hands.suspended = 60_000_000_000
    clock = Clock()
    hands.steady += 7_000_000_000
    hands.suspended += 5_000_000_000
    assert clock.now() == NOW + 7_000
    assert clock.suspended_ms() == 5_000


def test_a_servers_clock_has_no_moment_of_its_own() -> None:
    """Until the server has told one there is none to decide by."""
    with pytest.raises(RuntimeError, match="has not told"):
        ServerClock().now()


@settings(max_examples=30)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("note"), st.integers(NOW, NOW + 10**12)),
            st.tuples(st.just("pass"), st.integers(0, 10**15)),
            st.tuples(st.just("wall"), st.integers(0, 2 * NOW)),
        )
    )
)
def test_only_the_server_tells_the_time(steps: list[tuple[str, int]]) -> None:
    """Its clock is what the server told last and what the steady clock counted since.

    It is never before that, whatever this machine's wall clock says.
    """
    hands = Hands()
    with patch.object(clock_module, "time", hands):
        clock = ServerClock()
        clock.note_moment(NOW)
        noted, passed = NOW, 0
        for what, number in steps:
            if what == "note":
                clock.note_moment(number)
                noted, passed = number, 0
            elif what == "pass":
                hands.steady += number
                passed += number
            else:
                hands.wall = number
            assert clock.now() == noted + passed // 1_000_000 >= noted


@pytest.mark.parametrize("off", [-3_600_000, 3_600_000])
def test_ids_bear_the_servers_moment(hands: Hands, off: int) -> None:
    """So those of all daemons lie together in an index, however wrong a wall clock is."""
    clock = ServerClock()
    hands.wall += off
    clock.note_moment(NOW)
    assert uuid.UUID(clock.new_id()).int >> 80 == NOW


def test_a_servers_clock_knows_of_suspension(hands: Hands) -> None:
    """As the other one does."""
    clock = ServerClock()
    hands.steady += 7_000_000_000
    hands.suspended += 5_000_000_000
    assert clock.suspended_ms() == 5_000


def test_the_steady_clock_counts_suspension() -> None:
    """The steady clock is CLOCK_BOOTTIME where the system has it."""
    expected = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    assert expected == clock_module._STEADY  # noqa: SLF001 - which clock it is, is the point


def test_without_boottime_the_clock_is_monotonic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CLOCK_BOOTTIME is missing, as on macOS, the monotonic clock is used."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert runpy.run_path(clock_module.__file__)["_STEADY"] == time.CLOCK_MONOTONIC


# Ids


def test_an_id_is_a_uuid_of_version_7(hands: Hands) -> None:
    """It is spelled as UUIDs are, and its first 48 bits are the moment in milliseconds."""
    made = new_id()
    parsed = uuid.UUID(made)
    assert (str(parsed), parsed.version, parsed.variant) == (made, 7, uuid.RFC_4122)
    assert parsed.int >> 80 == hands.wall


@pytest.mark.usefixtures("hands")
def test_ids_are_unique() -> None:
    """Ids made in the same millisecond are all different."""
    assert len({new_id() for _ in range(20_000)}) == 20_000


def test_ids_sort_by_their_moment(hands: Hands) -> None:
    """An id that is made a millisecond later sorts behind."""
    first = new_id()
    hands.wall += 1
    assert first < new_id()


# The grace


@pytest.mark.parametrize(
    ("lease_ms", "length"), [(300_000, 10_000), (10_000, 10_000), (2_000, 2_000)]
)
def test_the_grace_after_the_start(lease_ms: int, length: int) -> None:
    """Leases that had run out by the start are honoured for min(10 s, the node timeout)."""
    grace = Grace(NOW, lease_ms)
    assert grace.until == NOW + length
    assert grace.honoured_until(NOW + length - 1) == NOW
    assert grace.honoured_until(NOW + length) == 0


def test_leases_of_no_length_get_no_grace() -> None:
    """With a node timeout of 0 nothing is honoured."""
    assert Grace(NOW, 0).honoured_until(NOW) == 0


def test_leases_that_run_out_later_get_no_grace() -> None:
    """What is honoured is the moment of the return, however far the grace has gone."""
    grace = Grace(NOW, 300_000)
    assert {grace.honoured_until(NOW + ms) for ms in (0, 5_000, 9_999)} == {NOW}


def test_a_return_begins_the_grace_anew() -> None:
    """A daemon that was suspended protects the leases that ran out meanwhile."""
    grace = Grace(NOW, 300_000)
    grace.came_back(NOW + 60_000)
    assert grace.honoured_until(NOW + 69_999) == NOW + 60_000
    assert grace.honoured_until(NOW + 70_000) == 0


def test_a_suspension_is_an_absence() -> None:
    """A machine that was suspended again since the last look came back just now."""
    grace = Grace(NOW, 300_000)
    grace.note_suspension(0, NOW + 20_000)
    assert grace.honoured_until(NOW + 20_000) == 0
    grace.note_suspension(60_000, NOW + 80_000)
    grace.note_suspension(60_000, NOW + 85_000)
    assert grace.honoured_until(NOW + 85_000) == NOW + 80_000
    assert grace.honoured_until(NOW + 90_000) == 0


def test_a_missed_appointment_tells_of_an_absence() -> None:
    """Whoever looks more than a second after the appointment was away until now."""
    grace = Grace(NOW, 300_000)
    grace.appointment = NOW + 20_000
    assert grace.honoured_until(NOW + 21_001) == NOW + 21_001
    assert grace.honoured_until(NOW + 25_000) == NOW + 21_001


def test_an_appointment_that_is_kept() -> None:
    """Within a second of it nobody was away, and without one nobody can be late."""
    grace = Grace(NOW, 300_000)
    grace.appointment = NOW + 20_000
    assert grace.honoured_until(NOW + 21_000) == 0
    grace.appointment = None
    assert grace.honoured_until(NOW + 3_600_000) == 0


# The lock

HOLD = """
import sys
from pathlib import Path
from unittest.mock import patch
from agentd.daemon.lock import Lock
Lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agentd.lock"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_lock_is_held_against_other_processes(
    path: Path, holder: subprocess.Popen[bytes]
) -> None:
    """While one process holds the lock, another is told its pid and the file."""
    with pytest.raises(AlreadyRunning) as refusal:
        Lock(path).acquire()
    assert f"pid {holder.pid} (it holds {path})" in str(refusal.value)


def test_a_lock_goes_with_its_holder(path: Path, holder: subprocess.Popen[bytes]) -> None:
    """A holder that is killed leaves the file, but not the lock; the next one signs it."""
    holder.kill()
    holder.wait()
    assert path.read_text() == f"{holder.pid}\n"
    with Lock(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert path.exists()


def test_a_lock_is_free_after_its_release(path: Path) -> None:
    """Two locks on one file exclude each other, until the first is released."""
    with Lock(path), pytest.raises(AlreadyRunning):
        Lock(path).acquire()
    with Lock(path):
        pass


def test_a_lock_is_signed_by_its_holder_alone(path: Path) -> None:
    """Nothing is left of the pid of a holder before."""
    path.write_text("4194304000\n")
    with Lock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_children_do_not_inherit_a_lock(path: Path) -> None:
    """A program that the holder has started does not hold the lock on."""
    command = [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"]
    pipe = subprocess.PIPE
    with (
        Lock(path) as lock,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, close_fds=False) as child,
    ):
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        lock.release()
        with Lock(path):
            assert child.poll() is None


def test_a_holder_that_has_not_signed_yet(path: Path) -> None:
    """Between the lock and the pid in its file the holder is unknown, and the lock is held."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning, match="pid unknown"):
            Lock(path).acquire()


def test_a_lock_that_cannot_be_opened(tmp_path: Path) -> None:
    """A lock file that cannot be opened is named, with the reason."""
    with pytest.raises(Failure, match=f"cannot open the lock {tmp_path}: Is a directory"):
        Lock(tmp_path).acquire()


def test_a_database_has_one_lock(tmp_path: Path) -> None:
    """Whatever path leads to a database, its lock is the same; a home's lock is another."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "a.db")
    with home_lock(tmp_path / "real"), database_lock(tmp_path / "real" / "a.db"):
        with pytest.raises(AlreadyRunning):
            database_lock(tmp_path / "link.db").acquire()
        with database_lock(tmp_path / "real" / "b.db"):
            pass
