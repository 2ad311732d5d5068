"""`agentd restore`: a verified backup in the database's place, and nothing lost by it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agentd.backup.restore import verified_copy
from agentd.database_files import lost_path
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.migrate import LATEST
from tests.command_line import on_a_terminal
from tests.core import NOW
from tests.daemon_process import DaemonProcess
from tests.databases import (
    crash,
    create,
    create_older,
    journal,
    overwrite,
    schema,
    traces,
)
from tests.restoring import ASIDE, kept, restore


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


# Where it is restored to


def test_into_an_empty_home(home: Path, database: Path, backup: Path) -> None:
    """The home is made, for its user only, and the database is the backup."""
    ended = restore(home, backup)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"restored: {database}, from {backup}",
        "5 tasks, events up to seq 105; pages, hash chains and rows verified",
    ]
    assert home.stat().st_mode & 0o777 == 0o700
    assert database.stat().st_mode & 0o777 == 0o600
    assert journal(database) == journal(backup)


def test_a_daemon_serves_what_was_restored(home: Path, backup: Path) -> None:
    """It starts on it, says nothing of lost events, and goes on from there."""
    create(home / "agent_state.db", 9)  # so that the old mark is beyond the backup's end
    assert restore(home, backup).code == 0
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        assert connection.call("Metrics")["database"]["total_tasks"] == 5
        connection.call("RegisterTask", goal="more")
        assert "missing" not in daemon.stderr()
    assert len(journal(home / "agent_state.db")) == 106


def test_over_a_stopped_database(home: Path, database: Path, backup: Path) -> None:
    """The old database is kept whole, under a name with the time, for its owner only."""
    old = create(database)
    ended = restore(home, backup)
    aside = kept(ended)
    assert re.fullmatch(r"agent_state\.db\.before-\d{8}T\d{6}Z", aside.name)
    assert aside.parent == home
    assert aside.stat().st_mode & 0o777 == 0o600
    assert journal(aside) == old
    assert journal(database) == journal(backup)
    assert ended.out.splitlines()[-1] == "remove it when all is well, or restore it to go back"


def test_there_and_back(home: Path, database: Path, backup: Path) -> None:
    """What was kept aside can be restored."""
    old = create(database)
    aside = kept(restore(home, backup))
    again = kept(restore(home, aside))
    assert journal(database) == journal(aside) == old
    assert journal(again) == journal(backup)


def test_over_what_a_killed_daemon_left(home: Path, database: Path, backup: Path) -> None:
    """What is in the old WAL stays with the old database and never reaches the new one."""
    create(database)
    old = crash(database)
    aside = kept(restore(home, backup))
    assert not database.with_name("agent_state.db-wal").exists()
    assert journal(aside) == old
    assert journal(database) == journal(backup)


def test_through_a_link(home: Path, database: Path) -> None:
    """What is in the WAL of the file that a link leads to is restored as well."""
    path = home.parent / "other" / "agent_state.db"
    create(path)
    whole = crash(path)
    link = home.parent / "latest.db"
    link.symlink_to(path)
    ended = restore(home, link)
    assert (ended.code, ended.err) == (0, "")
    assert journal(database) == whole


def test_the_marks_go_with_the_old_database(home: Path, database: Path, backup: Path) -> None:
    """High-water mark and lost mark tell of the old database, and are kept beside it."""
    create(database)
    lost_path(database).write_text("7")
    aside = kept(restore(home, backup))
    assert {path.name.removeprefix(aside.name) for path in home.glob(f"{aside.name}*")} == {
        "",
        ".mark",
        ".lost",
    }
    store = SqliteStore.open(database, NOW)
    store.close()
    assert store.lost is None


REFUSED: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "not a database": lambda path: path.write_bytes(b"x" * 10_000),
    "its magic overwritten": lambda path: overwrite(path, 0, b"\x55" * 16),
    "its first page overwritten": lambda path: overwrite(path, 0, b"\x55" * 4096),
    "of a later schema": lambda path: overwrite(path, 60, b"\0\0\0\x63"),
}


@pytest.mark.parametrize("state", REFUSED)
def test_over_a_database_that_no_daemon_starts_on(
    home: Path, database: Path, backup: Path, state: str
) -> None:
    """That is why people restore: it is kept as it is, byte for byte."""
    create(database)
    REFUSED[state](database)
    before = database.read_bytes()
    ended = restore(home, backup)
    assert journal(database) == journal(backup)
    if before:
        assert kept(ended).read_bytes() == before
    else:
        assert ASIDE.search(ended.out) is None


@pytest.mark.parametrize("state", [state for state in REFUSED if state != "of a later schema"])
def test_over_a_database_that_no_daemon_starts_on_and_its_wal(
    home: Path, database: Path, backup: Path, state: str
) -> None:
    """The WAL is kept with it, byte for byte as well, and never applied to the new database."""
    create(database)
    crash(database)
    REFUSED[state](database)
    wal = database.with_name("agent_state.db-wal")
    before = database.read_bytes(), wal.read_bytes()
    aside = kept(restore(home, backup))
    assert aside.with_name(aside.name + "-wal").read_bytes() == before[1]
    assert not before[0] or aside.read_bytes() == before[0]
    assert not list(home.glob("agent_state.db-*"))
    assert journal(database) == journal(backup)


def test_over_a_database_with_a_damaged_page(home: Path, database: Path, backup: Path) -> None:
    """What a quick look does not see is kept as well."""
    create(database)
    overwrite(database, 8 * 4096, b"\x55" * 4096)
    before = database.read_bytes()
    assert kept(restore(home, backup)).read_bytes() == before
    assert journal(database) == journal(backup)


def test_over_a_wal_without_its_database(home: Path, database: Path, backup: Path) -> None:
    """A WAL whose database is gone is kept aside as well, and never applied to the new one."""
    create(database)
    crash(database)
    wal = database.with_name("agent_state.db-wal")
    content = wal.read_bytes()
    database.unlink()
    aside = kept(restore(home, backup))
    assert aside.with_name(aside.name + "-wal").read_bytes() == content
    assert not wal.exists()
    assert journal(database) == journal(backup)


def test_two_restores_in_one_second(database: Path, backup: Path) -> None:
    """Nothing that is kept is ever overwritten."""
    create(database)
    names = []
    for _ in range(2):
        with verified_copy(backup, database, NOW, lambda *_: None) as copy:
            names.append(copy.put(NOW))
    moment = "agent_state.db.before-20260131T120000Z"
    assert [path.name for path in names if path] == [moment, f"{moment}-2"]


def test_a_link_to_the_database_stays(home: Path, database: Path, backup: Path) -> None:
    """Where the database's path is a link, it is restored where the link leads."""
    home.mkdir(mode=0o700)
    elsewhere = home.parent / "elsewhere"
    create(elsewhere / "real.db")
    database.symlink_to(elsewhere / "real.db")
    aside = kept(restore(home, backup))
    assert database.is_symlink()
    assert aside.parent == elsewhere
    assert journal(elsewhere / "real.db") == journal(backup)


def test_a_terminal_gets_a_progress_bar(home: Path, backup: Path) -> None:
    """On a terminal a bar shows how far the restore is."""
    ended = on_a_terminal(home, "restore", str(backup))
    assert ended.code == 0
    assert "copying pages [##############################] " in ended.out


# What is restored


def test_the_source_is_never_changed(home: Path, backup: Path) -> None:
    """Not by one byte, whatever lies beside it; and its WAL is part of it."""
    whole = crash(backup)
    before = traces(backup.parent)
    assert restore(home, backup).code == 0
    assert traces(backup.parent) == before
    assert journal(home / "agent_state.db") == whole


def test_an_older_schema_is_migrated(home: Path, database: Path) -> None:
    """A backup of an earlier agentd is brought up to date, in the copy."""
    source = home.parent / "older.db"
    older = create_older(source)
    before = source.read_bytes()
    assert restore(home, source).code == 0
    assert source.read_bytes() == before
    assert (older < LATEST, schema(database)) == (True, LATEST)
    assert journal(database) == journal(source)
