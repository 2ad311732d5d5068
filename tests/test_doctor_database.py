"""What `agentd doctor` finds of the database: pages, chains, rows, mark and WAL."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from agentd.database_files import lost_path, mark_path
from agentd.doctor import database as checks
from agentd.doctor.finding import FAILED, OK, WARNING
from agentd.store.sqlite.migrate import LATEST
from agentd.store.sqlite.viewing import View
from tests.databases import crash, create, create_older, overwrite, tamper, traces
from tests.doctor import examined, not_ok, pretend_a_local_disk, told


@pytest.fixture(autouse=True)
def local_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run does not matter."""
    pretend_a_local_disk(monkeypatch)


@pytest.fixture
def database(home: Path) -> Path:
    """A stopped database with three tasks."""
    path = home / "agent_state.db"
    create(path)
    return path


def statuses(home: Path) -> dict[str, str]:
    """The worst status of every check of the database."""
    order = [OK, WARNING, FAILED]
    found: dict[str, str] = {}
    for finding in examined(home):
        worst = max(finding.status, found.get(finding.what, OK), key=order.index)
        found[finding.what] = worst
    names = ("database", "durability", "WAL", "integrity", "journal", "mark")
    return {name: found[name] for name in names if found[name] != OK}


NOT_CHECKED = {"integrity": WARNING, "journal": WARNING, "mark": WARNING}


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_database(home: Path, database: Path, content: bytes) -> None:
    """It is said why no daemon starts on it; what needs a database is not checked."""
    database.write_bytes(content)
    before = traces(home)
    assert statuses(home) == {"database": FAILED, **NOT_CHECKED}
    assert traces(home) == before


def test_a_database_of_the_earlier_agentd(home: Path) -> None:
    """It is named, told what to do with, and left alone."""
    home.mkdir(mode=0o700)
    path = home / "agent_state.db"
    with closing(sqlite3.connect(path)) as connection:
        for table in ("global_tasks", "dag_nodes", "event_journal"):
            connection.execute(f"CREATE TABLE {table} (a)")
    path.chmod(0o600)
    before = traces(home)
    [(_, _, words), *_] = not_ok(home)
    assert "belongs to the earlier agentd written in Rust" in words
    assert traces(home) == before


def test_a_database_that_is_gone(home: Path, database: Path) -> None:
    """A mark or a WAL without its database is a loss, and no fresh machine."""
    crash(database)
    database.unlink()
    assert statuses(home) == {"database": FAILED, **NOT_CHECKED}
    database.with_name("agent_state.db-wal").unlink()
    assert statuses(home) == {"mark": FAILED}
    mark_path(database).unlink()
    assert statuses(home) == {}


def test_a_database_that_is_a_directory(home: Path) -> None:
    """Nobody can open that."""
    (home / "agent_state.db").mkdir(parents=True)
    home.chmod(0o700)
    assert statuses(home) == {"database": FAILED, **NOT_CHECKED}


def test_a_second_name(home: Path, database: Path) -> None:
    """A database with two names has two WALs, one of which is lost."""
    (home.parent / "other.db").hardlink_to(database)
    [(status, what, words)] = not_ok(home)
    assert (status, what) == (WARNING, "database")
    assert "has 2 names" in words


def test_an_older_schema(home: Path) -> None:
    """The next start migrates it; its pages are checked, its rows cannot be read yet."""
    home.mkdir(mode=0o700)
    older = create_older(home / "agent_state.db")
    (home / "agent_state.db").chmod(0o600)
    assert statuses(home) == {"database": WARNING, "journal": WARNING}
    found = [each for each in examined(home) if each.what == "database"][-1]
    assert found.finding == f"schema {older}, and this agentd works with {LATEST}"
    needs = r"leaves a verified copy beside it, which takes 0\.\d MiB until it is"
    assert re.search(needs, found.advice)


@pytest.mark.usefixtures("database")
def test_copies_from_before_a_migration(home: Path) -> None:
    """Each is named with its size, the oldest schema first, and nothing is wrong with it."""
    assert told(home, "copy") == []
    for end in ("10", "9", "9-2", "x"):
        (home / f"agent_state.db.backup-schema-{end}").write_bytes(bytes(300_000))
    assert statuses(home) == {}
    assert told(home, "copy") == [
        f"{home}/agent_state.db.backup-schema-{end}, 0.3 MiB, from before a migration: "
        "remove it when all is well"
        for end in ("9", "9-2", "10")
    ]


def test_a_damaged_page(home: Path, database: Path) -> None:
    """SQLite's words for it, on one line each."""
    with closing(sqlite3.connect(database)) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'nodes_order'"
        [(root,)] = connection.execute(sql)
    overwrite(database, (root - 1) * 4096, b"\x55" * 4096)
    assert statuses(home)["integrity"] == FAILED
    assert told(home, "integrity")[0].startswith(f"Tree {root} page {root}: ")
    assert all("\n" not in words for words in told(home, "integrity"))


def test_a_changed_record_and_a_changed_row(home: Path, database: Path) -> None:
    """The first differences are told, each with its place."""
    tamper(
        database,
        "UPDATE journal SET payload = CAST('[]' AS BLOB) WHERE seq = 5",
        "UPDATE nodes SET status = 'FAILED' WHERE position > 2",
    )
    found = told(home, "journal")
    assert len(found) == 3
    assert found[0].startswith("seq 5 (task ")
    assert "status is 'FAILED'" in found[1]
    assert statuses(home) == {"journal": FAILED}


def test_a_mark_that_is_not_reached(home: Path, database: Path) -> None:
    """Acknowledged events that are gone are a failure, with the seq they went up to."""
    crash(database)
    database.with_name("agent_state.db-wal").unlink()
    assert statuses(home) == {"mark": FAILED}
    words = "the journal does not reach seq 84: acknowledged events are lost"
    assert told(home, "mark") == [words]


def test_what_was_lost_earlier(home: Path, database: Path) -> None:
    """It goes on saying so until a person removes the file."""
    mark_path(database).rename(lost_path(database))
    assert told(home, "mark") == [
        "none that can be read: the next write makes one",
        "acknowledged events up to seq 63 were lost before an earlier start",
    ]
    assert statuses(home) == {"mark": FAILED}
    lost_path(database).write_text("?")
    assert told(home, "mark")[1] == "acknowledged events were lost before an earlier start"
    lost_path(database).unlink()
    assert statuses(home) == {}


def test_a_large_wal(home: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A WAL that has grown beyond its bound has a reader that does not end."""
    crash(database)
    assert statuses(home) == {}
    monkeypatch.setattr(checks, "LARGE_WAL", 1000)
    assert statuses(home) == {"WAL": WARNING}


def test_an_old_sqlite(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SQLite that can lose data is a failure."""
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    [(status, what, words)] = not_ok(home)
    assert (status, what) == (FAILED, "SQLite")
    assert "SQLite 3.51.2 is older than 3.51.3" in words


def test_durability_is_read_back(
    home: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite keeps counts, not what it was told; with a WAL it is the database's own."""
    assert told(home, "durability") == ["journal_mode=wal, synchronous=FULL, as read back"]
    crash(database)
    assert told(home, "durability") == ["journal_mode=wal, synchronous=FULL, as read back"]
    monkeypatch.setattr(
        "agentd.store.sqlite.viewing.prepare_writer",
        lambda connection: connection.pragma("synchronous", "normal"),
    )
    assert told(home, "durability")[0].endswith("synchronous=NORMAL, as read back")


def test_a_database_behind_a_link(home: Path) -> None:
    """Marks and WAL are looked for where SQLite keeps them: beside the file."""
    home.mkdir(mode=0o700)
    real = home.parent / "elsewhere" / "real.db"
    create(real)
    crash(real)
    (home / "agent_state.db").symlink_to(real)
    assert not_ok(home) == []
    assert told(home, "mark")[0].startswith("the journal reaches seq 84")
    os.truncate(real.with_name("real.db-wal"), 100)
    assert statuses(home) == {"mark": FAILED}


def test_a_daemon_that_starts_meanwhile(
    home: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at a database that stood alone is repeated where it does so no longer."""
    looks: list[int] = []

    def look(_view: View, _pulse: object) -> list[str]:
        looks.append(len(looks))
        database.with_name("agent_state.db-wal").touch()
        return ["torn"] if len(looks) == 1 else []

    monkeypatch.setattr(View, "integrity", look)
    assert statuses(home) == {}
    assert len(looks) == 2
