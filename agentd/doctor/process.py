"""The daemon, if there is one: does it answer, and does it hold what it should?

The rule this file keeps: nothing is tried that a daemon could notice but a question it answers. A
lock is not tried, because a daemon that starts at that moment would be sent away.
"""

import resource
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agentd.client import Client
from agentd.daemon.acceptor import MOST_CONNECTIONS, RESERVE
from agentd.daemon.lock import database_lock
from agentd.doctor.finding import Finding, Subject, failed, not_checked, ok, warning
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.holders import holder, socket_lock_path
from agentd.peers import peer
from agentd.socket_path import too_long
from agentd.store.sqlite.claim import is_claimed, is_claimed_elsewhere

PATIENCE_SECONDS = 5.0


class DaemonAnswer(Struct, frozen=True):
    """What came of asking the daemon.

    `pid` is who answers, None where nobody does or the kernel does not say who; `is_daemon` whether
    that one holds the socket's lock, as a daemon does, and what only passes on to one does not.
    """

    finding: Finding
    answers: bool = False
    pid: int | None = None
    is_daemon: bool = False


def ask(path: Path | None) -> DaemonAnswer:
    """Ask the daemon how it is, on the socket at `path`."""
    if path is None:
        return DaemonAnswer(not_checked("socket", "AGENTD_SOCKET_PATH"))
    if (told := too_long(path)) is not None:
        found, _, advice = told.rpartition(": ")
        return DaemonAnswer(failed("socket", found, advice))
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        advice = (
            "start it with `agentd serve`, or compare AGENTD_HOME and AGENTD_SOCKET_PATH with its "
            "settings"
        )
        return DaemonAnswer(_no_listener(path, f"no daemon: there is nothing at {path}", advice))
    if not stat.S_ISSOCK(mode):
        advice = "move it away, or set AGENTD_SOCKET_PATH"
        return DaemonAnswer(failed("socket", f"{path} is not a socket", advice))
    return _ask(path)


def _no_listener(path: Path, told: str, advice: str) -> Finding:
    """Nobody listens: is there a daemon all the same?"""
    holding = holder(socket_lock_path(path))
    if holding is None:
        return warning("socket", told, advice)
    return failed(
        "socket",
        f"nobody listens on {path}, and {_pid(holding)} holds its lock",
        "look again in a few seconds: a daemon that starts, or that lost its socket, listens by "
        "then; else look at its log",
    )


def _ask(path: Path) -> DaemonAnswer:
    try:
        pid = _listening_pid(path)
        with Client(path, PATIENCE_SECONDS) as client:
            health = client.call("Health")
    except ConnectionRefusedError:
        told = f"nobody listens on {path}: its daemon was killed"
        return DaemonAnswer(_no_listener(path, told, "start the daemon: it replaces the socket"))
    except OSError as error:
        told = f"{path}: {error.strerror or error}"
        return DaemonAnswer(failed("socket", told, "is the daemon another user's?"))
    except (DaemonUnreachable, RequestRefused) as error:
        advice = "look at the daemon's log; if it is stopped, continue it or start it again"
        return DaemonAnswer(failed("socket", str(error), advice))
    is_daemon = pid is not None and holder(socket_lock_path(path)) == pid
    if (health["status"], health["database"]) != ("ok", "ok"):
        told = f"a daemon answers on {path}: {health['status']}, database {health['database']}"
        found = failed("socket", told, "look at the daemon's log")
    elif is_daemon:
        found = ok("socket", f"the daemon, pid {pid}, answers on {path}")
    else:
        found = ok("socket", f"a daemon answers on {path}, through {_pid(pid)}")
    return DaemonAnswer(found, answers=True, pid=pid, is_daemon=is_daemon)


def _listening_pid(path: Path) -> int | None:
    """Who listens, as the kernel knows it; None where it does not say, or not here."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.connect(str(path))
        pid = peer(client)[0]
        return pid if isinstance(pid, int) and pid > 0 else None


def lock(subject: Subject, answered: DaemonAnswer) -> Iterator[Finding]:
    """Does the daemon that answers hold the database's lock?"""
    if subject.database is None:
        yield not_checked("lock", "AGENTD_DATABASE_URL")
        return
    if is_claimed_elsewhere(subject.database):
        told = "a daemon holds the database under another name"
        yield failed("lock", told, "see what is said of database")
        return
    holding = database_lock(subject.database).holder()
    if holding is None and is_claimed(subject.database):
        holding = 0  # of a process that cannot be seen from here
    if holding is None and not answered.answers:
        yield ok("lock", "nobody holds the database's lock")
    elif not answered.answers:
        told = f"{_pid(holding)} holds the database's lock, and nobody answers on the socket"
        advice = "wait, if it starts, stops or restores; else look whether it listens elsewhere"
        yield failed("lock", told, advice)
    elif holding == 0 and not answered.pid:
        yield ok("lock", f"held by {_pid(holding)}, and one answers on the socket")
    elif answered.pid and (holding == answered.pid or (answered.is_daemon and holding == 0)):
        yield ok("lock", f"held by pid {answered.pid}, which answers on the socket")
    elif answered.is_daemon:
        yield _other_database(subject, answered, holding)
    else:
        yield _relay(subject, answered, holding)


def _other_database(subject: Subject, answered: DaemonAnswer, holding: int | None) -> Finding:
    """A daemon answers, and it is not this database's."""
    if holding is None:
        told = (
            f"pid {answered.pid} answers on the socket and does not hold the lock on "
            f"{subject.database}"
        )
        return failed("lock", told, "it serves another database: compare its settings with these")
    told = f"pid {holding} holds the database's lock, and pid {answered.pid} answers on the socket"
    return failed("lock", told, "stop one of them: they are two daemons")


def _relay(subject: Subject, answered: DaemonAnswer, holding: int | None) -> Finding:
    """What answers holds no lock: a relay, or a daemon that cannot be seen from here."""
    path = subject.socket_path
    if holding is not None and path is not None and holder(socket_lock_path(path)) == holding:
        return ok("lock", f"held by {_pid(holding)}, as is the socket's")
    held = "nobody that is seen from here" if holding is None else _pid(holding)
    told = f"held by {held}; {_pid(answered.pid)} answers on the socket, and passes on to a daemon"
    return warning("lock", told, "to see whose daemon it is, run this where it runs")


def _pid(pid: int | None) -> str:
    return f"pid {pid}" if pid else "a process that cannot be seen from here"


def open_files(answered: DaemonAnswer) -> Iterator[Finding]:
    """How many connections does the limit of open files leave room for?"""
    needed = MOST_CONNECTIONS + RESERVE
    if answered.is_daemon and answered.pid is not None and hasattr(resource, "prlimit"):
        most, _ = resource.prlimit(
            answered.pid, resource.RLIMIT_NOFILE
        )  # it has raised it by itself
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
