"""The daemon, if there is one: does it answer, and does it hold what it should?

The rule this file keeps: nothing is tried that a daemon could notice but a question it answers. A
lock is not tried, because a daemon that starts at that moment would be sent away.
"""

import os
import resource
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agentd.client import Client
from agentd.daemon.door import MOST_CONNECTIONS, RESERVE
from agentd.daemon.lock import database_lock
from agentd.doctor.finding import Finding, Subject, failed, not_checked, ok, warning
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.peers import peer
from agentd.store.sqlite.claim import is_claimed

PATIENCE_SECONDS = 5.0
_LONGEST_SOCKET = 107 if os.uname().sysname == "Linux" else 103


class Answered(Struct, frozen=True):
    """What came of asking the daemon: its pid where it answers, and what there is to say."""

    pid: int | None
    finding: Finding


def ask(path: Path | None) -> Answered:
    """Ask the daemon how it is, on the socket at `path`."""
    if path is None:
        return Answered(None, not_checked("socket", "AGENTD_SOCKET_PATH"))
    if (longer := len(os.fsencode(path))) > _LONGEST_SOCKET:
        told = f"{path} has {longer} bytes, a socket's path at most {_LONGEST_SOCKET}"
        return Answered(None, failed("socket", told, "set AGENTD_SOCKET_PATH to a shorter one"))
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return Answered(None, ok("socket", f"no daemon: there is nothing at {path}"))
    if not stat.S_ISSOCK(mode):
        advice = "move it away, or set AGENTD_SOCKET_PATH"
        return Answered(None, failed("socket", f"{path} is not a socket", advice))
    return _ask(path)


def _ask(path: Path) -> Answered:
    try:
        pid = _pid(path)
        with Client(path, PATIENCE_SECONDS) as client:
            health = client.call("Health")
    except ConnectionRefusedError:
        told = f"nobody listens on {path}: its daemon was killed"
        return Answered(None, warning("socket", told, "start the daemon: it replaces the socket"))
    except OSError as error:
        told = f"{path}: {error.strerror or error}"
        return Answered(None, failed("socket", told, "is the daemon another user's?"))
    except (DaemonUnreachable, RequestRefused) as error:
        advice = "look at the daemon's log; if it is stopped, continue it or start it again"
        return Answered(None, failed("socket", str(error), advice))
    if (health["status"], health["database"]) != ("ok", "ok"):
        told = f"pid {pid} answers on {path}: {health['status']}, database {health['database']}"
        return Answered(pid, failed("socket", told, "look at the daemon's log"))
    return Answered(pid, ok("socket", f"the daemon, pid {pid}, answers on {path}"))


def _pid(path: Path) -> int | None:
    """Who listens, as the kernel knows it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.connect(str(path))
        pid = peer(client)[0]
        return pid if isinstance(pid, int) else None


def lock(subject: Subject, pid: int | None) -> Iterator[Finding]:
    """Does the daemon that answers, of that `pid`, hold the database's lock?"""
    if subject.database is None:
        yield not_checked("lock", "AGENTD_DATABASE_URL")
        return
    holder = database_lock(subject.database).holder()
    if holder is None and is_claimed(subject.database):
        holder = 0  # of a process that cannot be seen from here, or under another name
    if holder is None and pid is None:
        yield ok("lock", "nobody holds the database's lock")
    elif holder is None:
        told = f"pid {pid} answers on the socket and does not hold the lock on {subject.database}"
        yield failed("lock", told, "it serves another database: compare its settings with these")
    elif pid is None:
        told = f"{_named(holder)} holds the database's lock, and nobody answers on the socket"
        advice = "wait, if it starts, stops or restores; else look whether it listens elsewhere"
        yield warning("lock", told, advice)
    elif holder and pid and holder != pid:  # 0: its pid is not known here
        told = f"pid {holder} holds the database's lock, and pid {pid} answers on the socket"
        yield failed("lock", told, "stop one of them: they are two daemons")
    else:
        yield ok("lock", f"held by {_named(holder or pid)}, which answers on the socket")


def _named(pid: int) -> str:
    return f"pid {pid}" if pid else "a process that cannot be seen from here"


def open_files(pid: int | None) -> Iterator[Finding]:
    """How many connections does the limit of open files leave room for?"""
    needed = MOST_CONNECTIONS + RESERVE
    if pid is not None and hasattr(resource, "prlimit"):
        most, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)  # it has raised it by itself
    else:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 0 or most >= needed:
        yield ok("open files", f"room for {MOST_CONNECTIONS:,} connections")
    elif most <= RESERVE:
        told = f"{most} open files at most: the daemon needs {RESERVE} besides its connections"
        yield failed("open files", told, f"raise the hard limit: `ulimit -Hn {needed}`")
    else:
        told = f"{most:,} open files at most: room for {most - RESERVE:,} connections"
        yield warning("open files", told, f"raise the hard limit to {needed:,}: `ulimit -Hn`")
