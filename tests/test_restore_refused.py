"""What `agentd restore` refuses, and how: the database stays as it is, and so does the source."""

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from agentd.backup.restore import verified_copy
from agentd.errors import Failure
from agentd.store.sqlite.migrate import LATEST
from tests.command_line import agentd
from tests.core import NOW
from tests.daemon_process import DaemonProcess
from tests.databases import (
    create,
    journal,
    overwrite,
    tamper,
)
from tests.restoring import refused, restore


@pytest.fixture
def database(home: Path) -> Path:
    """Where the home's database is, or is to be."""
    return home / "agent_state.db"


@pytest.fixture
def backup(home: Path) -> Path:
    """A backup with five tasks, somewhere else."""
    path = home.parent / "backups" / "one.db"
    create(path, 5)
    path.with_name("one.db.mark").unlink()
    return path


# Where it is not restored to


def test_under_a_running_daemon(daemon: DaemonProcess, backup: Path) -> None:
    """It is refused with the daemon's pid, and the daemon does not notice."""
    ended = restore(daemon.home, backup)
    assert (ended.code, ended.out) == (4, "")
    assert f"pid {daemon.pid} " in ended.error
    assert "stop it first; a restore needs the database for itself" in ended.error
    with daemon.connect() as connection:
        assert connection.call("Health")["status"] == "ok"


def test_under_a_daemon_with_another_home(daemon: DaemonProcess, backup: Path) -> None:
    """A home of its own does not help to another daemon's database."""
    home = daemon.home.parent / "home2"
    ended = agentd(home, "restore", str(backup), AGENTD_DATABASE_URL=f"sqlite://{daemon.database}")
    assert ended.code == 4


def test_while_another_program_has_it_open(home: Path, database: Path, backup: Path) -> None:
    """A program that has the old database open would mix the two up, so it has to go first."""
    old = create(database)
    other = apsw.Connection(str(database))
    other.execute("SELECT count(*) FROM journal").fetchall()
    ended = restore(home, backup)
    other.close()
    assert ended.code == 1
    assert f"another program has {database} open: let it end" in ended.error
    assert journal(database) == old
    assert restore(home, backup).code == 0


def test_over_another_programs_database(home: Path, database: Path, backup: Path) -> None:
    """A SQLite database that is not agentd's is not moved away."""
    home.mkdir(mode=0o700)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE t (a)")
    code, told = refused(home, backup)
    assert code == 5
    assert "is a SQLite database, but not agentd's" in told


def test_over_a_directory(home: Path, database: Path, backup: Path) -> None:
    """A directory in the database's place is refused."""
    database.mkdir(parents=True)
    home.chmod(0o700)
    code, told = refused(home, backup)
    assert code == 1
    assert f"{database} is not a file: move it away" in told


def from_the_future(path: Path) -> None:
    """Give the database a schema that nobody knows yet."""
    tamper(path, f"PRAGMA user_version = {LATEST + 1}")


def become_a_directory(path: Path) -> None:
    """Make a directory of it."""
    path.unlink()
    path.mkdir()


def become_a_queue(path: Path) -> None:
    """Make something of it that one could wait for without end."""
    path.unlink()
    os.mkfifo(path)


SOURCES: list[tuple[Callable[[Path], object], int, str]] = [
    (Path.unlink, 1, "there is no file"),
    (become_a_directory, 1, "is not a file"),
    (become_a_queue, 1, "is not a file"),
    (lambda path: path.write_bytes(b""), 5, "is empty"),
    (lambda path: path.write_bytes(b"x" * 5000), 5, "not a SQLite database"),
    (lambda path: os.truncate(path, 20_000), 5, "is corrupt"),
    (lambda path: overwrite(path, 8 * 4096, b"\x55" * 4096), 5, "one.db is corrupt"),
    (
        lambda path: tamper(path, "UPDATE journal SET at = at + 1 WHERE seq = 7"),
        5,
        "one.db is corrupt: seq 7 .*hash chain breaks",
    ),
    (lambda path: tamper(path, "DELETE FROM edges", "DELETE FROM tasks"), 5, "is corrupt: tasks"),
    (from_the_future, 5, "newer than the .* this agentd knows"),
    (lambda path: overwrite(path, 68, b"else"), 5, "not agentd's"),
]


@pytest.mark.parametrize(
    ("change", "code", "words"), SOURCES, ids=[words for _, _, words in SOURCES]
)
def test_a_source_that_is_refused(
    home: Path,
    database: Path,
    backup: Path,
    change: Callable[[Path], object],
    code: int,
    words: str,
) -> None:
    """It is said why, and the database stays as it is."""
    create(database)
    change(backup)
    found, told = refused(home, backup)
    assert found == code
    assert re.search(words, told), told


def test_a_refused_source_makes_no_home(home: Path) -> None:
    """A slip in the name leaves nothing behind."""
    assert restore(home, home.parent / "nothing.db").code == 1
    assert not home.exists()


@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to])
def test_the_database_itself(
    home: Path, database: Path, link: Callable[[Path, Path], None] | None
) -> None:
    """The database is no backup of itself, by whatever name."""
    create(database)
    source = database if link is None else home.parent / "link.db"
    if link is not None:
        link(source, database)
    ended = restore(home, source)
    assert ended.code == 1
    assert "is the database itself" in ended.error


def test_a_source_that_is_written_to_meanwhile(database: Path, backup: Path) -> None:
    """A file that changes while it is copied is no backup."""
    create(database)

    def write(what: str, _done: int, _total: int) -> None:
        if what == "copying pages":
            overwrite(backup, 4096, b"x")

    with (
        pytest.raises(Failure, match="was written to meanwhile"),
        verified_copy(backup, database, NOW, write),
    ):
        pass
