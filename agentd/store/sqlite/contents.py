"""Whether a database that is open, and its WAL, still hold what was written to them here.

The rule this file keeps: another program may copy the WAL into the database, and begin it anew, as
SQLite lets everybody do. Whoever copies another database over this one, or cuts the WAL off, does
what SQLite does not see, and the next write would make a mixture of it.

The files are asked through descriptors of our own, whatever their names lead to by now. The one of
the database is the claim's. Those of the WAL and of its index are closed when the last connection
is: SQLite has locks on the index, too.
"""

import mmap
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentd.database_files import index_path, wal_path
from agentd.store.sqlite.checkpoint_note import (
    FRAME_HEADER,
    SALTS,
    WAL_HEADER,
    FileStamp,
    fits_with_wal,
)

_MAPPED = 4_096
_HEADER, _COPIED, _COPIED_AT = struct.Struct("=14xHI"), struct.Struct("=I"), 96
"""What the index begins with: the size of a page, and how many frames the WAL holds; and where it
has how many of them were copied: https://sqlite.org/walformat.html#the_wal_index_file_format.
"""


class FileContents:
    """What the file `database`, a descriptor, and its WAL hold.

    `stamp` is None while we write to the file. `on_copied` is called when another program has
    copied the WAL.
    """

    def __init__(self, path: Path, database: int, on_copied: Callable[[], None]) -> None:
        self.stamp: FileStamp | None = FileStamp.of(database)
        self._path = path
        self._database = database
        self._on_copied = on_copied
        self._wal: int | None = None
        self._index: int | None = None
        self._header: mmap.mmap | None = None  # of the index: read at each look, for little
        self._salts = b""  # as they were when all was well, the last time that somebody looked
        self._lock = threading.Lock()

    def watch_wal(self) -> None:
        """The WAL and its index are there now, and the database is as it should be.

        Raises `OSError`.
        """
        self._wal = os.open(wal_path(self._path), os.O_RDONLY | os.O_CLOEXEC)
        self._index = os.open(index_path(self._path), os.O_RDONLY | os.O_CLOEXEC)
        self._header = mmap.mmap(self._index, _MAPPED, access=mmap.ACCESS_READ)
        self._salts = self._salts_now()
        self.stamp = FileStamp.of(self._database)

    def close(self) -> None:
        """Release the WAL and its index. The connections are closed before."""
        if self._header is not None:
            self._header.close()
            self._header = None
        for file in (self._wal, self._index):
            if file is not None:
                os.close(file)
        self._wal = self._index = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The database's file is written to, by us."""
        with self._lock:
            self.stamp = None
        try:
            yield
        finally:
            self.stamp = FileStamp.of(self._database)

    def certainly_keeps(self) -> bool:
        """Whether what was just written is in the two files, beyond doubt, and they have names.

        Only for who writes: whoever reads may see the index as it is after another write.
        """
        if self._wal is None or self._header is None or self.stamp is None:
            return False
        salts, database, wal = self._salts_now(), os.fstat(self._database), os.fstat(self._wal)
        kept = (
            database.st_nlink > 0
            and wal.st_nlink > 0
            and self.stamp.matches(database)
            and wal.st_size >= _whole_size(_HEADER.unpack_from(self._header))
        )
        if kept:
            self._salts = salts
        return kept

    def fault(self) -> str | None:
        """What others did to them, or None. Look before each write and after it."""
        if (told := self.overwrite_fault()) is None and self._is_cut_off():
            told = f"{wal_path(self._path)} was cut off under the daemon"
        return told

    def overwrite_fault(self) -> str | None:
        """What others wrote over the database, or None."""
        stamp, salts = self.stamp, self._salts_now()
        if stamp is None:
            return None
        if stamp.matches(os.fstat(self._database)):
            self._salts = salts
            return None
        with self._lock:
            if self.stamp is not stamp:  # we have written to it since
                return None
            now = FileStamp.of(self._database)
            # A WAL that was begun anew meanwhile was copied whole before, and tells no more.
            if salts == self._salts and not fits_with_wal(self._path, now.pages, stamp):
                return f"another database was copied over {self._path} under the daemon"
            self.stamp, self._salts = now, salts
            self._on_copied()
        return None

    def _is_cut_off(self) -> bool:
        """Whether frames are gone that the index tells of, and that no program has copied yet."""
        index = self._header
        if self._wal is None or index is None:
            return False
        header = _HEADER.unpack_from(index)
        if os.fstat(self._wal).st_size >= _whole_size(header):  # nearly always
            return False
        copied: int = _COPIED.unpack_from(index, _COPIED_AT)[0]
        # Where it is another by now, somebody writes, and this is of two times.
        return copied < header[1] and _HEADER.unpack_from(index) == header

    def _salts_now(self) -> bytes:
        return b"" if self._wal is None else os.pread(self._wal, SALTS.stop, 0)[SALTS]


def _whole_size(header: tuple[Any, ...]) -> int:
    """Bytes of a WAL with so many frames of pages of that size."""
    page, frames = header
    size: int = WAL_HEADER + frames * (FRAME_HEADER + (65_536 if page == 1 else page))
    return size
