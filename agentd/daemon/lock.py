"""One daemon per home, per database and per socket.

The rule this file keeps: the lock is the kernel's (flock), so it goes when its holder goes, however
that dies. The lock file stays where it is, because removing it would let two daemons lock two files
of the same name; it says who holds it.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from agentd.errors import AlreadyRunning, Failure

_LOCKS = Path("/proc/locks")
"""The locks that the kernel knows of: proc(5)."""


class Lock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises `AlreadyRunning` with the pid of its holder."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Failure(f"cannot open the lock {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _signature(file)
            os.close(file)
            raise AlreadyRunning(
                f"another agentd is already running with pid {holder} (it holds {self.path}): "
                "use that one, or stop it first"
            ) from None
        self._file = file
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            raise Failure(f"cannot write the lock {self.path}: {error.strerror}") from error

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def holder(self) -> int | None:
        """The pid of its holder, 0 where nobody knows it, or None where it is free.

        The lock is not tried for that: whoever starts at the same moment would be sent away.
        """
        try:
            found = self.path.stat()
            text = self.path.read_text(errors="replace").strip()
        except FileNotFoundError:
            return None
        pid = int(text) if text.isascii() and text.isdigit() else 0
        return pid if _is_held(found, pid) else None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _is_held(found: os.stat_result, pid: int) -> bool:
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:  # not Linux: the pid in the file has to do
        return pid > 0 and _is_alive(pid)
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    for line in lines:  # 1: FLOCK ADVISORY WRITE 123 fe:00:456 0 EOF
        *before, holder, place, _start, _end = line.split()
        its_device, _, inode = place.rpartition(":")
        # Some file systems show programs another device than the kernel's own.
        if "FLOCK" in before and int(inode) == found.st_ino:
            return its_device == device or int(holder) == pid
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # another user's
    return True


def _signature(file: int) -> str:
    """The pid in the lock file; that of a dead one stays until the next holder has signed."""
    text = os.read(file, 32).decode(errors="replace").strip()
    return text if text.isascii() and text.isdigit() and _is_alive(int(text)) else "unknown"


def home_lock(home: Path) -> Lock:
    """The lock on a home directory."""
    return Lock(home / "agentd.lock")


def database_lock(database: Path) -> Lock:
    """The lock on a database, whatever path leads to it."""
    real = database.resolve()
    return Lock(real.with_name(real.name + ".lock"))


def socket_lock(socket: Path) -> Lock:
    """The lock on a socket's path: only its holder may replace what is there."""
    return Lock(socket.with_name(socket.name + ".lock"))
