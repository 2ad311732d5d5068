"""Which files are opened as a database, and how one is created and brought up to date."""

import sqlite3
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from agentd.errors import DatabaseRefused
from agentd.store.sql.migrations import Migration
from agentd.store.sql.tables.journal import TAIL
from agentd.store.sqlite import SqliteStore, migrate
from agentd.store.sqlite.migrate import LATEST, MIGRATIONS
from tests.core import NOW, Core, spec
from tests.databases import make_older


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent_state.db"


def create(path: Path) -> None:
    """A database of agentd's with something in it, closed."""
    core = Core(SqliteStore.open(path, NOW))
    core.register(*map(spec, range(200)))
    core.store.close()


def migrations(path: Path) -> list[tuple[int, str, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.execute("SELECT number, name, applied_at FROM migrations"))


# Databases that are opened


def test_a_database_that_is_not_there_is_created(path: Path) -> None:
    """A new database has every migration, recorded with its name and time, and no other file."""
    SqliteStore.open(path, NOW).close()
    assert migrations(path) == [(m.number, m.name, NOW) for m in MIGRATIONS]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_new_database_is_marked_as_agentds(path: Path) -> None:
    """The header says whose file it is and which schema it has."""
    SqliteStore.open(path, NOW).close()
    header = path.read_bytes()[:100]
    assert header[68:72] == b"aged"
    assert int.from_bytes(header[60:64]) == LATEST


def test_opening_again_migrates_nothing(path: Path) -> None:
    """A database that is up to date is not changed by opening it."""
    create(path)
    before = path.read_bytes()
    SqliteStore.open(path, NOW + 1).close()
    assert path.read_bytes() == before


def test_what_is_left_of_a_creation_that_was_killed_is_no_obstacle(path: Path) -> None:
    """A database that was never finished stands under another name and is thrown away."""
    for name in (".new-abcdefg_", ".new-abcdefg_-wal", ".new-abcdefg_-shm"):
        path.with_name(path.name + name).write_bytes(b"half of a database")
    SqliteStore.open(path, NOW).close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_is_somebody_elses_is_no_obstacle_either(path: Path) -> None:
    """A file that only looks like one of the database's own is left as it is."""
    theirs = path.with_name(f"{path.name}.new")
    theirs.write_text("notes")
    SqliteStore.open(path, NOW).close()
    assert theirs.read_text() == "notes"


def test_a_path_may_have_any_characters(tmp_path: Path) -> None:
    """What means something in a URI means nothing in a path."""
    directory = tmp_path / "a b?mode=rw#c%41é"
    directory.mkdir()
    create(directory / "state.db")
    store = SqliteStore.open_read_only(directory / "state.db")
    assert len(Core(store).journal()) == 201
    store.close()


def test_a_database_whose_wal_is_still_there_is_opened(path: Path, tmp_path: Path) -> None:
    """What a killed daemon had committed to the WAL is in the database."""
    core = Core(SqliteStore.open(path, NOW))
    core.register(spec(1))
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        copy.with_name(copy.name + suffix).write_bytes(source.read_bytes())
    core.store.close()
    store = SqliteStore.open(copy, NOW)
    assert len(Core(store).journal()) == 2
    store.close()


# Migrations


def test_only_missing_migrations_are_applied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older database gets what it lacks, recorded with the time of its own."""
    with monkeypatch.context() as older:
        older.setattr(migrate, "MIGRATIONS", MIGRATIONS[:1])
        SqliteStore.open(path, NOW).close()
    with pytest.raises(DatabaseRefused, match="start the daemon once"):
        SqliteStore.open_read_only(path)
    SqliteStore.open(path, NOW + 1).close()
    later = [(m.number, m.name, NOW + 1) for m in MIGRATIONS[1:]]
    assert migrations(path) == [(1, MIGRATIONS[0].name, NOW), *later]


def test_a_migration_is_applied_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails half-way leaves the schema of the one before it."""
    broken = Migration(LATEST + 1, "broken", "CREATE TABLE half (a); CREATE TABLE half (a);")
    monkeypatch.setattr(migrate, "MIGRATIONS", (*MIGRATIONS, broken))
    connection = apsw.Connection(":memory:")
    with pytest.raises(apsw.SQLError, match="half"):
        migrate.migrate(connection, NOW)
    assert migrate.schema_version(connection) == LATEST
    assert connection.execute("SELECT max(number) FROM migrations").get == LATEST
    assert not list(connection.execute("SELECT * FROM sqlite_schema WHERE name = 'half'"))
    connection.close()


def test_migrations_are_numbered_without_gaps() -> None:
    """The files of the migrations are numbered from 1 on."""
    assert [migration.number for migration in MIGRATIONS] == list(range(1, LATEST + 1))


def test_what_was_told_is_found_in_an_older_database(path: Path) -> None:
    """The index of what contexts show is made of what is there already, and the query uses it."""
    core = Core(SqliteStore.open(path, NOW))
    task_id = core.register(spec(1), spec(2))
    core.do("CompleteNode", **core.hold(task_id).params, result_payload="done")
    core.store.close()
    make_older(path, 4)
    core = Core(SqliteStore.open(path, NOW))
    [event] = core.do("AcquireNextNode", task_id=task_id)["context"]["event_journal"]
    assert event["payload"] == {"result": "done"}
    core.store.close()
    with closing(sqlite3.connect(path)) as connection:
        asked = connection.execute(f"EXPLAIN QUERY PLAN {TAIL}", ("", 0, 0)).fetchall()
    assert [step[3] for step in asked] == [
        "SEARCH journal USING INDEX journal_stream (task_id=? AND visibility=? AND version<?)"
    ]
