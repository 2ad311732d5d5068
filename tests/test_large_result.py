"""A result that no line has room for is a file: whole and on the disk, or not there."""

import errno
import hashlib
import socket
import stat
from pathlib import Path

import pytest

from agentd.results import large_result
from agentd.results.attempt_files import AttemptFiles
from agentd.results.large_result import HEAD_BYTES, LargeResult, ResultTooLong

TASK, NODE = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def files(tmp_path: Path) -> AttemptFiles:
    """The files of a second attempt."""
    return AttemptFiles(tmp_path / "results", TASK, NODE, 2)


def test_it_is_kept_whole(files: AttemptFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size, hash and beginning are told; it is synced before it is named, then its names."""
    synced: list[tuple[object, bool]] = []

    def sync(what: object) -> None:
        synced.append((what, files.result.exists()))

    monkeypatch.setattr(large_result, "sync_file", lambda _file: sync("file"))
    monkeypatch.setattr(large_result, "sync_directory", sync)
    content = "äöü".encode() * 1000
    large = LargeResult(files, len(content))
    for at in range(0, len(content), 1000):
        large.feed(content[at : at + 1000])
        assert files.unfinished_result.exists()
    assert large.finish() == {
        "file": str(files.result),
        "host": socket.gethostname(),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "head": content[: HEAD_BYTES - HEAD_BYTES % 2].decode(),
    }
    above = list(files.result.parents)[:3]
    assert synced == [("file", False), *((folder, True) for folder in above)]
    assert files.result.read_bytes() == content
    assert stat.S_IMODE(files.result.stat().st_mode) == 0o600
    large.discard()
    assert list(files.folder.iterdir()) == [files.result]


def test_a_head_that_ends_within_a_character(files: AttemptFiles) -> None:
    """The character that is cut is left out."""
    large = LargeResult(files, 10_000)
    large.feed(b"x" + "ä".encode() * HEAD_BYTES)
    assert large.finish()["head"] == "x" + "ä" * (HEAD_BYTES // 2 - 1)


def test_one_that_is_too_large(files: AttemptFiles) -> None:
    """It is removed as soon as it is, whatever comes then; the end says so."""
    large = LargeResult(files, 10)
    large.feed(bytes(10))
    large.feed(b"x")
    assert list(files.folder.iterdir()) == []
    large.feed(b"x")
    with pytest.raises(ResultTooLong, match="more than 10 bytes"):
        large.finish()
    assert list(files.folder.iterdir()) == []


def test_one_that_cannot_be_written(files: AttemptFiles) -> None:
    """The end says why."""
    files.folder.parent.write_text("no folder")
    large = LargeResult(files, 10)
    large.feed(b"x")
    large.feed(b"x")
    with pytest.raises(OSError, match="directory"):
        large.finish()


def test_one_that_nobody_wants(files: AttemptFiles) -> None:
    """Nothing is left of it, nor of what the attempt before left when its worker was killed."""
    before = AttemptFiles(files.folder.parent, TASK, NODE, 1)
    before.folder.mkdir(parents=True)
    before.unfinished_result.touch()
    large = LargeResult(files, 10)
    large.feed(b"x")
    assert not before.unfinished_result.exists()
    large.discard()
    assert list(files.folder.iterdir()) == []


def test_one_that_the_disk_does_not_keep(
    files: AttemptFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end says why, and leaves no half of it, whoever asked for it."""

    def sync(_file: int) -> None:
        raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(large_result, "sync_file", sync)
    large = LargeResult(files, 10)
    large.feed(b"x")
    with pytest.raises(OSError, match="broken disk"):
        large.finish()
    assert list(files.folder.iterdir()) == []
