"""The place in the journal from which a watch goes on, kept in a file.

The rule this file keeps: it is one short line that is written over where it stands, so that there
is a whole one whenever its writer is killed, and a full disk takes none away. One watch at a time
has it.
"""

import fcntl
import os
import re
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from agentd.durable import sync_directory, sync_file
from agentd.errors import BadSetting, Failure

_LINE = b"%-20d\n"
_LONGEST = 64
"""Bytes that are read: more than a line has."""

_PLACE = re.compile(rb"\d{1,16} *\n?")
_ONLY_OURS = 0o600


class CursorTaken(Failure):
    """Another watch goes on from this file already."""


class Cursor:
    """The file, while a watch has it; `place` is None in a new one."""

    def __init__(self, path: Path) -> None:
        """Raises `CursorTaken`, `BadSetting` where the file is something else, `OSError`."""
        self.path = path
        self.place: int | None = None
        is_new = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, _ONLY_OURS)
        try:
            self.place = self._take()
            if is_new:
                sync_directory(path.parent)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def move(self, place: int) -> None:
        """Go on behind that place, also when the machine fails now. Raises `OSError`."""
        if place == self.place:
            return
        try:
            os.pwrite(self._file, _LINE % place, 0)
            sync_file(self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.place = place

    def _take(self) -> int | None:
        """The place in the file, which is ours now."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CursorTaken(
                f"another `agentd watch` goes on from {self.path}: stop it, or give this one a "
                "--cursor of its own"
            ) from error
        is_file = stat.S_ISREG(os.fstat(self._file).st_mode)
        line = os.pread(self._file, _LONGEST, 0) if is_file else b"-"
        if not line:
            return None
        if not _PLACE.fullmatch(line):
            raise BadSetting(
                f"{self.path} has no place in the journal, and is not written over: name another "
                "file, or remove it"
            )
        return int(line)
