"""A backup that cannot be made, or is cut off, leaves nothing."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agentd.backup import backup
from agentd.errors import DiskFailed
from tests.command_line import agentd
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment
from tests.databases import (
    create,
    journal,
    overwrite,
    tamper,
)

STAGES = ("copying pages", "checking pages", "checking events")


@pytest.fixture
def database(home: Path) -> Path:
    """A stopped database with three tasks."""
    path = home / "agent_state.db"
    create(path)
    return path


@pytest.fixture
def target(home: Path) -> Path:
    """Where a backup is to be: a directory of its own."""
    directory = home.parent / "backups"
    directory.mkdir(mode=0o755)
    return directory / "one.db"


def nothing(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


# Databases that cannot be backed up


def test_without_a_database(home: Path, target: Path) -> None:
    """There is nothing to back up, and no home is made for it."""
    ended = agentd(home, "backup", str(target))
    assert ended.code == 5
    assert "there is no database at" in ended.error
    assert not home.exists()
    assert list(target.parent.iterdir()) == []


def corrupt_a_page(path: Path) -> None:
    """Overwrite the root of an index, which no quick look would visit."""
    with closing(sqlite3.connect(path)) as connection:
        [(root,)] = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'nodes_order'"
        )
    overwrite(path, (root - 1) * 4096, b"\x55" * 4096)


def change_a_record(path: Path) -> None:
    """Change the past."""
    tamper(path, "UPDATE journal SET payload = CAST('[]' AS BLOB) WHERE seq = 5")


def change_a_row(path: Path) -> None:
    """Change the present, with the journal left as it is."""
    tamper(path, "UPDATE nodes SET status = 'FAILED' WHERE position = 3")


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (corrupt_a_page, "corrupt: "),
    (change_a_record, "corrupt: seq 5 .*hash chain breaks"),
    (change_a_row, "corrupt: nodes .*status is 'FAILED'.*and 2 more"),
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"x" * 5000), "not a SQLite database"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES)
def test_a_database_that_is_not_whole(
    home: Path, database: Path, target: Path, damage: Callable[[Path], object], words: str
) -> None:
    """What is not whole is no backup: it says what is wrong, and leaves nothing."""
    damage(database)
    ended = agentd(home, "backup", str(target))
    assert ended.code == 5
    assert re.search(words, ended.error), ended.error
    assert list(target.parent.iterdir()) == []


# Interrupted

INTERRUPTED = """
import os, sys
from contextlib import contextmanager
from agentd import cli
from agentd.cli.database import backup

@contextmanager
def interrupting():
    def show(what, done, total):
        if what == sys.argv[1]:
            os.kill(os.getpid(), int(sys.argv[2]))
    yield show

backup.show_progress = interrupting
sys.exit(cli.main(["backup", sys.argv[3]]))
"""


def interrupt(home: Path, stage: str, number: signal.Signals, target: Path) -> tuple[int, str]:
    """Run a backup that gets the signal in that stage; returns its exit code and its words."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, stage, str(int(number)), str(target)],
        cwd=REPOSITORY,
        env=environment(home, {}),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode()


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_backup_leaves_nothing(
    home: Path, target: Path, stage: str, number: signal.Signals
) -> None:
    """Whenever it is told to stop, and by whatever signal, it cleans up and exits with 130."""
    assert interrupt(home, stage, number, target) == (130, "agentd: interrupted\n")
    assert list(target.parent.iterdir()) == []


@pytest.mark.usefixtures("database")
def test_what_a_killed_backup_left_is_swept_up_by_the_next(home: Path, target: Path) -> None:
    """A draft whose writer is dead goes; a file of another program's that is named alike stays."""
    code, _ = interrupt(home, "checking events", signal.SIGKILL, target)
    assert code == -signal.SIGKILL
    [draft] = target.parent.iterdir()
    assert draft.name.startswith("agentd-draft-")
    other = target.with_name("agentd-draft-of-a-letter")
    other.touch()
    assert agentd(home, "backup", str(target)).code == 0
    assert {path.name for path in target.parent.iterdir()} == {target.name, other.name}


def test_two_backups_at_once_do_not_disturb_each_other(database: Path, target: Path) -> None:
    """A draft that somebody is writing is not swept up."""
    second = target.with_name("two.db")

    def start_another(what: str, _done: int, _total: int) -> None:
        if what == "checking events" and not second.exists():
            backup(database, second, nothing, force=False)

    backup(database, target, start_another, force=False)
    assert journal(target) == journal(second) == journal(database)
    assert {path.name for path in target.parent.iterdir()} == {"one.db", "two.db"}


# Disks


def test_a_disk_that_does_not_keep_it(
    database: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed fsync is exit code 6, and what was written is not called a backup."""

    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFailed, match="the disk failed to keep") as failure:
        backup(database, target, nothing, force=False)
    assert failure.value.exit_code == 6
    assert list(target.parent.iterdir()) == []
