"""Who holds a lock.

The rule this file keeps: it is looked up and never tried, because a daemon that starts at that
moment would be sent away.
"""

import os
import stat
from pathlib import Path

_LOCKS = Path("/proc/locks")
"""The locks that the kernel knows of, those of processes that can be seen from here: proc(5)."""

_SIGNATURE = 32
"""Bytes that a pid and its newline have room in."""

_PROCESSES = Path("/proc")


def socket_lock_path(socket: Path | str) -> Path:
    """The lock beside a socket: only its holder may replace what is there."""
    return Path(f"{socket}.lock")


def holder(lock: Path) -> int | None:
    """The pid of whoever holds the lock, 0 where nobody knows it, or None where it is free.

    It is the pid as it is seen from here: the file has the one that its holder sees, and in a
    container that is another.
    """
    try:
        found, pid = _read_lock(lock)
    except OSError:
        return None
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:  # not Linux: the pid in the file has to do
        return pid if pid > 0 and is_alive(pid) else None
    return next(
        (its for line in lines if (its := _holder_in_line(line, found, pid)) is not None), None
    )


def _read_lock(lock: Path) -> tuple[os.stat_result, int]:
    """The file, and the pid in it or 0; whatever is at that path, it is not waited for."""
    file = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
        text = os.read(file, _SIGNATURE) if stat.S_ISREG(found.st_mode) else b""
    finally:
        os.close(file)
    return found, int(text) if text.strip().isdigit() else 0


def _holder_in_line(line: str, found: os.stat_result, signed: int) -> int | None:
    """Who holds it, if the line is about this lock: `1: FLOCK ADVISORY WRITE 123 fe:00:456 0 EOF`.

    A waiter's line has an arrow in it, and says nothing of who holds the lock.
    """
    _number, *before, pid, place, _start, _end = line.split()
    device, _, inode = place.rpartition(":")
    if before[:1] != ["FLOCK"] or int(inode) != found.st_ino:
        return None
    its = max(int(pid), 0)
    shown = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    # Some file systems show programs another device than the kernel's own.
    return its if device == shown or signed in (its, *_inner_pids(its)) else None


def _inner_pids(pid: int) -> list[int]:
    """What a process is called in the pid namespaces that it is in, below ours."""
    try:
        lines = (_PROCESSES / str(pid) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [int(each) for line in lines if line.startswith("NSpid:") for each in line.split()[1:]]


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # another user's
    return True
