"""The write-ahead log: when it is copied into the database, and that nobody waits for it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.store.sqlite import SqliteStore
from tests.core import Core, open_sqlite

AT_ONCE_SECONDS = 5.0
"""Far more than a checkpoint of some pages takes, far less than a lock is waited for here."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_sqlite(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def core(store: SqliteStore) -> Core:
    return Core(store)


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    return tmp_path / "agent_state.db-wal"


@pytest.fixture
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WAL of one page counts as grown, one of 64 KiB as too large; locks are waited for long."""
    monkeypatch.setattr("agentd.store.sqlite.opening.BUSY_MS", 5_000)
    monkeypatch.setattr("agentd.store.sqlite.CHECKPOINT_PAGES", 1)
    monkeypatch.setattr("agentd.store.sqlite.TRUNCATE_BYTES", 64 * 1024)


def write(core: Core) -> None:
    """Register a task of 100 nodes: some 100 KiB of WAL."""
    core.register(*[{}] * 100)


def test_a_small_wal_is_left_alone(store: SqliteStore, core: Core, wal: Path) -> None:
    """Not every commit pays for a checkpoint."""
    write(core)
    before = wal.read_bytes()
    store.checkpoint()
    assert wal.read_bytes() == before


@pytest.mark.usefixtures("_small_limits")
def test_a_grown_wal_gives_its_space_back(store: SqliteStore, core: Core, wal: Path) -> None:
    """A WAL that has become too large is truncated, and nothing of it is lost."""
    write(core)
    assert wal.stat().st_size > 64 * 1024
    store.checkpoint()
    assert wal.stat().st_size == 0
    assert len(core.journal()) == 101


@pytest.mark.usefixtures("_small_limits")
def test_a_wal_does_not_grow_for_ever(store: SqliteStore, core: Core, wal: Path) -> None:
    """With a checkpoint behind every commit the WAL stays as large as a few commits."""
    sizes = []
    for _commit in range(20):
        write(core)
        store.checkpoint()
        sizes.append(wal.stat().st_size)
    assert max(sizes) < 256 * 1024


@pytest.mark.usefixtures("_small_limits")
def test_a_checkpoint_does_not_wait_for_a_reader(store: SqliteStore, core: Core, wal: Path) -> None:
    """While somebody reads, the writer goes on at once; the space is given back afterwards."""
    write(core)
    with store.read() as reader:
        assert reader.last_seq() == 101
        write(core)
        started = time.monotonic()
        store.checkpoint()
        assert time.monotonic() - started < AT_ONCE_SECONDS
        assert reader.last_seq() == 101
    store.checkpoint()
    assert wal.stat().st_size == 0
