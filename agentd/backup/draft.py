"""A file that is put in its place whole, or not at all.

The rule this file keeps: what is not finished never stands under a name that somebody might read,
and goes with whoever was writing it. A draft is beside its target, locked by its writer. One that
is not locked belongs to nobody any more: its writer was killed.
"""

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.database_files import MARK, NOTE, SQLITE_FILES, beside
from agentd.durable import sync_directory, sync_file
from agentd.errors import DiskFailed, Failure

_PREFIX = "agentd-draft-"
_ANY = _PREFIX + "?" * 8  # as many as tempfile.mkstemp adds
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class Draft:
    """An empty file with mode 0600 beside `target`, until the end of its block."""

    def __init__(self, target: Path, path: Path, file: int) -> None:
        self.path = path
        self._target = target
        self._file = file

    def sync(self) -> None:
        """Have the disk keep what was written. Raises `Failure`, or `DiskFailed`."""
        try:
            sync_file(self._file)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise disk_is_full(self._target.parent) from error
            raise DiskFailed(
                f"the disk failed to keep {self.path}: {error.strerror}; choose another disk"
            ) from error

    def put(self) -> None:
        """Give the file its name, and never to the loss of another file of that name."""
        self._check()
        try:
            os.link(self.path, self._target)
        except FileExistsError:
            raise already_exists(self._target) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise cannot_write(self._target, error) from error
            raise Failure(
                f"{self._target.parent} is on a file system without hard links, so another "
                "program's new file could be overwritten: add --force, or choose another place"
            ) from error
        sync_names(self._target.parent)

    def replace(self) -> None:
        """Give the file its name, in the place of a file that may have it."""
        self._check()
        try:
            self.path.replace(self._target)
        except OSError as error:
            raise cannot_write(self._target, error) from error
        sync_names(self._target.parent)

    def _check(self) -> None:
        if not _has_name(self._file, self.path):
            raise Failure(f"{self.path} was moved, removed or replaced meanwhile: begin again")


@contextmanager
def draft_of(target: Path) -> Iterator[Draft]:
    """A draft of `target`, gone at the end of the block if it was not put in place."""
    try:
        remove_abandoned(target.parent)
        path, file = _make_locked(target.parent)
    except OSError as error:
        raise cannot_write(target, error) from error
    try:
        yield Draft(target, path, file)
    finally:
        _remove(path, file)
        os.close(file)


def sync_names(directory: Path) -> None:
    """Have the disk keep the names in a directory. Raises `DiskFailed`."""
    try:
        sync_directory(directory)
    except OSError as error:
        raise DiskFailed(f"the disk failed to keep {directory}: {error.strerror}") from error


def already_exists(target: Path) -> Failure:
    """What is said of a file that would be overwritten."""
    return Failure(f"{target} exists: choose another name, or add --force to replace it")


def disk_is_full(directory: Path) -> Failure:
    """What is said of a full disk."""
    return Failure(f"the disk is full: no room in {directory}; free some and repeat")


def cannot_write(target: Path, error: OSError) -> Failure:
    """What is said of a place that cannot be written to."""
    if error.errno in _NO_ROOM:
        return disk_is_full(target.parent)
    if isinstance(error, FileNotFoundError) and not target.parent.exists():
        return Failure(f"there is no directory {target.parent}: make it, or choose another place")
    return Failure(f"cannot write {target}: {error.strerror}")


def _make_locked(directory: Path) -> tuple[Path, int]:
    """A new file and its descriptor, locked."""
    while True:
        file, name = tempfile.mkstemp(prefix=_PREFIX, dir=directory)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:
            return Path(name), file
        os.close(file)  # somebody swept it up before it was locked


def remove_abandoned(directory: Path) -> None:
    """Remove what is left of drafts whose writers were killed."""
    for path in directory.glob(_ANY):
        with contextlib.suppress(OSError):  # another user's
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path, file)
            finally:
                os.close(file)


def _remove(draft: Path, file: int) -> None:
    """Remove the draft that is open as `file`, and what is beside it; no other file of its name."""
    if _has_name(file, draft) or not os.path.lexists(draft):
        for suffix in ("", *SQLITE_FILES, MARK, NOTE):  # what may be left of a draft
            beside(draft, suffix).unlink(missing_ok=True)


def _has_name(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except FileNotFoundError:
        return False
