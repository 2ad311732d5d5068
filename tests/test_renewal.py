"""What a start does with the WAL of a daemon that was killed, or stopped over a failed fsync."""

import errno
import os
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from agentd.errors import DatabaseRefused, DiskFailed
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.opening import open_for_writing
from agentd.store.sqlite.place import DatabasePlace
from tests.core import NOW, Core, open_sqlite


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The database of a daemon that was killed: some records are in the WAL only."""
    alive = tmp_path / "alive"
    alive.mkdir()
    store = open_sqlite(alive)
    core = Core(store)
    for _ in range(20):
        core.register({}, {})
    home = tmp_path / "killed"
    home.mkdir()
    for name in ("agent_state.db", "agent_state.db-wal"):
        shutil.copy(alive / name, home)
    store.close()
    return home / "agent_state.db"


def wal_of(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def test_the_wal_is_written_again(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte of the WAL is written and synced again before one of them is copied."""
    wal, database = wal_of(killed).read_bytes(), killed.read_bytes()
    written = bytearray(len(wal))
    steps: list[str] = []
    pwrite, fsync = os.pwrite, os.fsync

    def noting_pwrite(file: int, data: bytes, at: int) -> int:
        if "sync" not in steps:  # what is written after it is not the WAL
            steps.append("write")
            written[at : at + len(data)] = data
        return pwrite(file, data, at)

    def noting_fsync(file: int) -> None:
        steps.append("sync")
        assert killed.read_bytes() == database
        fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr("agentd.store.sqlite.renewal.os.pwrite", noting_pwrite)
        patch.setattr("agentd.store.sqlite.renewal.os.fsync", noting_fsync)
        patch.setattr("agentd.store.sqlite.renewal._PIECE", 10_000)
        with closing(DatabasePlace.claimed(killed)) as place:
            open_for_writing(place, NOW).close()
    assert bytes(written) == wal
    assert steps == ["write"] * -(-len(wal) // 10_000) + ["sync"]
    assert killed.read_bytes() != database


def test_a_disk_that_fails_again(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the fsync fails again, nothing is copied and the WAL stays for the next start."""
    wal, database = wal_of(killed).read_bytes(), killed.read_bytes()

    def fail(_file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("agentd.store.sqlite.renewal.os.fsync", fail)
        with pytest.raises(DiskFailed, match="check the disk"):
            SqliteStore.open(killed, NOW)
    assert (wal_of(killed).read_bytes(), killed.read_bytes()) == (wal, database)
    store = SqliteStore.open(killed, NOW)
    assert len(Core(store).journal()) == 60
    store.close()


def test_a_reader_does_not_prevent_a_start(tmp_path: Path) -> None:
    """A program that still reads an older state lets the daemon start; its state stays as it is."""
    store = open_sqlite(tmp_path)
    core = Core(store)
    core.register()
    reader = apsw.Connection(str(tmp_path / "agent_state.db"), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    count = "SELECT count(*) FROM journal"
    assert reader.execute(count).get == 1
    core.register()
    store.close()
    again = open_sqlite(tmp_path)
    assert len(Core(again).journal()) == 2
    assert reader.execute(count).get == 1
    again.close()
    reader.close()


def test_another_writer_prevents_a_start(killed: Path) -> None:
    """While another program writes, the daemon does not start, and says why."""
    writer = apsw.Connection(str(killed))
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseRefused, match="another program has locked it"):
        SqliteStore.open(killed, NOW)
    writer.execute("ROLLBACK")
    writer.close()
    SqliteStore.open(killed, NOW).close()


def test_a_whole_database_needs_no_renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a clean stop there is no WAL, and nothing is written again."""
    open_sqlite(tmp_path).close()
    monkeypatch.setattr("agentd.store.sqlite.renewal.os.fsync", None)
    open_sqlite(tmp_path).close()
