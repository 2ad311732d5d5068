"""Where agentd keeps its files: the home, the room on the disk, the kind of file system."""

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from agentd.daemon.home import refusal
from agentd.doctor.finding import Finding, Subject, failed, not_checked, ok, warning

_MIB = 2**20
_GIB = 2**30

LITTLE_SPACE = 1 * _GIB
LITTLE_SHARE = 0.05
ONE_COMMIT = 32 * _MIB
"""What one commit of the largest requests may need, in the WAL and then in the database."""

_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs", "vboxsf", "virtiofs",
}  # fmt: skip
_MEMORY = {"ramfs", "tmpfs"}
_MOUNTS = Path("/proc/self/mountinfo")


def home(subject: Subject) -> Iterator[Finding]:
    """Is it there, for its user only, and may it be written to?"""
    path = subject.home
    if path is None:
        yield not_checked("home", "AGENTD_HOME")
    elif not path.exists():
        yield ok("home", f"{path} is not there yet: the first start makes it")
    elif not path.is_dir():
        yield failed("home", f"{path} is not a directory", "move it away, or set AGENTD_HOME")
    elif os.access(path, os.R_OK | os.X_OK) and (why := refusal(path)) is not None:
        yield failed("home", *why)
    else:
        yield from owner_and_mode("home", path, 0o700)
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            told = f"{path} cannot be written to by this user"
            yield failed("home", told, "change its owner or mode, or set AGENTD_HOME")


def owner_and_mode(what: str, path: Path, mode: int) -> Iterator[Finding]:
    """Is `path` this user's, and nobody else's?"""
    found = path.stat()
    bits = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.getuid():
        told = f"{path} belongs to user {found.st_uid}, and this is user {os.getuid()}"
        say = warning if os.getuid() == 0 else failed
        yield say(what, told, "run agentd as that user, or set AGENTD_HOME elsewhere")
    elif bits & 0o077:
        told = f"{path} is open to other users (mode {bits:04o})"
        yield warning(what, told, f"run `chmod {mode:o} {path}`")
    else:
        yield ok(what, f"{path}, mode {bits:04o}")


def disk_space(subject: Subject) -> Iterator[Finding]:
    """Is there room to go on?"""
    if subject.database is None:
        yield not_checked("disk space", "AGENTD_DATABASE_URL")
        return
    place = _nearest(subject.database.parent)
    found = os.statvfs(place)
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    share = free / size if size else 1.0
    told = f"{_room(free)} ({share:.0%}) free at {place}"
    if free < ONE_COMMIT:
        yield failed("disk space", told, f"free some: one commit may need {_room(ONE_COMMIT)}")
    elif free < LITTLE_SPACE or share < LITTLE_SHARE:
        yield warning("disk space", told, "free some, or move the database to a larger disk")
    else:
        yield ok("disk space", told)


def file_system(subject: Subject) -> Iterator[Finding]:
    """Is it a local one? SQLite's locks and its WAL do not work over a network."""
    if subject.database is None:
        yield not_checked("file system", "AGENTD_DATABASE_URL")
        return
    kind = _kind(_nearest(subject.database.parent).resolve())
    if kind is None:
        yield ok("file system", f"agentd cannot tell its kind on {sys.platform}")
    elif kind in _MEMORY:
        advice = "set AGENTD_HOME or AGENTD_DATABASE_URL to a disk"
        yield warning("file system", f"{kind}: in memory, and gone with the next reboot", advice)
    elif kind in _NETWORK:
        advice = "move the database to a local disk: set AGENTD_HOME or AGENTD_DATABASE_URL"
        yield warning("file system", f"{kind}: not a local one, where writes can be lost", advice)
    else:
        yield ok("file system", kind)


def _nearest(path: Path) -> Path:
    """The path, or the first directory above it that exists."""
    return next((place for place in (path, *path.parents) if place.exists()), path)


def _kind(path: Path) -> str | None:
    """The kind of the file system that `path` is on, where the kernel tells: proc(5)."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return None
    found: dict[Path, str] = {}
    for line in lines:
        before, _, after = line.partition(b" - ")
        where = re.sub(rb"\\(\d{3})", lambda code: bytes([int(code[1], 8)]), before.split()[4])
        found[Path(os.fsdecode(where))] = after.split()[0].decode()
    return next((found[place] for place in (path, *path.parents) if place in found), None)


def _room(size: int) -> str:
    return f"{size / _GIB:,.1f} GiB" if size >= _GIB else f"{size / _MIB:,.0f} MiB"
