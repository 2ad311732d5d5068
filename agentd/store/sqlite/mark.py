"""The high-water mark: how far the journal had come when an answer was last given.

The rule this file keeps: the mark lies outside the database and its WAL, and never runs ahead of
what is on disk. It is written after the commit's fsync and before the answers, without an fsync of
its own: after a crash of the daemon it is exact, after a power cut it may be older. SQLite cuts a
damaged WAL off at the damage and says nothing; the mark is how we know.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import apsw

from agentd.database_files import lost_path, mark_path


class Mark(NamedTuple):
    """The place of a record in the journal, from 1, and its hash."""

    seq: int
    hash: bytes


def read_mark(path: Path) -> Mark | None:
    """The mark in a file; None where there is none that can be read."""
    try:
        text, _, check = path.read_text(encoding="ascii").rstrip("\n").rpartition(" ")
        seq, digest = text.split(" ")
        mark = Mark(int(seq), bytes.fromhex(digest))
        return mark if int(check, 16) == crc32(text.encode()) else None
    except (OSError, ValueError):
        return None


def is_reached(connection: apsw.Connection, mark: Mark) -> bool:
    """Whether the journal still has the record that the mark stands for."""
    found = connection.execute("SELECT hash FROM journal WHERE seq = ?", (mark.seq,)).get
    return bool(found == mark.hash)


class MarkFile:
    """The mark of a database that is open for writing."""

    def __init__(self, database: Path) -> None:
        self._path = mark_path(database)
        self._file: int | None = None

    def mark_end(self, connection: apsw.Connection, database: Path) -> Mark | None:
        """Mark the journal as it is. Returns the old mark where the journal does not reach it."""
        mark = read_mark(self._path)
        lost = mark if mark is not None and not is_reached(connection, mark) else None
        if lost and not lost_path(database).exists():  # the first loss is the one to look into
            self._path.replace(lost_path(database))
        last = connection.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").get
        if last is not None and isinstance(last[1], bytes):  # else `replay --check` has a word
            self.write(Mark(*last))
        return lost

    def write(self, mark: Mark) -> None:
        """Move the mark on."""
        text = f"{mark.seq:020d} {mark.hash.hex()}".encode()
        # The commit is done: an older mark tells less, and must not turn it into a failure.
        with contextlib.suppress(OSError):
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._file = os.open(self._path, flags, 0o600)
            os.pwrite(self._file, b"%b %08x\n" % (text, crc32(text)), 0)

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
