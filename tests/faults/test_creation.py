"""A start that makes its database, on a disk that gets full: whole or not there at all."""

import os
from pathlib import Path

import pytest

from agentd.errors import DatabaseRefused
from agentd.store.sqlite import SqliteStore
from tests.core import NOW
from tests.faults.disk_failure import FailingDisk, Fault
from tests.faults.vfs import witnessed

KIB = 1024


def create(folder: Path) -> None:
    """A database in that folder."""
    SqliteStore.open(folder / "state.db", NOW).close()


def test_a_disk_that_gets_full(tmp_path: Path) -> None:
    """At whichever write: nothing is left, it is said what to do, and the next start is well."""
    counted = FailingDisk({"write"})
    (tmp_path / "whole").mkdir()
    with witnessed(counted):
        create(tmp_path / "whole")
    for point in range(1, counted.seen.total() + 1, 29):
        folder, disk = tmp_path / str(point), FailingDisk({"write"})
        folder.mkdir()
        disk.begin(Fault(point, full=True, sticky=True))
        with witnessed(disk), pytest.raises(DatabaseRefused, match="the disk is full; free some"):
            create(folder)
        assert [*folder.iterdir()] == []
        create(folder)


def test_room_for_the_half_of_it(small_home: Path) -> None:
    """Where the draft finds room, and its checkpoint does not, no half of a database stays."""
    ballast, told = small_home / "ballast", []
    for room in range(520, 840, 20):
        size = os.statvfs(small_home).f_bavail * os.statvfs(small_home).f_frsize
        ballast.write_bytes(b"\0" * (size - room * KIB))
        try:
            create(small_home)
        except DatabaseRefused as error:
            told.append((str(error).partition(": ")[2], [*small_home.iterdir()]))
        ballast.unlink()
        create(small_home)
        for path in small_home.iterdir():
            path.unlink()
    assert told
    assert all(each == ("the disk is full; free some and repeat", [ballast]) for each in told)
