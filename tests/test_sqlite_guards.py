"""What keeps the database safe and its log small: the SQLite that is used, and readers' turns."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from agentd.errors import DatabaseRefused
from agentd.store.sqlite import SqliteStore
from tests.core import NOW, Core, open_sqlite
from tests.daemon_process import PATIENCE_SECONDS

LIMIT = 256 * 1024
"""Bytes of WAL at which these tests have it truncated; agentd's own is 32 MiB, of 64 allowed."""

TURN = 0.2
"""Seconds that a reader waits here for its turn, where it has to wait in vain."""

LONG_TURN = 60.0
"""Seconds in which it goes on at once, however busy the machine is."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    """A store with small limits."""
    monkeypatch.setattr("agentd.store.sqlite.CHECKPOINT_PAGES", 10)
    monkeypatch.setattr("agentd.store.sqlite.TRUNCATE_BYTES", LIMIT)
    monkeypatch.setattr("agentd.store.sqlite.TURN_SECONDS", TURN)
    opened = open_sqlite(tmp_path)
    yield opened
    opened.close()


def write(core: Core, size: int = 20_000) -> None:
    """Register a task of about that many bytes."""
    core.do("RegisterTask", goal="g", context="x" * size)


def waited(store: SqliteStore) -> float:
    """Return the seconds that a reader waits for its turn."""
    began = time.monotonic()
    store.wait_for_turn()
    return time.monotonic() - began


# The SQLite that is used


@pytest.mark.parametrize("version", ["3.51.2", "3.50.4", "3.9.9", "2.99.99"])
def test_an_old_sqlite_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """A SQLite that can lose data is refused in one line, and no file is made."""
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    with pytest.raises(DatabaseRefused) as refusal:
        SqliteStore.open(tmp_path / "a.db", NOW)
    message = str(refusal.value)
    assert f"SQLite {version} is older than 3.51.3" in message
    assert "install a newer apsw" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_an_old_sqlite_does_not_read_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is there is refused as well, to readers too."""
    open_sqlite(tmp_path).close()
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    for opening in (SqliteStore.open_read_only, SqliteStore.open_existing):
        with pytest.raises(DatabaseRefused, match=r"SQLite 3\.51\.2 is older"):
            opening(tmp_path / "agent_state.db")


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "3.100.0", "4.0.0"])
def test_a_newer_sqlite_is_welcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Versions are compared as numbers, and the oldest one allowed is allowed."""
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    SqliteStore.open(tmp_path / "a.db", NOW).close()


# Turns


def test_readers_do_not_wait_without_a_reason(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the WAL is small, and after it was truncated, a reader begins at once."""
    monkeypatch.setattr("agentd.store.sqlite.TURN_SECONDS", LONG_TURN)
    core = Core(store)
    assert waited(store) < LONG_TURN
    for _ in range(20):
        write(core)
    assert store.checkpoint()
    assert waited(store) < LONG_TURN


def test_readers_wait_for_the_truncation(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a reader is in the way of it new ones wait; when it is done they go on at once."""
    core = Core(store)
    with store.read() as reader:
        reader.last_seq()
        for _ in range(20):
            write(core)
        assert not store.checkpoint()
        assert waited(store) >= TURN
    monkeypatch.setattr("agentd.store.sqlite.TURN_SECONDS", LONG_TURN)
    done: list[float] = []
    thread = threading.Thread(target=lambda: done.append(waited(store)))
    thread.start()
    assert store.checkpoint()
    thread.join(PATIENCE_SECONDS)
    assert done
    assert done[0] < LONG_TURN
    assert (tmp_path / "agent_state.db-wal").stat().st_size == 0


def test_readers_wait_no_longer_than_a_turn(store: SqliteStore) -> None:
    """A reader that never ends holds the others up for a turn, and they read nevertheless."""
    core = Core(store)
    with store.read() as stuck:
        before = stuck.last_seq()
        for _ in range(20):
            write(core)
        assert not store.checkpoint()
        assert TURN <= waited(store) < 100 * TURN
        with store.read() as reader:
            assert reader.last_seq() == before + 20
        assert stuck.last_seq() == before


def started(threads: list[threading.Thread]) -> None:
    """Start them all."""
    for thread in threads:
        thread.start()


def ended(threads: list[threading.Thread]) -> None:
    """Wait for the end of them all."""
    for thread in threads:
        thread.join(PATIENCE_SECONDS)


def test_the_wal_stays_small_under_readers_that_overlap(store: SqliteStore, tmp_path: Path) -> None:
    """With somebody reading at every moment the WAL still does not grow without end."""
    core, wal = Core(store), tmp_path / "agent_state.db-wal"
    over, reads, sizes = threading.Event(), [0] * 3, list[int]()

    def keep_reading(number: int) -> None:
        while not over.is_set():
            store.wait_for_turn()
            with store.read() as reader:
                assert len(list(reader.journal(limit=20))) == 20
                over.wait(0.004 * (number + 1))  # they end at different moments
                reads[number] += 1

    for _ in range(20):
        write(core)
        store.checkpoint()
    threads = [threading.Thread(target=keep_reading, args=(number,)) for number in range(3)]
    started(threads)
    while len(sizes) < 400 or min(reads) <= 10:
        write(core, 8_000)
        before, done = sum(reads), store.checkpoint()
        sizes.append(wal.stat().st_size)
        while not done and sum(reads) == before:  # who reads may have to wait for a processor
            assert all(thread.is_alive() for thread in threads)
            time.sleep(0.002)
    over.set()
    ended(threads)
    assert sizes.count(0) > 2
    # About twice its limit; on a busy machine more is written while the readers come to their end.
    assert max(sizes) < 4 * LIMIT, max(sizes)
