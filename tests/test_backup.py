"""`agentd backup`: a file that stands alone, whole or not there at all."""

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
from agentd.errors import DiskFailed, Failure
from tests.command_line import agentd, on_a_terminal
from tests.daemon_process import REPOSITORY, environment
from tests.databases import (
    BESIDE,
    crash,
    create,
    create_older,
    journal,
    overwrite,
    schema,
    tamper,
    traces,
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


def mode(path: Path) -> int:
    """The permission bits."""
    return path.stat().st_mode & 0o777


# A backup that is done


def test_a_backup_stands_alone(home: Path, database: Path, target: Path) -> None:
    """It is one file, for its owner only, and holds the journal."""
    ended = agentd(home, "backup", str(target))
    assert (ended.code, ended.err) == (0, "")
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert mode(target) == 0o600
    assert journal(target) == journal(database)


def test_what_is_said_of_a_backup(home: Path, database: Path, target: Path) -> None:
    """Where it is, how large, what is in it, and that it was verified, on two lines."""
    ended = agentd(home, "backup", str(target))
    size = f"{database.stat().st_size / 1024:.1f} KiB"
    assert ended.out.splitlines() == [
        f"backup: {target}",
        f"{size}, 3 tasks, events up to seq 63; pages, hash chains and rows verified",
    ]


def test_a_backup_leaves_a_stopped_home_as_it_was(home: Path, database: Path, target: Path) -> None:
    """Not a byte of the home changes, and nothing appears in it."""
    before = traces(home)
    assert agentd(home, "backup", str(target)).code == 0
    assert traces(home) == before
    assert database.exists()


def test_what_a_killed_daemon_left_in_the_wal_is_in_the_backup(home: Path, target: Path) -> None:
    """The backup has what was acknowledged, wherever it is written."""
    create(home / "agent_state.db")
    whole = crash(home / "agent_state.db")
    assert agentd(home, "backup", str(target)).code == 0
    assert journal(target) == whole


def test_a_backup_is_private_from_its_first_byte(database: Path, target: Path) -> None:
    """Whatever the umask, nobody else may read it while it is being written."""
    modes: set[int] = set()
    before = os.umask(0)
    try:
        backup(
            database,
            target,
            lambda _what, _done, _total: modes.update(map(mode, target.parent.iterdir())),
            force=False,
        )
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_a_database_with_an_older_schema(home: Path, target: Path) -> None:
    """It is copied as it is, so that there is a way back from an upgrade, and verified."""
    home.mkdir(mode=0o700)
    older = create_older(home / "agent_state.db")
    ended = agentd(home, "backup", str(target))
    assert (ended.code, ended.err) == (0, "")
    assert schema(target) == older
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_link_to_the_target_is_followed(home: Path, database: Path, target: Path) -> None:
    """As with any copy, the link stays and the backup is what it leads to."""
    link = home.parent / "latest.db"
    link.symlink_to(target)
    assert agentd(home, "backup", str(link)).code == 0
    assert link.is_symlink()
    assert journal(target) == journal(database)


@pytest.mark.usefixtures("database")
def test_a_terminal_gets_a_progress_bar(home: Path, target: Path) -> None:
    """On a terminal a bar shows how far the backup is, and is gone at the end."""
    ended = on_a_terminal(home, "backup", str(target))
    shown = ended.out.split("\r\x1b[K")
    assert "copying pages [##############################] " in ended.out
    assert any(line.startswith("checking events [") for line in shown)
    assert shown[-1].startswith("backup: ")


# What may not be overwritten


@pytest.mark.usefixtures("database")
def test_a_file_that_is_there(home: Path, target: Path) -> None:
    """It is never overwritten without --force, and said to be there before anything is copied."""
    target.write_text("precious")
    ended = agentd(home, "backup", str(target))
    assert ended.code == 1
    assert f"{target} exists: choose another name, or add --force" in ended.error
    assert target.read_text() == "precious"


@pytest.mark.usefixtures("database")
def test_force_replaces_a_file(home: Path, database: Path, target: Path) -> None:
    """With --force another file takes its place at once; who has the old one open keeps it."""
    target.write_text("precious")
    with target.open() as old:
        assert agentd(home, "backup", "--force", str(target)).code == 0
        assert old.read() == "precious"
    assert mode(target) == 0o600
    assert journal(target) == journal(database)


def test_a_file_that_appears_meanwhile(database: Path, target: Path) -> None:
    """A file that appears while the backup is made is not overwritten either."""

    def appear(what: str, _done: int, _total: int) -> None:
        if what == "checking events":
            target.write_text("precious")

    with pytest.raises(Failure, match="exists: choose another name"):
        backup(database, target, appear, force=False)
    assert target.read_text() == "precious"
    assert len(list(target.parent.iterdir())) == 1


@pytest.mark.parametrize("beside", ["", *BESIDE, ".lock", ".lost"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_database_itself(home: Path, database: Path, beside: str, force: list[str]) -> None:
    """Neither the database nor a file that belongs to it is a place for a backup."""
    before = traces(home)
    ended = agentd(home, "backup", *force, f"{database}{beside}")
    assert ended.code == 1
    assert "belongs to the database itself" in ended.error
    assert traces(home) == before


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_the_database_by_another_name(
    home: Path, database: Path, target: Path, link: Callable[[Path, Path], None]
) -> None:
    """A link to the database is the database."""
    link(target, database)
    ended = agentd(home, "backup", "--force", str(target))
    assert ended.code == 1
    assert "belongs to the database itself" in ended.error


@pytest.mark.usefixtures("database")
def test_places_that_are_no_file(home: Path, target: Path) -> None:
    """A directory, a device, a queue: each is refused, with --force as well."""
    queue = target.with_name("queue")
    os.mkfifo(queue)
    for place in (target.parent, Path("/dev/null"), queue):
        ended = agentd(home, "backup", "--force", str(place))
        assert ended.code == 1
        assert re.search("is a directory: say|is not a regular file: choose", ended.error)
    assert [path.name for path in target.parent.iterdir()] == ["queue"]


@pytest.mark.usefixtures("database")
def test_a_wal_of_another_database_in_the_way(home: Path, target: Path) -> None:
    """SQLite would apply a WAL that lies beside the backup, so that is refused."""
    wal = target.with_name("one.db-wal")
    wal.write_bytes(b"x")
    ended = agentd(home, "backup", "--force", str(target))
    assert ended.code == 1
    assert f"{wal} is in the way: remove it" in ended.error
    wal.write_bytes(b"")
    assert agentd(home, "backup", str(target)).code == 0


@pytest.mark.usefixtures("database")
def test_a_directory_that_is_not_there(home: Path, target: Path) -> None:
    """Directories are not made in passing: the name may be a slip."""
    ended = agentd(home, "backup", str(target.parent / "more" / "one.db"))
    assert ended.code == 1
    assert f"there is no directory {target.parent / 'more'}" in ended.error


def test_without_hard_links(database: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a name cannot be given without a risk to another file, --force is asked for."""

    def no_links(_from: Path, _to: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(Failure, match=r"without hard links.*add --force"):
        backup(database, target, nothing, force=False)
    assert list(target.parent.iterdir()) == []
    backup(database, target, nothing, force=True)
    assert journal(target) == journal(database)


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
from agentd.cli import backup

@contextmanager
def interrupting():
    def show(what, done, total):
        if what == sys.argv[1]:
            os.kill(os.getpid(), int(sys.argv[2]))
    yield show

backup.progress_bar = interrupting
sys.exit(cli.main(["backup", sys.argv[3]]))
"""


def interrupt(home: Path, stage: str, number: signal.Signals, target: Path) -> tuple[int, str]:
    """Run a backup that gets the signal in that stage; returns its exit code and its words."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, stage, str(int(number)), str(target)],
        cwd=REPOSITORY,
        env=environment(home, {}),
        capture_output=True,
        timeout=20,
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
    assert interrupt(home, stage, number, target) == (130, "")
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
