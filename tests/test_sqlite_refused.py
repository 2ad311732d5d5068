"""Which files are refused where a database is expected, and that they are left as they are."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agentd.errors import DatabaseRefused
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.header import ANEW
from agentd.store.sqlite.migrate import LATEST
from tests.core import NOW, Core, spec

OPEN: dict[str, Callable[[Path], SqliteStore]] = {
    "for writing": lambda path: SqliteStore.open(path, NOW),
    "for reading": SqliteStore.open_read_only,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent_state.db"


def create(path: Path) -> None:
    """Make a database of agentd's with something in it, closed."""
    core = Core(SqliteStore.open(path, NOW))
    core.register(*map(spec, range(200)))
    core.store.close()


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql in statements:
            connection.execute(sql)


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
    (rust, "earlier agentd written in Rust.*`agentd import-database PATH`"),
    (corrupt_magic, f"not a SQLite database, or its header is corrupt.*{ANEW}"),
    (corrupt_page_size, "corrupt"),
    (corrupt_first_page, f"corrupt.*{ANEW}"),
    (truncated, f"corrupt: .* bytes where its header says .*; {ANEW}"),
    (truncated_in_a_page, f"corrupt: .* bytes where its header says .*; {ANEW}"),
    (truncated_header, f"not a SQLite database, or its header is corrupt.*{ANEW}"),
    (zero_length, rf"empty \(0 bytes\).*{ANEW}"),
    (text, "not a SQLite database"),
    (wal_alone, "is gone but .*-wal is still there: restore"),
    (directory, "cannot be read"),
]

each_refused = pytest.mark.parametrize(
    ("make", "words"), REFUSED, ids=[make.__name__ for make, _words in REFUSED]
)


@each_refused
def test_a_file_that_is_not_a_good_database_is_refused(
    path: Path, make: Callable[[Path], None], words: str
) -> None:
    """Such a file is refused in one line that says which file it is and why."""
    make(path)
    with pytest.raises(DatabaseRefused, match=words) as refusal:
        SqliteStore.open(path, NOW)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("way", OPEN)
@pytest.mark.parametrize("make", [make for make, _words in REFUSED])
def test_a_file_that_is_refused_is_unchanged(
    path: Path, make: Callable[[Path], None], way: str
) -> None:
    """Byte for byte, a refused file and what stood beside it are as they were."""
    make(path)
    before = _contents(path.parent)
    with pytest.raises(DatabaseRefused):
        OPEN[way](path)
    after = _contents(path.parent)
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize("way", OPEN)
@pytest.mark.parametrize("make", [make for make, _words in REFUSED])
def test_nothing_is_left_beside_a_file_that_is_refused(
    path: Path, make: Callable[[Path], None], way: str
) -> None:
    """Looking at a file that is refused leaves no file of its own behind."""
    make(path)
    before = sorted(_contents(path.parent))
    with pytest.raises(DatabaseRefused):
        OPEN[way](path)
    assert sorted(_contents(path.parent)) == before


def test_reading_creates_nothing(path: Path) -> None:
    """There is nothing to read where there is no database, and then there still is none."""
    with pytest.raises(DatabaseRefused, match=r"no database at .*: start the daemon"):
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
