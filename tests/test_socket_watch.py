"""The daemon's socket is removed under it, and it is bound again: where the place is free."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.daemon.listener import Listener
from agentd.daemon.socket_watch import SocketWatch
from tests.command_line import agentd
from tests.daemon_process import REPOSITORY, SERVE, Connection, DaemonProcess, environment
from tests.wire.steps import eventually, register, status_of

SOON_SECONDS = 30.0
"""Far more than the few seconds that it takes, for a machine that is busy."""


class Entrance:
    """In the place of the acceptor: which socket it lets clients in from."""

    def __init__(self) -> None:
        self.moved_to: list[socket.socket] = []

    def move(self, listening: socket.socket) -> None:
        self.moved_to.append(listening)


class Place:
    """A listener in a home, and what looks after it."""

    def __init__(self, home: Path, path: Path) -> None:
        self.home, self.path = home, path
        home.mkdir()
        path.parent.mkdir(exist_ok=True)
        self.listener = Listener(path)
        self.entrance = Entrance()

    def look(self, *changes: str) -> int:
        """Look before and after shell commands; how often it was bound again by then."""

        async def made() -> SocketWatch:
            return SocketWatch(self.home, self.listener, self.entrance)  # type: ignore[arg-type]

        watch = asyncio.run(made())
        watch.look()
        for change in changes:
            subprocess.run(change, shell=True, check=True, cwd=self.home.parent)  # noqa: S602
            watch.look()
        watch.stop()
        return len(self.entrance.moved_to)

    def close(self) -> None:
        for listening in (self.listener.socket, *self.entrance.moved_to):
            listening.close()


@pytest.fixture
def place(home: Path) -> Iterator[Place]:
    """A socket in its home."""
    made = Place(home, home / "agentd.sock")
    yield made
    made.close()


def can_connect(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def test_a_socket_that_was_removed(place: Place) -> None:
    """It is bound again, each time, with its mode, and removed at the end."""
    assert place.look() == 0
    assert place.look("rm home/agentd.sock", "true", "rm home/agentd.sock") == 2
    assert can_connect(place.path)
    assert place.path.stat().st_mode & 0o777 == 0o600
    place.listener.remove()
    assert not place.path.exists()


def test_a_socket_that_was_handed_over(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Its file is left at the end; one that was removed is bound again, and is ours then."""
    place.listener = Listener(place.path, place.listener.socket)
    assert place.look() == 0
    place.listener.remove()
    assert place.path.is_socket()
    assert place.look("rm home/agentd.sock") == 1
    assert caplog.messages[-1].startswith("what listened there for this daemon has to be restarted")
    place.listener.remove()
    assert not place.path.exists()


@pytest.mark.parametrize("other", ["touch", "mkdir", "ln -s nowhere", "mkfifo"])
def test_something_else_in_its_place(
    place: Place, caplog: pytest.LogCaptureFixture, other: str
) -> None:
    """It is left as it is, the log says once that nobody gets in; gone, the socket comes back."""
    change = f"rm home/agentd.sock; {other} home/agentd.sock"
    assert place.look(change, "true", "true") == 0
    assert os.path.lexists(place.path)
    [said] = caplog.messages
    assert said.startswith(f"nobody can reach this daemon on {place.path}: cannot bind the socket")
    assert said.endswith("what is not a socket has come in its place: move it away")
    assert place.look("rm -r home/agentd.sock") == 1


@pytest.mark.parametrize("change", ["mv home away", "rm -r home"])
def test_another_home_in_its_place(place: Place, change: str) -> None:
    """A home that was moved away or removed took its socket's place along: this is another's.

    So it is where the new folder gets the number of the one that was removed.
    """
    assert place.look(change, "mkdir home", "true") == 0
    assert list(place.home.iterdir()) == []


def test_a_folder_that_was_removed(home: Path) -> None:
    """A socket outside of the home gets its folder back, too."""
    place = Place(home, home.parent / "run" / "agentd.sock")
    assert place.look("rm -r run") == 1
    assert can_connect(place.path)
    place.close()


def test_a_daemon_whose_socket_was_removed(daemon: DaemonProcess) -> None:
    """New clients get in within seconds, old ones are not disturbed, and the log says so."""
    with daemon.connect() as old:
        task = register(old)
        daemon.socket_path.unlink()
        assert eventually(lambda: can_connect(daemon.socket_path), time.time() + SOON_SECONDS)
        with daemon.connect() as new:
            assert status_of(new, task)["counts"] == {"PENDING": 1}
        assert status_of(old, task)["counts"] == {"PENDING": 1}
    assert f"the socket {daemon.socket_path} was removed: it is bound again" in daemon.stderr()
    assert daemon.stop() == 0
    assert not daemon.socket_path.exists()


def test_a_client_where_something_else_is_there(daemon: DaemonProcess) -> None:
    """It is told what to move away, not to wait; then the daemon is there again."""
    other = daemon.socket_path.with_name("other")
    other.touch()
    other.replace(daemon.socket_path)
    ended = agentd(daemon.home, "call", "Health")
    assert ended.code == 3
    assert f"with pid {daemon.pid} lost its socket {daemon.socket_path}" in ended.error
    assert "something else is there now; move that away" in ended.error
    daemon.socket_path.unlink()
    assert eventually(lambda: can_connect(daemon.socket_path), time.time() + SOON_SECONDS)


# A closed terminal


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop(daemon: DaemonProcess, number: signal.Signals) -> None:
    """Each of these signals is one: a closed terminal is no crash."""
    daemon.signal(number)
    assert daemon.wait() == 0
    assert re.search(r"INFO  stopped\n\Z", daemon.stderr())
    assert not daemon.socket_path.exists()
    assert not daemon.database.with_name("agent_state.db-wal").exists()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="signals are read in /proc")
def test_a_daemon_that_is_to_outlive_its_terminal(home: Path) -> None:
    """What nohup ignores stays ignored."""
    with subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *SERVE],
        cwd=REPOSITORY,
        env=environment(home, {}),
        stderr=subprocess.DEVNULL,
    ) as process:
        path = home / "agentd.sock"
        assert eventually(lambda: can_connect(path), time.time() + SOON_SECONDS)
        with Connection(path) as connection:  # it has set up all its signals when it answers
            connection.call("Health")
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        ignored = int(re.findall(r"SigIgn:\s+(\w+)", status)[0], 16)
        assert ignored >> (signal.SIGHUP - 1) & 1
        process.terminate()
        assert process.wait(SOON_SECONDS) == 0
