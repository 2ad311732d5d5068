"""What `agentd doctor` makes of a daemon that is not there, not to be seen, or behind a relay."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agentd.daemon.lock import database_lock, socket_lock
from agentd.doctor.finding import FAILED, OK, WARNING, Finding
from tests.command_line import agentd
from tests.daemon_process import REPOSITORY, SERVE, DaemonProcess, environment
from tests.databases import traces
from tests.doctor import examined, not_ok, pretend_a_local_disk, told
from tests.wire.steps import eventually

PATIENCE_SECONDS = 30.0


@pytest.fixture(autouse=True)
def local_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run does not matter."""
    pretend_a_local_disk(monkeypatch)


def of_the_daemon(home: Path, **extra: str | None) -> list[Finding]:
    """What is found of socket and lock."""
    return [f for f in examined(home, **extra) if f.what in {"socket", "lock"}]


# Nobody answers


def test_no_daemon(home: Path) -> None:
    """It is a warning that says how to start one, and that it may be elsewhere."""
    found, lock = of_the_daemon(home)
    assert (found.status, lock.status) == (WARNING, OK)
    assert found.finding == f"no daemon: there is nothing at {home}/agentd.sock"
    assert "agentd serve" in found.advice
    assert "AGENTD_SOCKET_PATH" in found.advice
    ended = agentd(home, "doctor")
    assert ended.code == 0
    assert "warning  socket       no daemon: " in ended.out


@pytest.mark.parametrize("left", [False, True], ids=["no socket", "a dead socket"])
def test_a_daemon_without_its_socket(home: Path, left: int) -> None:
    """It fails, and nobody is told to start another one."""
    home.mkdir(mode=0o700)
    path = home / "agentd.sock"
    if left:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    with database_lock(home / "agent_state.db"), socket_lock(path):
        found = of_the_daemon(home)
    pid = os.getpid()
    assert [(each.status, each.finding) for each in found] == [
        (FAILED, f"nobody listens on {path}, and pid {pid} holds its lock"),
        (FAILED, f"pid {pid} holds the database's lock, and nobody answers on the socket"),
    ]
    assert "start" not in found[0].advice.replace("that starts", "")


def test_a_daemon_under_another_name(home: Path, daemon: DaemonProcess) -> None:
    """It is in plain sight; where its names are is told, and what is not seen is not checked."""
    other = home.parent / "other"
    other.mkdir(mode=0o700)
    link = other / "agent_state.db"
    link.hardlink_to(daemon.database)
    found = {f.what: f for f in examined(other) if f.status != OK and f.what != "socket"}
    told_of = found.pop("database")
    assert told_of.status == FAILED
    assert f"a daemon works on {link} under another name" in told_of.finding
    command = told_of.advice.split("`")[1]
    names = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False).stdout
    assert {f"{link}", f"{daemon.database}"} <= set(names.splitlines())
    lock = found.pop("lock")
    assert (lock.status, "cannot be seen" in lock.finding) == (FAILED, False)
    assert {each.finding for each in found.values()} == {"not checked"}
    assert traces(other).keys() == {link.name}
    link.unlink()


# Somebody else answers for it


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Send what comes, until nothing does."""
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def relay(path: Path, daemon: Path) -> Iterator[None]:
    """What listens at a path and passes on to a daemon, as socat and ssh -L do."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=serve_one, args=(client,)).start()

        def serve_one(client: socket.socket) -> None:
            with client, socket.socket(socket.AF_UNIX) as server:
                server.connect(str(daemon))
                back = threading.Thread(target=pass_on, args=(server, client))
                back.start()
                pass_on(client, server)
                back.join()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_relay(daemon: DaemonProcess) -> None:
    """What passes on is no second daemon, be this daemon behind it or one elsewhere."""
    path = daemon.home / "relay.sock"
    with relay(path, daemon.socket_path):
        near = not_ok(daemon.home, AGENTD_SOCKET_PATH=str(path))
        far = not_ok(daemon.home.parent / "home2", AGENTD_SOCKET_PATH=str(path))
        [answer] = told(daemon.home, "socket", AGENTD_SOCKET_PATH=str(path))
    through = f"pid {os.getpid()} answers on the socket, and passes on to a daemon"
    assert near == [(WARNING, "lock", f"held by pid {daemon.pid}; {through}")]
    assert far == [(WARNING, "lock", f"held by nobody that is seen from here; {through}")]
    assert answer == f"a daemon answers on {path}, through pid {os.getpid()}"


# In other pid namespaces

NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
DOCTOR = (sys.executable, "-m", "agentd", "doctor")


def can_unshare() -> bool:
    """Whether pid namespaces can be made here."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0


namespaces = pytest.mark.skipif(not can_unshare(), reason="no pid namespace can be made here")


@namespaces
def test_a_daemon_in_a_container(home: Path) -> None:
    """From outside it is one daemon, with the pid that it has there."""
    with subprocess.Popen(
        [*NAMESPACE, *SERVE], cwd=REPOSITORY, env=environment(home, {}), stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert eventually(
                lambda: told(home, "socket")[0].startswith("the daemon, pid "),
                time.time() + PATIENCE_SECONDS,
            )
            assert not_ok(home) == []
            assert (home / "agentd.lock").read_text(encoding="ascii") == "1\n"
            [held] = told(home, "lock")
            assert held.startswith("held by pid ")
            assert held != "held by pid 1, which answers on the socket"
        finally:
            process.kill()


@namespaces
def test_a_doctor_in_another_container(daemon: DaemonProcess) -> None:
    """It says that it cannot see who holds the lock, and claims neither two nor another one."""
    ended = subprocess.run(
        [*NAMESPACE, *DOCTOR],
        cwd=REPOSITORY,
        env=environment(daemon.home, {}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    [lock] = [line for line in ended.stdout.splitlines() if " lock " in line]
    assert lock.startswith(
        "ok       lock         held by a process that cannot be seen from here, "
    )
