"""What is noted of a database and its WAL, so that a WAL is laid over the file it belongs to only.

The rule this file keeps: SQLite lays whatever WAL it finds beside a database over it. The note says
how far the WAL was copied into the database, how the file was then, and which WAL it was. A WAL
that is the one noted, beside a file that is not, belonged to another that was there before it. What
came to its place together, as a home does that is copied or moved, is not judged.

The disk keeps the note before the WAL is copied, as a power cut may leave pages that are half
written, and when it was copied whole, by whomever: the next round of the WAL writes over the pages
that tell how the file became what it is.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self
from zlib import crc32

from agentd.database_files import note_path, wal_path

WAL_HEADER, FRAME_HEADER = 32, 24
"""Bytes: https://sqlite.org/fileformat2.html#the_write_ahead_log."""

_PAGE_SIZE_AT = 16
"""Where the database's header has it: https://sqlite.org/fileformat.html#the_database_header."""

_SAMPLED = 64
"""Pages."""

SALTS = slice(16, 24)
"""Where the WAL's header has its salts, new in every round."""

_LOOKS = 3
_UNKNOWN = "-"
_sync = getattr(os, "fdatasync", os.fsync)

Identity = tuple[int, int]
"""The device and the inode of a file."""


class FileStamp(NamedTuple):
    """How the database's file was; of one that is being copied into, only which file it is."""

    device: int
    inode: int
    size: int
    changed: int  # nanoseconds
    pages: str

    @classmethod
    def of(cls, file: int) -> Self:
        """The stamp of the file that is open as `file`, and whole by itself."""
        found = os.fstat(file)
        size, changed = found.st_size, found.st_mtime_ns
        return cls(found.st_dev, found.st_ino, size, changed, sample_pages(file))

    @classmethod
    def being_copied_into(cls, file: Identity) -> Self:
        """The stamp of a file that is being copied into."""
        return cls(*file, 0, 0, _UNKNOWN)

    def matches(self, found: os.stat_result) -> bool:
        """Whether the file was not changed since."""
        return (self.size, self.changed) == (found.st_size, found.st_mtime_ns)


class CheckpointNote(NamedTuple):
    """So many frames of the WAL with these salts were copied, into that file, from that WAL."""

    salts: str
    frames: int
    stamp: FileStamp | None = None
    wal: Identity | None = None


def read_note(path: Path) -> CheckpointNote | None:
    """The note on the database at `path`; None where there is none that can be read."""
    try:
        salts, frames, *more = note_path(path).read_text(encoding="ascii").split()
        if not more:  # of an earlier agentd
            return CheckpointNote(salts, int(frames))
        device, inode, size, changed, pages, wal_device, wal_inode, check = more
        note = CheckpointNote(
            salts,
            int(frames),
            FileStamp(int(device), int(inode), int(size), int(changed), pages),
            (int(wal_device), int(wal_inode)),
        )
        return note if int(check, 16) == crc32(_encode(note)) else None
    except (OSError, ValueError):
        return None


def write_note(path: Path, note: CheckpointNote, *, lasting: bool = False) -> None:
    """Note it; `lasting`: have the disk keep it."""
    # The copy is what counts, and this must not turn it into a failure. Without a note nothing is
    # judged; by an older one the WAL would be another's.
    try:
        _write(note_path(path), note, lasting=lasting)
    except OSError:
        with suppress(OSError):
            if read_note(path) is not None:
                note_path(path).unlink()


def _write(file_path: Path, note: CheckpointNote, *, lasting: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(file_path, flags, 0o600)
    try:
        os.pwrite(file, b"%b %08x\n" % (_encode(note), crc32(_encode(note))), 0)
        if lasting:
            _sync(file)
    finally:
        os.close(file)


def wal_salts(path: Path) -> str:
    """The salts of the WAL beside the database, "" where there is none."""
    try:
        with wal_path(path).open("rb") as wal:  # SQLite's locks are elsewhere
            return wal.read(SALTS.stop)[SALTS].hex()
    except FileNotFoundError:
        return ""


def file_identity(path: str | Path) -> Identity | None:
    """Which file has that name now, None where none has."""
    # By name, never through a descriptor: closing one would drop SQLite's locks on the file.
    try:
        found = os.stat(path)  # noqa: PTH116 - with every write: a Path takes twice as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def has_foreign_wal(path: Path) -> bool:
    """Whether the WAL beside the database at `path` belongs to a file that was there before it.

    Not for a process that has the database open.
    """
    for _ in range(_LOOKS):
        note = read_note(path)
        if note is None or note.stamp is None:
            return False
        try:
            contradicts = _is_of_another_file(path, note.stamp, note.wal)
        except FileNotFoundError:  # one is gone: there is nothing to lay, or to lay it over
            return False
        if not contradicts or read_note(path) == note:  # else a daemon copies the WAL meanwhile
            return contradicts
    return False


def _is_of_another_file(path: Path, stamp: FileStamp, wal: Identity | None) -> bool:
    """Whether the WAL is the one that was noted, beside a file that is not."""
    if file_identity(wal_path(path)) != wal or not wal_path(path).stat().st_size:
        return False
    found = path.stat()
    if stamp.matches(found):
        return False
    if (found.st_dev, found.st_ino) != stamp[:2]:
        return True
    with path.open("rb") as file:
        return not fits_with_wal(path, sample_pages(file.fileno()), stamp)


def fits_with_wal(path: Path, pages: str, stamp: FileStamp) -> bool:
    """Whether a file with these first pages may have become what it is through its WAL alone.

    Each of them is as it was then, or as the WAL has it: another program has copied that.
    """
    if stamp.pages == _UNKNOWN:
        return True
    both = zip(_split_checksums(pages), _split_checksums(stamp.pages), strict=True)
    others = {number: now for number, (now, then) in enumerate(both, 1) if now != then}
    for number, page in _frames_of_first_pages(path) if others else ():
        if others.get(number) == _checksum(page):
            del others[number]
    return not others


def sample_pages(file: int) -> str:
    """A check for each of the first pages of the database that is open as `file`.

    Among them are the roots of all tables, some of which every write changes, and the first events,
    which are like those of no other database.
    """
    size = int.from_bytes(os.pread(file, 2, _PAGE_SIZE_AT))
    size = 65_536 if size == 1 else size
    begin = os.pread(file, _SAMPLED * size, 0)
    return "".join(_checksum(begin[at * size : (at + 1) * size]) for at in range(_SAMPLED))


def _checksum(page: bytes) -> str:
    return f"{crc32(page):08x}"


def _split_checksums(pages: str) -> list[str]:
    return [pages[at : at + 8] for at in range(0, len(pages), 8)]


def _frames_of_first_pages(path: Path) -> Iterator[tuple[int, bytes]]:
    """The first pages of the database that the WAL has, each with its number."""
    with suppress(OSError), wal_path(path).open("rb") as wal:
        begin = wal.read(WAL_HEADER)
        size = int.from_bytes(begin[8:12])
        while len(frame := wal.read(FRAME_HEADER)) == FRAME_HEADER:
            if frame[8:16] != begin[SALTS]:
                return
            if (number := int.from_bytes(frame[:4])) <= _SAMPLED:
                yield number, wal.read(size)
            else:
                wal.seek(size, os.SEEK_CUR)


def _encode(note: CheckpointNote) -> bytes:
    """The note in a line of one length, so that a new one leaves nothing of the one before."""
    assert note.stamp is not None  # noqa: S101 - only those of an earlier agentd have none
    device, inode, size, changed, pages = note.stamp
    wal_device, wal_inode = note.wal or (0, 0)
    numbers = f"{device:020d} {inode:020d} {size:020d} {changed:020d}"
    text = f"{note.salts or _UNKNOWN:16} {note.frames:020d} {numbers} {pages:{8 * _SAMPLED}}"
    return f"{text} {wal_device:020d} {wal_inode:020d}".encode()
