"""What is noted of a database and its WAL, so that a WAL is laid over the file it belongs to only.

The rule this file keeps: SQLite lays whatever WAL it finds beside a database over it. The note says
how far the WAL was copied into the database, how the file was then, and which WAL it was. A WAL
that is the one noted, beside a file that is not, belonged to another that was there before it. What
came to its place together, as a home does that is copied or moved, is not judged.

The note is made without an fsync, but for the one when a WAL was copied whole: the next round of
the WAL writes over the pages that tell how the file became what it is.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self
from zlib import crc32

from agentd.store.sqlite.claim import HEADER_SIZE

WAL_HEADER, _FRAME_HEADER = 32, 24
"""Bytes: https://sqlite.org/fileformat2.html#the_write_ahead_log."""

_SALTS = slice(16, 24)
"""Where the WAL's header has its salts, new in every round."""

_UNKNOWN = "-"
_sync = getattr(os, "fdatasync", os.fsync)

Identity = tuple[int, int]
"""The device and the inode of a file."""


class Stamp(NamedTuple):
    """How the database's file was; of one that is being copied into, only which file it is."""

    device: int
    inode: int
    size: int
    changed: int  # nanoseconds
    header: str

    @classmethod
    def of(cls, found: os.stat_result, header: bytes) -> Self:
        """The stamp of a file that is whole by itself."""
        size, changed = found.st_size, found.st_mtime_ns
        return cls(found.st_dev, found.st_ino, size, changed, _digest(header))

    @classmethod
    def under_way(cls, file: Identity) -> Self:
        """The stamp of a file that is being copied into."""
        return cls(*file, 0, 0, _UNKNOWN)

    def is_of(self, found: os.stat_result) -> bool:
        """Whether the file was not changed since."""
        return (self.size, self.changed) == (found.st_size, found.st_mtime_ns)


class Note(NamedTuple):
    """So many frames of the WAL with these salts were copied, into that file, from that WAL."""

    salts: str
    frames: int
    stamp: Stamp | None = None
    wal: Identity | None = None


def read_note(path: Path) -> Note | None:
    """The note on the database at `path`; None where there is none that can be read."""
    try:
        salts, frames, *more = note_path(path).read_text(encoding="ascii").split()
        if not more:  # of an earlier agentd
            return Note(salts, int(frames))
        device, inode, size, changed, header, wal_device, wal_inode, check = more
        note = Note(
            salts,
            int(frames),
            Stamp(int(device), int(inode), int(size), int(changed), header),
            (int(wal_device), int(wal_inode)),
        )
        return note if int(check, 16) == crc32(_text(note)) else None
    except (OSError, ValueError):
        return None


def write_note(path: Path, note: Note, *, lasting: bool = False) -> None:
    """Note it; `lasting`: have the disk keep it."""
    line = b"%b %08x\n" % (_text(note), crc32(_text(note)))
    # The copy is what counts: an older note tells less, and must not turn it into a failure.
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(note_path(path), flags, 0o600)
        try:
            os.pwrite(file, line, 0)
            if lasting:
                _sync(file)
        finally:
            os.close(file)


def note_path(path: Path) -> Path:
    """Where the note on the database at `path` is."""
    return path.with_name(path.name + ".copied")


def wal_path(path: Path) -> Path:
    """Where the WAL of the database at `path` is."""
    return path.with_name(path.name + "-wal")


def wal_salts(path: Path) -> str:
    """The salts of the WAL beside the database, "" where there is none."""
    try:
        with wal_path(path).open("rb") as wal:  # SQLite's locks are elsewhere
            return wal.read(_SALTS.stop)[_SALTS].hex()
    except FileNotFoundError:
        return ""


def identity(path: str | Path) -> Identity | None:
    """Which file has that name now, None where none has."""
    # By name, never through a descriptor: closing one would drop SQLite's locks on the file.
    try:
        found = os.stat(path)  # noqa: PTH116 - with every write: a Path takes twice as long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_foreign(path: Path) -> bool:
    """Whether the WAL beside the database at `path` belongs to a file that was there before it.

    Not for a process that has the database open.
    """
    note = read_note(path)
    if note is None or note.stamp is None or identity(wal_path(path)) != note.wal:
        return False
    try:
        found = path.stat()
    except FileNotFoundError:  # there is nothing to lay it over
        return False
    if note.stamp.is_of(found):
        return False
    if (found.st_dev, found.st_ino) != note.stamp[:2]:
        return True
    with path.open("rb") as file:
        return not fits(path, file.read(HEADER_SIZE), note.stamp)


def fits(path: Path, header: bytes, stamp: Stamp) -> bool:
    """Whether a file with that header may have become what it is through its WAL alone.

    It has the header of then, or one that the WAL holds: somebody else copied it. A copy that
    agentd made, and one from another time, has another: the header counts changes.
    """
    if stamp.header == _UNKNOWN:
        return True
    return _digest(header) == stamp.header or header in _headers(path)


def _headers(path: Path) -> Iterator[bytes]:
    """The database's headers in the WAL, one for each time that its first page was written."""
    with suppress(OSError), wal_path(path).open("rb") as wal:
        begin = wal.read(WAL_HEADER)
        size = int.from_bytes(begin[8:12])
        while len(frame := wal.read(_FRAME_HEADER)) == _FRAME_HEADER:
            if frame[8:16] != begin[_SALTS]:
                return
            page = wal.tell()
            if int.from_bytes(frame[:4]) == 1:
                yield wal.read(HEADER_SIZE)
            wal.seek(page + size)


def _digest(header: bytes) -> str:
    return blake2b(header, digest_size=8).hexdigest()


def _text(note: Note) -> bytes:
    """The note in a line of one length, so that a new one leaves nothing of the one before."""
    assert note.stamp is not None  # noqa: S101 - only those of an earlier agentd have none
    device, inode, size, changed, header = note.stamp
    wal_device, wal_inode = note.wal or (0, 0)
    numbers = f"{device:020d} {inode:020d} {size:020d} {changed:020d}"
    text = f"{note.salts or _UNKNOWN:16} {note.frames:020d} {numbers} {header:16}"
    return f"{text} {wal_device:020d} {wal_inode:020d}".encode()
