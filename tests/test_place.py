"""What a store does when its files are no longer its own, who may open one, and what is kept."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, Self

import pytest

from agentd.database_files import mark_path, note_path
from agentd.errors import AlreadyRunning, StorageError, SyncFailed
from agentd.store import sqlite
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.aside import DAMAGED, FOREIGN, files_set_aside, set_aside
from agentd.store.sqlite.checkpoint_note import read_note
from agentd.store.sqlite.checkpointing import set_aside_damaged
from agentd.store.sqlite.claim import Claim, is_claimed
from agentd.store.sqlite.mark import read_mark
from agentd.store.sqlite.untouched import count_whole_frames
from tests.core import NOW, Core, Ids, record_drafts, registration
from tests.databases import traces

SHORT = 4_096
"""Bytes: less than a frame of a WAL."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "agent_state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store that is open, with one task."""
    path.parent.mkdir()
    with closing(SqliteStore.open(path, NOW)) as opened:
        Core(opened).register()
        yield opened


def beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def tasks(path: Path) -> int:
    """How many tasks the next start finds."""
    with closing(SqliteStore.open(path, NOW)) as store:
        return len(Core(store).journal())


# Files that are no longer ours


def test_a_wal_that_is_removed_within_a_write(path: Path, store: SqliteStore) -> None:
    """The outcome is unknown, and said to be; the next write is refused; all of it is saved."""

    def write() -> None:
        with store.write() as tx:
            beside(path, "-wal").unlink()
            record_drafts(tx, 1, registration(1), new_id=Ids())

    with pytest.raises(StorageError, match="is unknown: repeat it"):
        write()
    with pytest.raises(StorageError, match="-wal was moved, removed or replaced"):
        write()
    store.failure = SyncFailed()  # it has no other chance to save anything
    store.close()
    assert tasks(path) == 2


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_nothing_is_touched_that_is_not_ours(
    path: Path, store: SqliteStore, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where other files have the names by now, neither a copy nor the end changes one of them."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 0)
    monkeypatch.setattr(sqlite, "TRUNCATE_BYTES", 0)
    path.parent.rename(path.parent.with_name("away"))
    path.parent.mkdir()
    for name in ("", "-wal", "-shm", ".copied", ".mark"):
        beside(path, name).write_bytes(b"of another daemon")
    beside(path, end).unlink()
    before = traces(path.parent)
    with pytest.raises(StorageError):
        store.checkpoint()
    store.close()
    assert traces(path.parent) == before
    assert tasks(path.parent.with_name("away") / path.name) == 1


def test_an_end_beside_another_database(path: Path, store: SqliteStore) -> None:
    """The WAL is kept from it, under a name that nothing has."""
    beside(path, "-wal.foreign").write_text("an earlier one")
    path.unlink()
    path.write_text("another database")
    store.close()
    assert path.read_text() == "another database"
    assert [file.name for file in files_set_aside(path)] == [
        "agent_state.db-wal.foreign",
        "agent_state.db-wal.foreign-2",
    ]
    assert beside(path, "-wal.foreign").read_text() == "an earlier one"
    assert not beside(path, "-wal").exists()
    assert not beside(path, "-shm").exists()


@pytest.mark.parametrize("kept", [0, 1])
def test_a_wal_that_is_cut_off(path: Path, store: SqliteStore, kept: int) -> None:
    """Nothing is written behind what is gone, and the next start says what is missing."""
    size = beside(path, "-wal").stat().st_size
    Core(store).register()
    os.truncate(beside(path, "-wal"), kept * size)
    with pytest.raises(StorageError, match="-wal was cut off under the daemon"):
        Core(store).register()
    store.close()
    with closing(SqliteStore.open(path, NOW)) as again:
        assert again.lost is not None
        assert again.lost.seq == 2
        assert len(Core(again).journal()) == kept
    assert files_set_aside(path) == []


def test_a_wal_that_another_program_may_empty(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all of it is in the database, nothing is gone with it."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 0)
    store.checkpoint()
    os.truncate(beside(path, "-wal"), 0)
    Core(store).register()
    store.close()
    assert tasks(path) == 2


def test_another_database_that_is_copied_over(path: Path, store: SqliteStore) -> None:
    """It is noticed though the file is the same, and left as it is."""
    other = path.with_name("other.db")
    SqliteStore.open(other, NOW).close()
    contents = other.read_bytes()[:-4096]
    path.write_bytes(contents)
    with pytest.raises(StorageError, match="was copied over"):
        Core(store).register()
    store.close()
    assert path.read_bytes() == contents
    assert [file.name for file in files_set_aside(path)] == ["agent_state.db-wal.foreign"]


# One process for a file


def test_a_file_is_claimed_once(path: Path, store: SqliteStore) -> None:
    """Under another name it is the same file, as long as it is open; then it is free."""
    link = path.with_name("link.db")
    link.hardlink_to(path)
    with pytest.raises(AlreadyRunning, match=f"works on the file {link}"):
        SqliteStore.open(link, NOW)
    store.close()
    link.unlink()
    assert tasks(path) == 1


def test_a_claim_that_is_looked_at(path: Path) -> None:
    """It is seen without being tried, and gone when it is given back."""
    path.parent.mkdir()
    assert not is_claimed(path)
    path.touch()
    assert not is_claimed(path)
    claim = Claim(path)
    assert is_claimed(path)
    assert path.read_bytes() == b""  # which opens and closes it
    assert is_claimed(path)
    claim.release()
    assert not is_claimed(path)


def test_a_system_without_such_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file cannot be claimed, the lock beside it has to do."""

    def refuse(*_arguments: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    path.parent.mkdir()
    path.touch()
    with monkeypatch.context() as patch:
        patch.setattr("agentd.store.sqlite.claim.fcntl.fcntl", refuse)
        Claim(path).release()
        assert not is_claimed(path)


# What is kept


def test_a_mark_that_is_somebodys_file(path: Path, tmp_path: Path) -> None:
    """What has the mark's or the note's name and is none is kept as it was, a link's end too."""
    path.parent.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    mark_path(path).write_text("school marks\n" * 9)
    note_path(path).symlink_to(victim)
    with closing(SqliteStore.open(path, NOW)) as store:
        Core(store).register()
    assert read_mark(mark_path(path)) is not None
    assert victim.read_text() == "precious"
    kept, link = beside(path, ".mark.damaged"), beside(path, ".copied.damaged")
    assert files_set_aside(path) == [link, kept]
    assert kept.read_text() == "school marks\n" * 9
    assert link.is_symlink()


def test_a_name_aside_is_never_anothers(path: Path) -> None:
    """However often something is set aside, nothing takes the place of what was before."""
    path.parent.mkdir()
    wal = beside(path, "-wal")
    for number in range(3):
        wal.write_text(str(number))
        set_aside(wal, DAMAGED)
    (path.parent / "agent_state.db-wal.foreign.txt").touch()
    assert [file.read_text() for file in files_set_aside(path)] == ["0", "1", "2"]
    assert FOREIGN not in {file.suffix for file in files_set_aside(path)}


# A start after a kill


class Read:
    """A file that adds what is read of it to a list, in bytes."""

    def __init__(self, file: IO[Any], sizes: list[int]) -> None:
        self._file = file
        self._sizes = sizes

    def read(self, size: int = -1) -> bytes:
        """As the file does."""
        data: bytes = self._file.read(size)
        self._sizes.append(len(data))
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes of a WAL Python reads, piece by piece."""
    opened, sizes = Path.open, list[int]()

    def open_(path: Path, *arguments: Any, **named: Any) -> Any:
        file = opened(path, *arguments, **named)
        return Read(file, sizes) if path.name.endswith("-wal") else file

    monkeypatch.setattr(Path, "open", open_)
    return sizes


def test_a_long_wal_is_checked_by_sqlite(
    path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    """Its checksums are not counted in Python, which takes 50 s for a GiB."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 0)
    found: list[int] = []
    for nodes in (10, 1_000):
        Core(store).register(*[{}] * nodes)
        store.checkpoint()
        left = Path(shutil.copytree(path.parent, path.parent.with_name(f"left{nodes}")))
        found.append(count_whole_frames(left / path.name))
        note = read_note(left / path.name)
        assert note is not None
        assert found[-1] == note.frames
        sizes.clear()
        set_aside_damaged(left / path.name)
        assert 0 < sum(sizes) < SHORT
    assert found[1] > 5 * found[0]
