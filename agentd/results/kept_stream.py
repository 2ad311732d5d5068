"""What a command writes to one stream, kept in files: the beginning and the newest.

The rule this file keeps: files are only ever added to, and what a name says is true at every
moment, so a writer may be killed at any. NODE-ATTEMPT.stdout is the beginning; what comes after it
is in parts, NODE-ATTEMPT.stdout.000000000524288 for the one that begins at that byte, of which the
newest two are kept. `cat NODE-ATTEMPT.stdout*` is all of it in order.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agentd.results.attempt_files import append, create_file, scan

HEAD_BYTES = 512 * 1024
"""The beginning that is kept."""

PART_BYTES = 256 * 1024
"""A part of what comes after it."""

MOST_BYTES = HEAD_BYTES + 2 * PART_BYTES
"""Bytes of one stream that are kept."""

_DIGITS = 15


class KeptStream:
    """Writes the files of one stream, in the place of any that are there.

    Files that somebody else removed stay away; what is written later is kept all the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0
        self._ends = False

    def begin(self) -> None:
        """Make the first file. Raises `OSError`; nothing is kept then."""
        self._ends = True
        if self._path.exists():  # of an attempt of that number that a restored database forgot
            for start in _later_starts(self._path):
                _part(self._path, start).unlink(missing_ok=True)
        create_file(self._path)
        self._ends = False

    def feed(self, content: bytes) -> int:
        """Keep what comes next; how many more bytes are on the disk for it.

        Raises `OSError`, once: nothing more is kept then.
        """
        if self._ends:
            return 0
        before = self._written
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[self._add(rest) :]
        except OSError:
            self._ends = True  # a part of it may be there: what came next would stand wrong
            raise
        return min(self._written, MOST_BYTES) - min(before, MOST_BYTES)

    def _add(self, content: memoryview) -> int:
        """Add to the file that is open for more; how much."""
        start = _start_of(self._written)
        end = start + PART_BYTES if start else HEAD_BYTES
        if start and start == self._written:
            self._begin_part(start)
        added = content[: end - self._written]
        with contextlib.suppress(FileNotFoundError):  # it was removed, to make room
            append(self._path if start == 0 else _part(self._path, start), added)
        self._written += len(added)
        return len(added)

    def _begin_part(self, start: int) -> None:
        create_file(_part(self._path, start))
        if (third := start - 2 * PART_BYTES) >= HEAD_BYTES:
            _part(self._path, third).unlink(missing_ok=True)


class Piece(NamedTuple):
    """Something that was written, and how many bytes of the stream came before it."""

    start: int
    content: bytes

    @property
    def end(self) -> int:
        """Where the next piece begins, if nothing is left out."""
        return self.start + len(self.content)


def read_stream(path: Path, after: int = 0) -> Iterator[Piece]:
    """What is kept of a stream behind its first `after` bytes, in order.

    Where a piece does not begin at the end of the one before, what lies between is kept no more.
    Raises `OSError`.
    """
    if after < HEAD_BYTES:
        head = _read(path, after)
        if head is not None:
            if head:
                yield Piece(after, head)
            if after + len(head) < HEAD_BYTES:
                return  # nothing comes after a beginning that has room: the folder is not searched
    for start in sorted(_later_starts(path)):
        begin = max(start, after)
        if content := _read(_part(path, start), begin - start):
            yield Piece(begin, content)


def _read(place: Path, skipped: int) -> bytes | None:
    """The file behind so many bytes; None where it is not there: it made room for newer ones."""
    try:
        with place.open("rb") as file:
            file.seek(skipped)
            return file.read()
    except FileNotFoundError:
        return None


def _start_of(position: int) -> int:
    """Where the file begins that has that byte of the stream."""
    if position < HEAD_BYTES:
        return 0
    return position - (position - HEAD_BYTES) % PART_BYTES


def _part(path: Path, start: int) -> Path:
    return path.with_name(f"{path.name}.{start:0{_DIGITS}}")


def _later_starts(path: Path) -> Iterator[int]:
    prefix = f"{path.name}."
    for entry in scan(path.parent):
        suffix = entry.name.removeprefix(prefix)
        if suffix != entry.name and suffix.isdecimal():
            yield int(suffix)
