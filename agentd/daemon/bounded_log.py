"""The log of a daemon that nobody redirects: a file of bounded size, and the one before it.

The rule this file keeps: it never takes more than twice the size of one file, and nobody waits for
it: what the disk does not take is lost.
"""

import contextlib
import os
import sys
from io import TextIOBase
from pathlib import Path
from typing import TextIO, cast

from agentd.errors import Failure

LARGEST = 1_048_576
"""Bytes of one file."""

_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2


class BoundedLog(TextIOBase):
    """Standard output and standard error, as one text file."""

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        """Raises `Failure` where the file cannot be opened."""
        self._path = path
        self._largest = largest
        self._size = 0
        # Kept: those that stand for closed ones would close, with themselves, what is there now.
        self._replaced = sys.stdout, sys.stderr
        try:
            self._open()
        except OSError as error:
            raise Failure(f"cannot write the log {path}: {error.strerror}") from error

    def write(self, text: str) -> int:
        """Append the text; where the file would be too long, begin another."""
        data = text.encode(errors="backslashreplace")
        with contextlib.suppress(OSError):
            if self._size and self._size + len(data) > self._largest:
                self._path.replace(before_path(self._path))
                self._open()
            self._size += os.write(_STANDARD_ERROR, data)
        return len(text)

    def fileno(self) -> int:
        """The descriptor that is written to."""
        return _STANDARD_ERROR

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        self._size = os.fstat(file).st_size
        for each in (_STANDARD_OUTPUT, _STANDARD_ERROR):
            os.dup2(file, each)
        os.close(file)


def before_path(path: Path) -> Path:
    """Where the file before this one is."""
    return path.with_name(f"{path.name}.1")


def replace_output(path: Path) -> None:
    """Let all that this process says go there. Raises `Failure`."""
    log = cast("TextIO", BoundedLog(path))
    sys.stdout = sys.stderr = log
