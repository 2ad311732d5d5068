"""One daemon per home, per database and per socket.

The rule this file keeps: the lock is the kernel's (flock), so it goes when its holder goes, however
that dies. The lock file stays where it is, because removing it would let two daemons lock two files
of the same name; it says who holds it.
"""

import errno
import fcntl
import os
import re
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from agentd import holders
from agentd.database_files import lock_path
from agentd.errors import AlreadyRunning, Failure

_LONGEST = 21
_PID = re.compile(rb"\d{0,20}\n?")
"""What a lock file holds: nothing while it is new, then its holder's pid."""


class Lock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises `AlreadyRunning` with the pid of its holder, and `Failure`."""
        file = self._open()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _signed_pid(file)
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

    def _open(self) -> int:
        """The lock file, made where there is none. Raises `Failure` where it is not agentd's.

        Others may have made what has that name: no link is followed, no device or pipe waited for.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            file = os.open(self.path, flags, 0o600)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Failure(self._not_ours("is a symbolic link")) from error
            raise Failure(f"cannot open the lock {self.path}: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(file).st_mode):
            told = "is not a file"
        elif not _PID.fullmatch(os.pread(file, _LONGEST + 1, 0)):
            told = "holds something else than a pid"
        else:
            return file
        os.close(file)
        raise Failure(self._not_ours(told))

    def _not_ours(self, what: str) -> str:
        return (
            f"{self.path} is where agentd keeps a lock, and {what}, so it is left as it is: "
            "move it away, or choose another name for what it would lock"
        )

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def holder(self) -> int | None:
        """The pid of its holder: see `holders.holder`."""
        return holders.holder(self.path)

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


def _signed_pid(file: int) -> str:
    """The pid in the lock file; that of a dead one stays until the next holder has signed."""
    text = os.read(file, 32).decode(errors="replace").strip()
    return text if text.isascii() and text.isdigit() and holders.is_alive(int(text)) else "unknown"


def home_lock(home: Path) -> Lock:
    """The lock on a home directory."""
    return Lock(home / "agentd.lock")


def database_lock(database: Path) -> Lock:
    """The lock on a database, whatever path leads to it."""
    return Lock(lock_path(database.resolve()))


def socket_lock(socket: Path) -> Lock:
    """The lock on a socket's path: only its holder may replace what is there."""
    return Lock(holders.socket_lock_path(socket))
