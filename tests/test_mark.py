"""The high-water mark: what was acknowledged and is gone is not gone unnoticed."""

import contextlib
from pathlib import Path

import apsw
import pytest

from agentd.database_files import lost_path, mark_path
from agentd.errors import SyncFailed
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.mark import Mark, read_mark
from tests.core import NOW, Core, open_sqlite, record_drafts, registration


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "agent_state.db"


def written(database: Path, tasks: int = 3) -> list[Mark]:
    """The marks of a journal of so many tasks without nodes: one record each."""
    store = open_sqlite(database.parent)
    core = Core(store)
    for _ in range(tasks):
        core.register()
    marks = [Mark(recorded.seq, recorded.hash) for recorded in core.journal()]
    store.close()
    return marks


def shorten(database: Path, sql: str = "DELETE FROM journal WHERE seq = 3") -> None:
    """Change the journal behind agentd's back."""
    connection = apsw.Connection(str(database))
    for trigger in ("journal_no_delete", "journal_no_update"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute(sql)
    connection.close()


def reopened(database: Path) -> Mark | None:
    """What the next start finds lost."""
    store = SqliteStore.open(database, NOW)
    store.close()
    return store.lost


def test_a_commit_moves_the_mark(database: Path) -> None:
    """After a write the mark is the last record's place and hash, before anybody is answered."""
    store = open_sqlite(database.parent)
    core = Core(store)
    for _ in range(3):
        core.register()
        last = core.journal()[-1]
        assert read_mark(mark_path(database)) == (last.seq, last.hash)
    store.close()


def test_a_refusal_leaves_the_mark(database: Path) -> None:
    """A transaction that records nothing, or is undone, does not move the mark."""
    [mark] = written(database, 1)
    store = open_sqlite(database.parent)
    core = Core(store)
    assert core.do("AcquireNextNode", task_id=core.journal()[0].task_id) is None
    with contextlib.suppress(KeyError), store.write() as tx:
        record_drafts(tx, 1, registration(1), new_id=core.new_id)
        raise KeyError
    store.close()
    assert read_mark(mark_path(database)) == mark


def test_an_empty_database_has_no_mark(database: Path) -> None:
    """Where nothing was recorded, nothing can be lost."""
    written(database, 0)
    assert not mark_path(database).exists()
    assert reopened(database) is None


def test_the_mark_is_for_its_owner_only(database: Path) -> None:
    """Nobody else may read it or move it."""
    written(database)
    assert mark_path(database).stat().st_mode & 0o777 == 0o600


def test_a_journal_that_is_as_it_was(database: Path) -> None:
    """A journal that reaches its mark has lost nothing."""
    written(database)
    assert reopened(database) is None
    assert not lost_path(database).exists()


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM journal WHERE seq = 3", "UPDATE journal SET hash = zeroblob(32) WHERE seq = 3"],
)
def test_a_journal_that_is_shorter_or_another(database: Path, damage: str) -> None:
    """A record that was acknowledged and is missing, or another, is reported with its place."""
    marks = written(database)
    shorten(database, damage)
    assert reopened(database) == marks[-1]


def test_a_loss_is_not_forgotten(database: Path) -> None:
    """The mark that was not reached stays aside, when the next start has a new one."""
    marks = written(database)
    shorten(database)
    reopened(database)
    assert reopened(database) is None
    assert read_mark(lost_path(database)) == marks[2]
    assert read_mark(mark_path(database)) == marks[1]


def test_an_older_mark_says_less(database: Path) -> None:
    """After a power cut the mark may be older than the journal, which is no loss."""
    written(database, 1)
    older = mark_path(database).read_bytes()
    marks = written(database, 2)
    mark_path(database).write_bytes(older)
    assert reopened(database) is None
    assert read_mark(mark_path(database)) == marks[-1]


@pytest.mark.parametrize("text", [b"", b"x", b"\xff\xff", b"0 00 00000000", b"1 zz 0", b"\n" * 99])
def test_a_mark_that_cannot_be_read(database: Path, text: bytes) -> None:
    """A mark that is damaged is no mark, and is written anew."""
    marks = written(database)
    mark_path(database).write_bytes(text)
    assert read_mark(mark_path(database)) is None
    assert reopened(database) is None
    assert read_mark(mark_path(database)) == marks[-1]


def test_a_flipped_bit_in_the_mark(database: Path) -> None:
    """No single flipped bit makes another mark of it."""
    written(database)
    path = mark_path(database)
    whole = path.read_bytes()
    for bit in range(8 * (len(whole) - 1)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        assert read_mark(path) in (None, read_mark_of(whole, path))


def read_mark_of(whole: bytes, path: Path) -> Mark | None:
    """The mark that the bytes stand for; a hexadecimal digit may be of either case."""
    path.write_bytes(whole)
    return read_mark(path)


def test_a_mark_that_cannot_be_written(database: Path) -> None:
    """The commit is what counts: without a mark the request succeeds all the same."""
    mark_path(database).mkdir(parents=True)
    assert len(written(database)) == 3


def test_a_failed_sync_is_remembered(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed fsync the store writes nothing more, and reads on."""
    store = open_sqlite(database.parent)
    core = Core(store)
    core.register()
    error = apsw.IOError("disk I/O error")
    vars(error)["extendedresult"] = apsw.SQLITE_IOERR_FSYNC

    def fail(_self: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("agentd.store.sqlite.tx.SqliteTx.flush", fail)
        with pytest.raises(SyncFailed, match="unknown"):
            core.register()
    with pytest.raises(SyncFailed, match="is started again"):
        core.register()
    assert isinstance(store.failure, SyncFailed)
    assert len(core.journal()) == 1
    store.close()
    assert database.with_name("agent_state.db-wal").stat().st_size > 0
    again = open_sqlite(database.parent)
    assert len(Core(again).journal()) == 1
    again.close()
