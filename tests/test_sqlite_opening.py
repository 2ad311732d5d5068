"""Which files are opened as a database, which are refused, and that these are left as they are."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from agentd.errors import DatabaseRefused
from agentd.store.sqlite import SqliteStore, migrate
from agentd.store.sqlite.migrate import LATEST, MIGRATIONS, Migration
from tests.core import NOW, Core, spec


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


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in statements:
            connection.execute(sql)


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
    for name in (".new", ".new-wal", ".new-shm"):
        path.with_name(path.name + name).write_bytes(b"half of a database")
    SqliteStore.open(path, NOW).close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


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


# Files that are refused


def newer_schema(path: Path) -> None:
    create(path)
    run_sql(path, f"PRAGMA user_version = {LATEST + 1}")


def foreign(path: Path) -> None:
    run_sql(path, "CREATE TABLE bookmarks (url)")


def foreign_wal(path: Path) -> None:
    run_sql(path, "PRAGMA journal_mode = wal", "CREATE TABLE bookmarks (url)")


def foreign_without_tables(path: Path) -> None:
    run_sql(path, "PRAGMA user_version = 1")


def rust(path: Path) -> None:
    run_sql(
        path,
        "CREATE TABLE global_tasks (id TEXT PRIMARY KEY)",
        "CREATE TABLE dag_nodes (id TEXT PRIMARY KEY)",
        "CREATE TABLE event_journal (id TEXT PRIMARY KEY)",
    )


def corrupt_magic(path: Path) -> None:
    create(path)
    _overwrite(path, 0, b"SQLITE FORMAT 3!")


def corrupt_page_size(path: Path) -> None:
    create(path)
    _overwrite(path, 16, b"\x00\x03")


def corrupt_first_page(path: Path) -> None:
    create(path)
    _overwrite(path, 100, b"\xff" * 400)


def truncated(path: Path) -> None:
    create(path)
    path.write_bytes(path.read_bytes()[:-4096])


def truncated_in_a_page(path: Path) -> None:
    create(path)
    path.write_bytes(path.read_bytes()[:-1])


def truncated_header(path: Path) -> None:
    create(path)
    path.write_bytes(path.read_bytes()[:50])


def zero_length(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("shopping list: apples, pears\n" * 99)


def wal_alone(path: Path) -> None:
    path.with_name(path.name + "-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(4092))


def directory(path: Path) -> None:
    path.mkdir()


REFUSED: list[tuple[Callable[[Path], None], str]] = [
    (newer_schema, f"schema {LATEST + 1}, newer than the {LATEST}.*: upgrade agentd"),
    (foreign, "not agentd's: set AGENTD_DATABASE_URL"),
    (foreign_wal, "not agentd's: set AGENTD_DATABASE_URL"),
    (foreign_without_tables, "not agentd's: set AGENTD_DATABASE_URL"),
    (rust, "earlier agentd written in Rust.*set AGENTD_HOME or AGENTD_DATABASE_URL"),
    (corrupt_magic, "not a SQLite database, or its header is corrupt"),
    (corrupt_page_size, "corrupt"),
    (corrupt_first_page, "corrupt.*restore a copy"),
    (truncated, "corrupt: .* bytes where its header says .*; restore a copy"),
    (truncated_in_a_page, "corrupt: .* bytes where its header says .*; restore a copy"),
    (truncated_header, "not a SQLite database, or its header is corrupt"),
    (zero_length, r"empty \(0 bytes\).*restore a copy"),
    (text, "not a SQLite database"),
    (wal_alone, "is gone but .*-wal is still there: restore"),
    (directory, "cannot be read"),
]


@pytest.mark.parametrize(
    ("make", "words"), REFUSED, ids=[make.__name__ for make, _words in REFUSED]
)
def test_a_file_that_is_not_a_good_database_is_refused(
    path: Path, make: Callable[[Path], None], words: str
) -> None:
    """Such a file is refused in one line that says why, and unchanged byte for byte."""
    make(path)
    before = _contents(path.parent)
    with pytest.raises(DatabaseRefused, match=words) as refusal:
        SqliteStore.open(path, NOW)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert _contents(path.parent) == before


@pytest.mark.parametrize("make", [make for make, _words in REFUSED if make is not wal_alone])
def test_a_file_that_is_refused_is_not_read_either(
    path: Path, make: Callable[[Path], None]
) -> None:
    """Reading beside the daemon refuses the same files, and changes them as little."""
    make(path)
    before = _contents(path.parent)
    with pytest.raises(DatabaseRefused):
        SqliteStore.open_read_only(path)
    assert _contents(path.parent) == before


def test_reading_creates_nothing(path: Path) -> None:
    """There is nothing to read where there is no database, and then there still is none."""
    with pytest.raises(DatabaseRefused, match="no database at .*: start the daemon"):
        SqliteStore.open_read_only(path)
    assert list(path.parent.iterdir()) == []


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The database's directory is not made here."""
    with pytest.raises(DatabaseRefused, match="cannot be created"):
        SqliteStore.open(tmp_path / "missing" / "state.db", NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_exit_code_of_a_refused_database() -> None:
    """A refused database ends the program with an exit code of its own."""
    assert DatabaseRefused.exit_code == 5


def _overwrite(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


def _contents(directory: Path) -> dict[str, bytes | None]:
    return {
        str(file): file.read_bytes() if file.is_file() else None for file in directory.rglob("*")
    }
