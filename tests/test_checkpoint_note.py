"""Which database file a WAL belongs to: it is laid over no other, and over that one always."""

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentd.database_files import note_path
from agentd.errors import DatabaseRefused, StorageError, SyncFailed
from agentd.store import sqlite
from agentd.store.sqlite import SqliteStore, checkpoint_note
from agentd.store.sqlite.aside import files_set_aside
from agentd.store.sqlite.checkpoint_note import has_foreign_wal, read_note
from agentd.store.sqlite.copying import settle_wal
from tests.core import NOW, Core
from tests.daemon_process import REPOSITORY
from tests.databases import create


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent_state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store that is open, with two tasks."""
    with closing(SqliteStore.open(path, NOW)) as opened:
        core = Core(opened)
        core.register()
        core.register()
        yield opened


@pytest.fixture
def killed(path: Path, store: SqliteStore) -> Path:
    """What is left when the process dies: both tasks are in the WAL only."""
    die(store)
    return path


def die(store: SqliteStore) -> None:
    """Leave everything as it is."""
    store.failure = SyncFailed()
    store.close()


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def tasks(path: Path) -> int:
    """How many tasks the next start finds."""
    with closing(SqliteStore.open(path, NOW)) as store:
        return len(Core(store).journal())


# A WAL belongs to one file


def put(path: Path, contents: bytes) -> None:
    """Put another file in its place."""
    other = path.with_name("other")
    other.write_bytes(contents)
    other.replace(path)


def write_over(path: Path, contents: bytes) -> None:
    """Write other contents into it."""
    path.write_bytes(contents)


@pytest.mark.parametrize("replace", [put, write_over])
def test_a_wal_beside_another_database(
    killed: Path, tmp_path: Path, replace: Callable[[Path, bytes], None]
) -> None:
    """It is set aside, whole, and the start finds what that database holds."""
    wal = wal_of(killed).read_bytes()
    create(tmp_path / "x" / "other.db", tasks=1, nodes=4)
    replace(killed, (tmp_path / "x" / "other.db").read_bytes())
    assert has_foreign_wal(killed)
    assert tasks(killed) == 5
    [aside] = files_set_aside(killed)
    assert (aside.name, aside.read_bytes()) == ("agent_state.db-wal.foreign", wal)


def test_a_wal_beside_its_database(killed: Path) -> None:
    """It is laid over it."""
    assert not has_foreign_wal(killed)
    assert tasks(killed) == 2
    assert files_set_aside(killed) == []


@pytest.mark.parametrize("refused", [lambda _: b"another", lambda contents: contents[:-4096]])
def test_a_database_that_is_refused(killed: Path, refused: Callable[[bytes], bytes]) -> None:
    """It does not cost the one that was there its WAL, which may come back to it."""
    kept = killed.rename(killed.with_name("kept"))
    killed.write_bytes(refused(kept.read_bytes()))
    with pytest.raises(DatabaseRefused):
        SqliteStore.open(killed, NOW)
    kept.replace(killed)
    assert tasks(killed) == 2
    assert files_set_aside(killed) == []


@pytest.mark.parametrize("dates", [shutil.copy, shutil.copy2])
def test_files_that_came_together(
    killed: Path, tmp_path: Path, dates: Callable[[Path, Path], object]
) -> None:
    """A home that was copied has other inodes and perhaps other dates, and belongs together."""
    there = tmp_path / "there"
    there.mkdir()
    for file in killed.parent.glob("agent_state.db*"):
        dates(file, there / file.name)
    assert tasks(there / killed.name) == 2


def test_a_copy_with_its_dates(killed: Path) -> None:
    """The same contents with the same date are the same database, whatever the inode."""
    copy = killed.with_name("copy")
    shutil.copy2(killed, copy)
    copy.replace(killed)
    assert tasks(killed) == 2


def test_without_a_note(killed: Path) -> None:
    """Where nothing is known of it, as an earlier agentd or a copy leaves it, it is believed."""
    note_path(killed).unlink()
    put(killed, killed.read_bytes())
    assert tasks(killed) == 2


def test_the_note_of_an_earlier_agentd(killed: Path) -> None:
    """It says how far the WAL was copied, and nothing of the file."""
    note = read_note(killed)
    assert note is not None
    note_path(killed).write_text(f"{note.salts or '-':16} {0:020d}\n")
    read = read_note(killed)
    assert read is not None
    assert (read.frames, read.stamp) == (0, None)
    put(killed, killed.read_bytes())
    assert tasks(killed) == 2
    assert files_set_aside(killed) == []


def test_a_note_that_is_torn(killed: Path) -> None:
    """Whatever is wrong with it, it is no note; the file is kept, for it may be somebody's."""
    whole = note_path(killed).read_bytes()
    for place in range(38, len(whole) - 1):  # the beginning is what an earlier agentd checked
        torn = bytearray(whole)
        torn[place] ^= 0x01
        note_path(killed).write_bytes(torn)
        assert read_note(killed) is None, torn
    assert tasks(killed) == 2
    assert [file.name for file in files_set_aside(killed)] == ["agent_state.db.copied.damaged"]


OTHER_PROGRAM = """
import sqlite3, sys
from pathlib import Path
from agentd.store.sqlite.checkpoint_note import has_foreign_wal
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute(f"PRAGMA wal_checkpoint({sys.argv[2]})").fetchall()
other.close()
sys.exit(has_foreign_wal(Path(sys.argv[1])))
"""


def copied_by_another(path: Path, mode: str) -> bool:
    """Another program copies the WAL into the database; whether a look finds that it fits."""
    command = [sys.executable, "-c", OTHER_PROGRAM, str(path), mode]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode == 0


@pytest.mark.parametrize("mode", ["PASSIVE", "TRUNCATE"])
@pytest.mark.parametrize("goes_on", [False, True])
def test_a_wal_that_another_program_has_copied(
    path: Path, store: SqliteStore, mode: str, *, goes_on: bool
) -> None:
    """That is no other database: the store goes on, and so does the start after a kill."""
    assert copied_by_another(path, mode)
    if goes_on:
        Core(store).register()
    die(store)
    assert tasks(path) == 2 + goes_on
    assert files_set_aside(path) == []


def test_a_wal_that_another_program_has_copied_and_then_emptied(
    path: Path, store: SqliteStore
) -> None:
    """As a program does that replicates databases: nothing is missing, and the store goes on."""
    assert copied_by_another(path, "PASSIVE")
    store.check_files()
    assert copied_by_another(path, "TRUNCATE")
    Core(store).register()
    die(store)
    assert tasks(path) == 3
    assert files_set_aside(path) == []


def test_what_another_program_has_copied_is_noted_on_the_disk(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next write begins the WAL anew, which tells no more how the database became so."""
    on_disk: list[object] = []
    monkeypatch.setattr(checkpoint_note, "_sync", lambda _: on_disk.append(read_note(path)))
    assert copied_by_another(path, "RESTART")
    Core(store).register()
    found = read_note(path)
    assert found is not None
    assert found.stamp is not None
    assert found.stamp.matches(path.stat())
    assert on_disk == [found]


def test_files_that_were_away(path: Path, store: SqliteStore) -> None:
    """What was saved meanwhile is noted when they are back, before the WAL begins anew."""
    away = path.rename(path.with_name("away"))
    with pytest.raises(StorageError):
        store.check_files()
    away.replace(path)
    Core(store).register()
    die(store)
    assert tasks(path) == 3
    assert files_set_aside(path) == []


def test_a_note_that_cannot_be_written(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk there is none, rather than an older one that says what is wrong by now."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 0)
    with monkeypatch.context() as patch:
        patch.setattr("agentd.store.sqlite.checkpoint_note.os.pwrite", refuse)
        store.checkpoint()
        Core(store).register()
        die(store)
    assert tasks(path) == 3
    assert files_set_aside(path) == []


def test_a_power_cut_while_it_is_copied(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is half written is like none that ever was; the WAL is laid over it."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 0)
    before = {file: file.read_bytes() for file in (path, wal_of(path))}
    on_disk = [note_path(path).read_bytes()]
    monkeypatch.setattr(
        checkpoint_note, "_sync", lambda _: on_disk.append(note_path(path).read_bytes())
    )
    store.checkpoint()
    copied = path.read_bytes()
    die(store)
    for file, contents in before.items():
        file.write_bytes(contents)
    pages = range(0, len(before[path]), 4096)
    halves = [(slice(page, page + 2048), slice(page + 2048, page + 4096)) for page in pages]
    torn = next(pair for pair in halves if all(copied[half] != before[path][half] for half in pair))
    with path.open("r+b") as database:
        database.seek(torn[0].start)
        database.write(copied[torn[0]])
    note_path(path).write_bytes(on_disk[-2])
    assert tasks(path) == 2
    assert files_set_aside(path) == []


def test_copied_by_turns(path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies it, and however often it begins anew, it fits at every moment."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 1)
    core = Core(store)
    for number in range(6):
        core.register(*[{}] * 50)
        if number % 3:
            store.checkpoint()
        assert copied_by_another(path, ["RESTART", "NOOP"][number % 2])
    die(store)
    assert tasks(path) == 2 + 6 * 51
    assert files_set_aside(path) == []


@pytest.mark.parametrize("replace", [put, write_over])
def test_a_restore_over_a_wal_that_belongs_to_another(
    killed: Path, tmp_path: Path, replace: Callable[[Path, bytes], None]
) -> None:
    """What is put aside is put aside without it."""
    create(tmp_path / "x" / "other.db", tasks=1, nodes=4)
    replace(killed, (tmp_path / "x" / "other.db").read_bytes())
    settle_wal(killed)
    assert [file.name for file in files_set_aside(killed)] == ["agent_state.db-wal.foreign"]
    assert tasks(killed) == 5
