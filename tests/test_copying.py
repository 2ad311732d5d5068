"""Copying a database that others write to, and making one stand alone."""

import errno
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from agentd.backup.draft import Draft, draft_of
from agentd.errors import DatabaseRefused, DiskFailed, Failure
from agentd.store.sqlite import copying
from agentd.store.sqlite.copying import copy, settle_wal
from agentd.store.sqlite.driver_errors import is_failed_sync, raise_failures
from tests.databases import at_work, crash, create, journal, traces


def test_a_copy_is_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits of others between two steps neither begin it anew nor come into it."""
    monkeypatch.setattr(copying, "STEP_PAGES", 1)
    path, target = tmp_path / "agent_state.db", tmp_path / "copy.db"
    with at_work(path, 3) as core:
        before = [(record.seq, record.event_id, record.hash) for record in core.journal()]
        reports: list[tuple[int, int]] = []

        def commit(done: int, pages: int) -> None:
            reports.append((done, pages))
            assert len(reports) <= pages, "it begins anew"
            core.register()

        with draft_of(target) as draft:
            copy(path, draft.path, commit)
            draft.put()
        assert len(core.journal()) == len(before) + len(reports)
    pages = reports[0][1]
    assert reports == [(done, pages) for done in range(1, pages + 1)]
    assert journal(target) == before


def test_settling_takes_the_wal_in(tmp_path: Path) -> None:
    """Afterwards the database is one file, and what it was."""
    path = tmp_path / "agent_state.db"
    create(path)
    whole = crash(path)
    settle_wal(path)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, f"{path.name}.mark"}
    assert journal(path) == whole


def test_settling_leaves_alone_what_stands_alone(tmp_path: Path) -> None:
    """Where there is no WAL there is nothing to do."""
    path = tmp_path / "agent_state.db"
    create(path)
    before = traces(tmp_path)
    settle_wal(path)
    assert traces(tmp_path) == before


def test_settling_what_is_no_database(tmp_path: Path) -> None:
    """It is refused."""
    path = tmp_path / "agent_state.db"
    create(path)
    crash(path)
    path.write_bytes(b"x" * 10_000)
    path.with_name("agent_state.db-wal").write_bytes(b"")
    with pytest.raises(DatabaseRefused, match="is corrupt"):
        settle_wal(path)


def test_the_drivers_errors_in_words(tmp_path: Path) -> None:
    """Full, corrupt, locked, failed: each says what to do, with its exit code."""
    path = tmp_path / "a.db"

    def said(error: Exception) -> tuple[int, str]:
        with pytest.raises(Failure) as failure, raise_failures(path, "/somewhere"):
            raise error
        return failure.value.exit_code, str(failure.value)

    full = "the disk is full: no room in /somewhere; free some and repeat"
    assert said(apsw.FullError("full")) == (1, full)
    assert said(apsw.CorruptError("bad")) == (
        5,
        f"{path} is corrupt: bad; `agentd restore` a good backup",
    )
    assert said(apsw.BusyError("busy"))[1].startswith(f"another program has locked {path}")
    assert said(apsw.CantOpenError("no"))[1] == f"{path} cannot be read or copied: no"
    failed = OSError(errno.EIO, "Input/output error")
    assert is_failed_sync(failed)
    assert said(failed) == (6, "the disk failed to keep what was written to /somewhere")
    with pytest.raises(DatabaseRefused), raise_failures(path, ""):
        raise apsw.NotADBError("what?")


@pytest.mark.parametrize("put", [Draft.put, Draft.replace])
def test_a_draft_that_is_another_file_by_now(tmp_path: Path, put: Callable[[Draft], None]) -> None:
    """It is neither put in place nor removed."""
    target = tmp_path / "a.db"
    with draft_of(target) as draft:
        draft.path.unlink()
        draft.path.write_text("of somebody else")
        with pytest.raises(Failure, match="was moved, removed or replaced meanwhile"):
            put(draft)
    assert draft.path.read_text() == "of somebody else"
    assert not target.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_turns_out_to_be_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A file system that tells only at the fsync is full, not failed."""

    def fail(_file: int) -> None:
        raise OSError(code, "no room")

    monkeypatch.setattr("os.fsync", fail)
    with draft_of(tmp_path / "a.db") as draft, pytest.raises(Failure, match="disk is full") as full:
        draft.sync()
    assert not isinstance(full.value, DiskFailed)
    assert list(tmp_path.iterdir()) == []
