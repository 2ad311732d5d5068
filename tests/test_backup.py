"""`agentd backup`: a file that stands alone, whole or not there at all."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agentd.backup import backup
from agentd.errors import Failure
from tests.command_line import agentd, on_a_terminal
from tests.databases import (
    BESIDE,
    crash,
    create,
    create_older,
    journal,
    schema,
    traces,
)


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


def test_a_database_that_lost_events(home: Path, database: Path, target: Path) -> None:
    """Its backup says that events are missing, and replaces none that may still have them."""
    crash(database)
    database.with_name("agent_state.db-wal").unlink()
    ended = agentd(home, "backup", str(target))
    assert (ended.code, ended.out.splitlines()[-1]) == (
        0,
        "recorded events are missing in it: `agentd doctor` says which",
    )
    before = target.read_bytes()
    ended = agentd(home, "backup", "--force", str(target))
    assert ended.code == 1
    assert "no older backup is replaced: choose a new name" in ended.error
    assert target.read_bytes() == before


def test_a_file_that_appears_meanwhile(database: Path, target: Path) -> None:
    """A file that appears while the backup is made is not overwritten either."""

    def appear(what: str, _done: int, _total: int) -> None:
        if what == "checking events":
            target.write_text("precious")

    with pytest.raises(Failure, match="exists: choose another name"):
        backup(database, target, appear, force=False)
    assert target.read_text() == "precious"
    assert len(list(target.parent.iterdir())) == 1


@pytest.mark.parametrize("beside", ["", *BESIDE, ".lock", ".lost", ".new", ".copied"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_database_itself(home: Path, database: Path, beside: str, force: list[str]) -> None:
    """Neither the database nor a file that belongs to it is a place for a backup."""
    before = traces(home)
    ended = agentd(home, "backup", *force, f"{database}{beside}")
    assert ended.code == 1
    assert "is one of agentd's own files: choose another place" in ended.error
    assert traces(home) == before


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("name", ["agentd.lock", "agentd.sock", "agentd.sock.lock"])
def test_the_daemons_own_files(home: Path, name: str) -> None:
    """A lock that is replaced would let two daemons in."""
    (home / name).touch()
    ended = agentd(home, "backup", "--force", str(home / name))
    assert ended.code == 1
    assert "is one of agentd's own files" in ended.error


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_the_database_by_another_name(
    home: Path, database: Path, target: Path, link: Callable[[Path, Path], None]
) -> None:
    """A link to the database is the database."""
    link(target, database)
    ended = agentd(home, "backup", "--force", str(target))
    assert ended.code == 1
    assert "is one of agentd's own files: choose another place" in ended.error


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
