"""One process that writes for each database file, whatever names lead to it.

The rule this file keeps: the lock is on the file itself, for as long as it is worked on. A hard
link or a bind mount gives a file another name, and the lock beside it and SQLite's WAL go by name:
two daemons would write over each other's pages.

It is a lock of the open file description (fcntl_locking(2)), on a byte that no file reaches and
that SQLite never locks. `flock` would not do: over NFS, and on BSD and macOS, it excludes SQLite's
own locks. Where there is no such lock, only the one beside the database holds. To close any
descriptor of a file drops SQLite's locks on it (https://sqlite.org/howtocorrupt.html, section 2.2),
so this one is closed when the last connection is.
"""

import errno
import fcntl
import os
import struct
import sys
from pathlib import Path

from agentd.database_files import index_path, lock_path
from agentd.errors import AlreadyRunning, DatabaseRefused
from agentd.holders import holder

_BYTE = 2**62
_DEAD_MAN = 128
"""The byte of the index that each of its connections has locked (SQLite's UNIX_SHM_DMS)."""

_FLOCK = struct.Struct("hhqqi")  # type, whence, start, length, pid
_SAID_LATER = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR}
"""What a look at the file has better words for."""

_NO_LOCKS = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOVERFLOW}
"""A kernel or a file system has no such locks; SQLite's own may work all the same."""


class Claim:
    """Held from here until `release` or the end of the process.

    `file` is the descriptor of the file, whatever its name leads to; None where it cannot be opened
    for writing.
    """

    def __init__(self, path: Path) -> None:
        """Claim the file at `path`. Raises `AlreadyRunning` and `DatabaseRefused`."""
        self.file: int | None = None
        try:
            self.file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            _lock(self.file)
        except BlockingIOError:
            self.release()
            raise _already_running(path) from None
        except OSError as error:
            self.release()
            if error.errno not in _SAID_LATER:
                told = f"{path} cannot be opened for writing: {error.strerror}"
                raise DatabaseRefused(told) from error

    def release(self) -> None:
        """Let others have it. SQLite's connections to the file are closed before."""
        if self.file is not None:
            os.close(self.file)
            self.file = None


def is_claimed(path: Path) -> bool:
    """Whether a process has claimed the file. The claim is not tried; nobody is sent away for it.

    Not for a process that has the database open.
    """
    return _is_locked(path, _BYTE)


def has_open_index(path: Path) -> bool:
    """Whether a connection of somebody's has the index of the WAL beside the database open."""
    return _is_locked(index_path(path), _DEAD_MAN)


def _is_locked(path: Path, byte: int) -> bool:
    """Whether anybody has a lock on the byte of the file, wherever that one can be seen from."""
    if not _has_such_locks():
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _write_lock(byte))
        return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(file)


def is_claimed_elsewhere(path: Path) -> bool:
    """Whether a process works on the file under another name, and its WAL is not beside this one.

    Who works under this name holds the lock beside it, or, where that cannot be seen from here (in
    a container), has the index beside it open. Not for a process that has the database open.
    """
    if not is_claimed(path):
        return False
    return holder(lock_path(path)) in (None, os.getpid()) and not has_open_index(path)


def refuse_elsewhere(path: Path) -> None:
    """Raise `AlreadyRunning` where what is read under this name is not what is recorded."""
    if is_claimed_elsewhere(path):
        raise _already_running(path)


def _already_running(path: Path) -> AlreadyRunning:
    return AlreadyRunning(
        f"another agentd works on the file {path}, perhaps under another name (a hard link, a "
        "mount): use that one, or stop it first"
    )


def _lock(file: int) -> None:
    if _has_such_locks():
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _write_lock(_BYTE))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise


def _has_such_locks() -> bool:
    """Whether the system has locks of that kind, and its structure is the one known here."""
    return sys.platform == "linux" and sys.maxsize > 2**32


def _write_lock(byte: int) -> bytes:
    return _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
