"""A start that migrates: killed or stopped at any step, on a full disk, where it may not write."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from agentd.daemon.migration import prepare_migration
from agentd.errors import Failure
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.migrate import LATEST
from tests.core import NOW
from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    DaemonProcess,
    environment,
    serve_to_the_end,
)
from tests.databases import create, journal, make_older, schema
from tests.faults.disk_failure import FailingDisk, Fault
from tests.faults.disk_life import in_memory
from tests.faults.ordinary_user import hand_over, run
from tests.faults.vfs import witnessed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.laboratory import Laboratory

OLDER = LATEST - 1


def older(home: Path) -> Path:
    """A database of an earlier agentd in that home."""
    database = home / "agent_state.db"
    create(database)
    make_older(database)
    return database


def beside(database: Path) -> set[str]:
    """The names of what a start has left there for a person, and of what nobody needs."""
    return {
        path.name.removeprefix(database.name)
        for path in database.parent.iterdir()
        if re.search("backup|draft", path.name)
    }


COPY = {f".backup-schema-{OLDER}"}


# Killed


def test_a_start_that_is_killed_at_any_step(lab: Laboratory, tmp_path: Path) -> None:
    """It leaves the old database, or a copy of it; the next start goes on. See the program."""
    most, seed = lab.amount(25, 1_000), lab.random.getrandbits(32)
    command = [sys.executable, "-m", "tests.faults.migration_kills"]
    ended = subprocess.run(
        [*command, str(tmp_path), str(most), str(seed)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = re.fullmatch(r"killed before (\d+) of (\d+) steps\n", ended.stdout)
    assert found is not None
    assert int(found[2]) > 100
    lab.count(kills=int(found[1]))


STAGES = ("copying pages", "checking pages", "checking events")
SIGNALLED = """
import os, sys
from contextlib import contextmanager
from agentd import cli
from agentd.daemon import migration

@contextmanager
def signalling(why):
    def progress(what, done, total):
        if what == sys.argv[1]:
            os.kill(os.getpid(), int(sys.argv[2]))
    yield progress

migration.said_when_slow = signalling
sys.exit(cli.main(["serve"]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("stage", STAGES)
def test_a_start_that_is_told_to_stop(home: Path, stage: str, number: signal.Signals) -> None:
    """It ends at once, the database is the old one, and nothing is left but by SIGKILL."""
    database = older(home)
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED, stage, str(int(number))],
        cwd=REPOSITORY,
        env=environment(home, {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    killed = number == signal.SIGKILL
    assert (ended.returncode, ended.stderr) == (-number if killed else 0, "")
    assert killed or beside(database) == set()
    assert schema(database) == OLDER
    with DaemonProcess(home):
        assert beside(database) == COPY


# Full


def test_a_disk_that_is_full_at_any_write(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start ends with one line, the old database goes on, and so does the next start."""
    monkeypatch.setattr("agentd.backup.before_migration.room_for_copy", lambda _database: 0)
    with in_memory() as folder:
        database = older(folder / "old")
        writes = writes_of_a_start(database, folder / "work")
        for point in sorted(lab.random.sample(range(1, writes + 1), lab.amount(12, writes))):
            fill_up(database, folder / "work", point)
            lab.count(full_disks=1)


def prepared(home: Path, work: Path) -> Path:
    """A copy of the home to work on."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(home, work)
    return work / "agent_state.db"


def start(database: Path) -> None:
    """What a start does to the database, under its locks."""
    prepare = partial(prepare_migration, database, backup=True)
    SqliteStore.open(database, NOW, prepare).close()


def writes_of_a_start(old: Path, work: Path) -> int:
    """How often a start writes through SQLite until the database is migrated."""
    disk = FailingDisk({"write"})
    database = prepared(old.parent, work)
    with witnessed(disk):
        prepare = partial(prepare_migration, database, backup=True)
        with closing(SqliteStore.open(database, NOW, prepare)):
            return disk.seen.total()


def fill_up(old: Path, work: Path, point: int) -> None:
    """A start on a disk that is full from that write on, and one when there is room again."""
    database = prepared(old.parent, work)
    disk = FailingDisk({"write"})
    disk.begin(Fault(point, full=True, sticky=True))
    with witnessed(disk), pytest.raises(Failure) as failure:
        start(database)
    told = str(failure.value)
    assert disk.failed is not None
    if beside(database) == set():  # else it is the migration itself that found no room
        assert f"{database} is not migrated: its copy {database}{min(COPY)} cannot" in told
        assert "the disk is full: no room in " in told
        assert "`agentd serve --no-backup`" in told
    assert beside(database) in (set(), COPY)
    assert "\n" not in told
    start(database)
    assert beside(database) == COPY
    assert (schema(database), journal(database)) == (LATEST, journal(old))


def test_a_disk_without_room_for_a_copy(small_home: Path) -> None:
    """Nothing is begun: one line says how much is needed, and the old database stays as it is."""
    database = older(small_home)
    ballast = small_home / "ballast"
    left = os.statvfs(small_home)
    ballast.write_bytes(bytes(left.f_bavail * left.f_frsize - 150_000))
    before = database.read_bytes()
    ended = serve_to_the_end(small_home)
    assert (ended.code, len(ended.lines)) == (1, 1), ended.output
    assert re.search(
        rf"is not migrated: its copy {database}.backup-schema-{OLDER} cannot be made: the disk is "
        rf"full: 0\.\d MiB are free; it takes 0\.\d MiB in {small_home} until it is verified",
        ended.output,
    )
    assert (beside(database), database.read_bytes()) == (set(), before)
    ballast.unlink()
    with DaemonProcess(small_home):
        assert beside(database) == COPY


# Not allowed


def test_a_folder_that_may_not_be_written_to(home: Path) -> None:
    """One line names the copy, and what would do without."""
    database = older(home)
    for name in ("agentd.lock", "agent_state.db.lock", "agentd.sock.lock"):
        (home / name).touch(mode=0o600)
    for end in ("-wal", "-shm"):  # those of a daemon that was killed
        database.with_name(database.name + end).touch(mode=0o600)
    hand_over(home.parent, home, *home.iterdir())
    home.chmod(0o500)
    ended = run(home, "serve")
    assert (ended.code, len(ended.lines)) == (1, 1), ended.output
    copy = f"{database}.backup-schema-{OLDER}"
    assert f"{copy} cannot be made: cannot write {copy}: Permission denied; it" in ended.output
    assert "or start `agentd serve --no-backup`" in ended.output
    home.chmod(0o700)
    assert (beside(database), schema(database)) == (set(), OLDER)
