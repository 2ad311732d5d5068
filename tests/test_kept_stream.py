"""Of what a command writes to one stream the beginning and the newest are kept, at any time."""

import os
import random
import stat
from pathlib import Path

import pytest

from agentd.results.attempt_files import AttemptFiles, kept_attempts
from agentd.results.kept_stream import (
    HEAD_BYTES,
    MOST_BYTES,
    PART_BYTES,
    KeptStream,
    Piece,
    read_stream,
)

TASK, NODE = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a stream is kept, in a home that is not there yet."""
    return AttemptFiles(tmp_path / "home" / "results", TASK, NODE, 1).log("stdout")


def written(size: int) -> bytes:
    """So much output, no two places of it alike."""
    return b"".join(b"%07d\n" % number for number in range(-(-size // 8)))[:size]


def begun(path: Path) -> KeptStream:
    """A stream that has begun."""
    stream = KeptStream(path)
    stream.begin()
    return stream


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, MOST_BYTES])
def test_what_fits_is_kept_whole(path: Path, size: int) -> None:
    """Up to 1 MiB nothing is left out, and `cat PATH*` has it in order."""
    output = written(size)
    assert begun(path).feed(output) == size
    assert b"".join(piece.content for piece in read_stream(path)) == output
    assert b"".join(part.read_bytes() for part in sorted(path.parent.iterdir())) == output


def test_more_than_that(path: Path) -> None:
    """The beginning is kept, and the newest; each piece says where in the stream it stands."""
    output, chance = written(5 * MOST_BYTES + 12_345), random.Random(1)
    stream, at = begun(path), 0
    while at < len(output):
        size = chance.randint(1, 100_000)
        stream.feed(output[at : at + size])
        at = min(at + size, len(output))
        assert sum(file.stat().st_size for file in path.parent.iterdir()) <= MOST_BYTES
        *_, newest = read_stream(path)
        assert newest.end == at
    head, *rest = read_stream(path)
    assert head == (0, output[:HEAD_BYTES])
    tail = b"".join(piece.content for piece in rest)
    assert output.endswith(tail)
    assert PART_BYTES < len(tail) <= 2 * PART_BYTES
    assert [piece.start for piece in rest] == [len(output) - len(tail), rest[0].end]


def test_reading_while_it_is_written(path: Path) -> None:
    """Who reads on from where it was reads nothing twice, and can tell what it has missed."""
    output, stream, seen, missed = written(3 * MOST_BYTES), begun(path), 0, 0
    for begin in range(0, len(output), 100_000):
        stream.feed(output[begin : begin + 100_000])
        if begin % 700_000:
            continue  # this one reads too seldom
        for piece in read_stream(path, seen):
            assert piece.start >= seen
            assert output[piece.start : piece.end] == piece.content
            missed += piece.start - seen
            seen = piece.end
    assert 0 < missed < seen
    assert list(read_stream(path, seen - 1)) != []
    assert list(read_stream(path, len(output))) == []


def test_its_files_are_for_the_user_alone(path: Path) -> None:
    """Folders have the mode 0700 and files 0600, whatever the umask is."""
    before = os.umask(0)
    try:
        begun(path).feed(written(HEAD_BYTES + 1))
    finally:
        os.umask(before)
    folders = {stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path.parent.parent)}
    assert folders == {0o700}
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def test_files_that_somebody_removed(path: Path) -> None:
    """They are missing where they were, and nothing else: what comes later is kept."""
    output, stream = written(HEAD_BYTES + 100), begun(path)
    stream.feed(output[:10])
    path.unlink()
    path.parent.rmdir()
    stream.feed(output[10:])
    assert list(read_stream(path)) == [Piece(HEAD_BYTES, output[HEAD_BYTES:])]


def test_a_disk_that_fails(path: Path) -> None:
    """It is raised once; what comes then would stand in the wrong place, and is not kept."""
    stream = begun(path)
    stream.feed(b"good")
    path.unlink()
    path.symlink_to(path)  # root may write to whatever there is, but not to this
    with pytest.raises(OSError, match="symbolic"):
        stream.feed(b"lost")
    path.unlink()
    path.write_bytes(b"good")
    assert stream.feed(b"later") == 0
    assert path.read_bytes() == b"good"


def test_an_attempt_of_that_number_before(path: Path) -> None:
    """After a restored backup a number comes again: what the first one wrote is gone."""
    begun(path).feed(written(2 * MOST_BYTES))
    begun(path).feed(b"new")
    assert list(read_stream(path)) == [Piece(0, b"new")]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_which_attempts_are_kept(path: Path) -> None:
    """Those of which there is a stream; a result alone is none, and another node's is not."""
    results = path.parent.parent
    assert kept_attempts(results, TASK, NODE) == []
    for attempt in (10, 9):
        begun(AttemptFiles(results, TASK, NODE, attempt).log("stderr"))
    begun(AttemptFiles(results, TASK, TASK, 3).log("stderr"))
    AttemptFiles(results, TASK, NODE, 4).result.touch()
    assert kept_attempts(results, TASK, NODE) == [9, 10]
