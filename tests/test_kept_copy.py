"""A start that migrates leaves a verified copy of the database as it was."""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from agentd.daemon.migration import prepare_migration
from agentd.errors import DiskFailed
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.migrate import LATEST
from tests.command_line import agentd
from tests.core import NOW
from tests.daemon_process import SERVE, DaemonProcess, serve_to_the_end
from tests.databases import (
    create,
    create_older,
    journal,
    make_older,
    overwrite,
    schema,
    tamper,
    traces,
)
from tests.restoring import restore

OLDER = LATEST - 1
REMEMBER = (
    "INSERT INTO requests (number, request_id, digest, seq, event_limit, at) "
    "VALUES (1, 'told', x'00', 0, 0, 0)"
)


class WithoutCopy(DaemonProcess):
    """A daemon that is told to leave none."""

    command = [*SERVE, "--no-backup"]  # noqa: RUF012 - as the usual one


@pytest.fixture
def database(home: Path) -> Path:
    """A stopped database of an earlier agentd."""
    home.mkdir(mode=0o700)
    path = home / "agent_state.db"
    assert create_older(path) == OLDER
    path.chmod(0o600)
    return path


def copy_of(database: Path, number: int = OLDER, more: str = "") -> Path:
    """The name of a copy with that schema."""
    return database.with_name(f"{database.name}.backup-schema-{number}{more}")


def copies(database: Path) -> set[Path]:
    """Every copy, and every draft of one."""
    return {path for path in database.parent.iterdir() if re.search("backup|draft", path.name)}


def started(home: Path) -> str:
    """What a daemon says that is started and stopped."""
    with DaemonProcess(home) as daemon:
        daemon.stop()
    said = daemon.stderr()
    daemon.log_path.unlink()
    return said


def write_one_more(home: Path) -> None:
    """Let a task be registered, by whatever agentd."""
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        connection.call("RegisterTask", goal="one more")


# What is left


def test_a_start_that_migrates_leaves_a_copy(home: Path, database: Path) -> None:
    """One file that stands alone, with the old schema and the whole journal, for its user only."""
    recorded = journal(database)
    started(home)
    copy = copy_of(database)
    assert copies(database) == {copy}
    assert copy.stat().st_mode & 0o777 == 0o600
    assert (schema(copy), schema(database)) == (OLDER, LATEST)
    assert journal(copy) == journal(database) == recorded


def test_what_is_said_of_it(home: Path, database: Path) -> None:
    """One line: what is migrated, from where to where, and where it is kept as it was."""
    lines = [line for line in started(home).splitlines() if "schema" in line]
    told = (
        f"INFO  migrating {database} from schema {OLDER} to {LATEST}; "
        f"kept as it was, verified, in {copy_of(database)}"
    )
    assert [line.partition("Z ")[2] for line in lines] == [told]


def test_what_is_in_the_wal_is_in_the_copy(home: Path, database: Path) -> None:
    """What a killed daemon has acknowledged is copied, wherever it is written."""
    with closing(sqlite3.connect(database)) as writer:
        writer.execute(REMEMBER)
        writer.commit()
        killed = home.parent / "killed"
        killed.mkdir()
        for end in ("", "-wal", "-shm"):
            shutil.copy(f"{database}{end}", killed)
    for file in killed.iterdir():
        file.replace(home / file.name)
    started(home)
    with closing(sqlite3.connect(copy_of(database))) as copy:
        assert copy.execute("SELECT request_id FROM requests").fetchall() == [("told",)]


def test_the_copy_is_beside_the_file_and_not_beside_a_link(home: Path, database: Path) -> None:
    """As all files of a database."""
    elsewhere = home.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    database.rename(elsewhere / database.name)
    database.symlink_to(elsewhere / database.name)
    started(home)
    assert copies(database) == set()
    assert copies(elsewhere / database.name) == {copy_of(elsewhere / database.name)}


def test_a_new_database_gets_none(home: Path) -> None:
    """There is nothing to copy, and nothing is said of it."""
    assert "schema" not in started(home)
    assert copies(home / "agent_state.db") == set()


def test_an_empty_database_gets_none(home: Path) -> None:
    """A journal without events can lose none; the line says so."""
    create(home / "agent_state.db", tasks=0)
    make_older(home / "agent_state.db")
    assert f"from schema {OLDER} to {LATEST}; it has no events to keep\n" in started(home)
    assert copies(home / "agent_state.db") == set()


def test_a_database_that_is_not_migrated_gets_none(home: Path) -> None:
    """A start on this agentd's own database does what it always did."""
    create(home / "agent_state.db")
    assert "schema" not in started(home)
    assert copies(home / "agent_state.db") == set()


def test_without_a_copy(home: Path, database: Path) -> None:
    """With --no-backup it is migrated, and none is left, nor what a start left that was killed."""
    (home / "agentd-draft-abcdefgh").write_bytes(b"x")
    recorded = journal(database)
    with WithoutCopy(home) as daemon:
        daemon.stop()
    assert f"from schema {OLDER} to {LATEST}; no copy is kept\n" in daemon.stderr()
    assert copies(database) == set()
    assert (schema(database), journal(database)) == (LATEST, recorded)


def test_the_way_back(home: Path, database: Path) -> None:
    """It can be restored from where it is, over the database that a newer agentd migrated."""
    recorded = journal(database)
    started(home)
    write_one_more(home)
    tamper(database, f"PRAGMA user_version = {LATEST + 1}")
    before = copy_of(database).read_bytes()
    assert restore(home, copy_of(database)).code == 0
    assert copy_of(database).read_bytes() == before
    assert journal(database) == recorded
    assert agentd(home, "replay", "--check").code == 0


# Copies that are there already


def test_a_start_that_was_cut_off_leaves_its_copy_to_the_next(home: Path, database: Path) -> None:
    """Where the copy is there and the migration is not done, no second one is made."""
    started(home)
    before = traces(home)[copy_of(database).name]
    make_older(database)
    said = started(home)
    assert f"kept as it was, verified, in {copy_of(database)}\n" in said
    assert copies(database) == {copy_of(database)}
    assert traces(home)[copy_of(database).name] == before


def test_a_start_that_was_cut_off_between_two_migrations(home: Path, database: Path) -> None:
    """The copy from before the first of them is that of the others, too."""
    make_older(database, OLDER - 1)
    started(home)
    make_older(database, OLDER)
    started(home)
    assert copies(database) == {copy_of(database, OLDER - 1)}


def test_a_database_that_went_on_gets_another(home: Path, database: Path) -> None:
    """An older agentd has written since: that is a second copy, and the first stays as it was."""
    started(home)
    before = traces(home)[copy_of(database).name]
    write_one_more(home)
    make_older(database)
    recorded = journal(database)
    started(home)
    assert copies(database) == {copy_of(database), copy_of(database, more="-2")}
    assert traces(home)[copy_of(database).name] == before
    assert journal(copy_of(database, more="-2")) == recorded


def test_a_request_that_was_remembered_since(home: Path, database: Path) -> None:
    """An answer that was given without an event is in the copy, too."""
    started(home)
    make_older(database)
    tamper(database, REMEMBER)
    started(home)
    assert copies(database) == {copy_of(database), copy_of(database, more="-2")}


def cut_off(copy: Path, _database: Path) -> None:
    """It lost its end."""
    os.truncate(copy, 40_000)


def damage(copy: Path, _database: Path) -> None:
    """One of its pages was overwritten."""
    overwrite(copy, 9 * 4096, b"\x55" * 4096)


def change_a_row(copy: Path, _database: Path) -> None:
    """It is no longer the fold of its journal."""
    tamper(copy, "UPDATE nodes SET status = 'FAILED'")


def replace_by_a_text(copy: Path, _database: Path) -> None:
    """It is somebody's file."""
    copy.write_text("precious")


def replace_by_a_folder(copy: Path, _database: Path) -> None:
    """It is somebody's folder."""
    copy.unlink()
    copy.mkdir()


def replace_by_a_broken_link(copy: Path, _database: Path) -> None:
    """It leads nowhere."""
    copy.unlink()
    copy.symlink_to("nowhere")


def replace_by_a_link(copy: Path, database: Path) -> None:
    """It is the database itself."""
    copy.unlink()
    copy.symlink_to(database)


def make_it_older(copy: Path, _database: Path) -> None:
    """It is no longer of the schema that its name tells."""
    make_older(copy, OLDER - 1)


REPLACED = [
    cut_off,
    damage,
    change_a_row,
    replace_by_a_text,
    replace_by_a_folder,
    replace_by_a_broken_link,
    replace_by_a_link,
    make_it_older,
]


@pytest.mark.parametrize("replace", REPLACED)
def test_what_has_the_name_and_is_no_copy(
    home: Path, database: Path, replace: Callable[[Path, Path], None]
) -> None:
    """It stays as it is, whatever it is, and the copy gets another name."""
    recorded = journal(database)
    started(home)
    make_older(database)
    replace(copy_of(database), database)
    before = traces(home)[copy_of(database).name]
    link = copy_of(database).is_symlink()
    started(home)
    assert copies(database) == {copy_of(database), copy_of(database, more="-2")}
    assert journal(copy_of(database, more="-2")) == recorded
    assert link or traces(home)[copy_of(database).name] == before


# No copy, no migration


def test_a_database_that_is_not_whole(home: Path, database: Path) -> None:
    """No verified copy can be made of it: one line says why, and what would do without."""
    tamper(database, "UPDATE nodes SET status = 'FAILED' WHERE position = 1")
    before = database.read_bytes()
    ended = serve_to_the_end(home)
    assert (ended.code, len(ended.lines)) == (5, 1), ended.output
    assert ended.output.startswith(
        f"agentd: {database} is not migrated: its copy {copy_of(database)} cannot be made: "
        f"{database} is corrupt: nodes "
    )
    assert "or start `agentd serve --no-backup`, which migrates without a copy" in ended.output
    assert copies(database) == set()
    assert database.read_bytes() == before
    with WithoutCopy(home):
        assert schema(database) == LATEST


def test_a_disk_that_does_not_keep_it(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed fsync is said to be one, with its exit code, and nothing is migrated."""

    def fail(_file: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    prepare = partial(prepare_migration, database, backup=True)
    with pytest.raises(DiskFailed, match=r"is not migrated: .*the disk failed to keep") as failure:
        SqliteStore.open(database, NOW, prepare)
    assert failure.value.exit_code == 6
    assert (copies(database), schema(database)) == (set(), OLDER)


def test_it_is_never_replaced_by_a_backup(home: Path, database: Path) -> None:
    """`agentd backup --force` takes it for what it is: one of agentd's own files."""
    started(home)
    before = traces(home)
    ended = agentd(home, "backup", "--force", str(copy_of(database)))
    assert ended.code == 1
    assert "is one of agentd's own files: choose another place" in ended.error
    assert traces(home) == before
