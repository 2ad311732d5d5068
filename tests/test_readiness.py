"""Whoever started the daemon is told when clients can be served, and hands over what is right."""

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from agentd.daemon import ready_line as ready_lines
from agentd.daemon.inherited_socket import inherited_socket
from agentd.daemon.ready_line import ReadyLine
from agentd.daemon.service_manager import take_manager, take_sockets
from agentd.daemon.start_extension import extended_start
from agentd.daemon.supervision import take_supervision
from agentd.daemon.watchdog import Watchdog
from agentd.daemon.writer import SubmittedCommand
from agentd.errors import BadSetting, Failure
from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    SERVE,
    Connection,
    DaemonProcess,
    environment,
)
from tests.wire.steps import eventually

AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="s")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """In the place of systemd: what it is told, message by message."""

    def __init__(self, name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        self._socket.settimeout(PATIENCE_SECONDS)
        self.name = name

    def next(self) -> list[str]:
        """The lines of the next message."""
        return self._socket.recv(4096).decode().splitlines()

    def next_state(self) -> str:
        """The first line of the next message that is not of the watchdog."""
        while (line := self.next()[0]) == "WATCHDOG=1":
            pass
        return line

    def has_more(self) -> bool:
        """Whether it has been told more by now."""
        self._socket.settimeout(0)
        try:
            return bool(self._socket.recv(4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """One that listens."""
    name = f"@{tmp_path.name}-{os.getpid()}"
    made = Manager(name)
    yield made
    made.close()


# A service manager


def test_a_service_manager_is_told(home: Path) -> None:
    """When clients can be served, and that it stops; what the daemon starts knows nothing of it."""
    home.parent.mkdir(exist_ok=True)
    manager, seen = Manager(str(home.parent / "notify")), home.parent / "seen"
    told = {
        "NOTIFY_SOCKET": manager.name,
        "AGENTD_NOTIFY": f"env > {seen}.part; mv {seen}.part {seen}",
    }
    with DaemonProcess(home, **told) as daemon:
        ready = ["READY=1", f"STATUS=serving clients on {daemon.socket_path}"]
        assert manager.next() == ready
        with daemon.connect() as connection:
            task = connection.call("RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
            connection.call("CancelTask", task_id=task)
        assert eventually(seen.exists, time.time() + PATIENCE_SECONDS)
        inherited = seen.read_text().splitlines()
        assert not [line for line in inherited if line.startswith("NOTIFY_SOCKET")]
        assert "AGENTD_AUTOSTART=0" in inherited
        daemon.stop()
        assert manager.next()[0] == "STOPPING=1"
    manager.close()


def test_an_abstract_address_and_the_watchdog(home: Path, manager: Manager) -> None:
    """`@name` is one without a file; the watchdog is told again and again."""
    watched = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "300000"}
    with DaemonProcess(home, **watched) as daemon:
        assert manager.next()[0] == "READY=1"
        assert [manager.next() for _ in range(3)] == [["WATCHDOG=1"]] * 3
        daemon.signal(signal.SIGTERM)
        assert manager.next_state() == "STOPPING=1"


def test_a_manager_that_is_gone_stops_no_daemon(home: Path) -> None:
    """The log says that it was not told, and clients are served."""
    with DaemonProcess(home, NOTIFY_SOCKET=str(home.parent / "nobody")) as daemon:
        assert "the service manager was not told READY=1" in daemon.stderr()


def test_what_systemd_gives_is_taken_away() -> None:
    """The variables are gone, whether they were for this process or not."""
    pid = str(os.getpid())
    mine = {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": pid}
    fds = {"LISTEN_FDS": "2", "LISTEN_PID": pid, "LISTEN_FDNAMES": "a"}
    environ = {**mine, **fds, "HOME": "/h"}
    with pytest.raises(BadSetting):
        take_supervision(dict(environ), 999_999)
    assert take_manager(environ).watchdog_seconds == 2
    assert take_sockets(environ) == {3: "a", 4: ""}
    assert environ == {"HOME": "/h"}
    others = {**mine, **fds, "WATCHDOG_PID": "1", "LISTEN_PID": "1"}
    assert take_manager(others).watchdog_seconds is None
    assert take_sockets(others) == {}
    assert others == {}


@pytest.mark.parametrize("address", ["", "vsock:2:1", "relative"])
def test_an_address_that_is_none(address: str) -> None:
    """It is left out, and the watchdog with it."""
    manager = take_manager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"})
    assert not manager.listens
    assert manager.watchdog_seconds is None


class Hanging:
    """In the place of the writer: it takes commands, and answers when it is told to."""

    def __init__(self) -> None:
        self.commands: list[SubmittedCommand] = []

    def submit(self, command: SubmittedCommand) -> None:
        self.commands.append(command)


def test_a_writer_that_hangs_is_not_alive(manager: Manager) -> None:
    """Nothing is told until the command has come back, and only one is under way."""
    writer = Hanging()
    watchdog = Watchdog(take_manager({"NOTIFY_SOCKET": manager.name}), writer)  # type: ignore[arg-type]
    for _ in range(3):
        watchdog.look()
    assert len(writer.commands) == 1
    assert not manager.has_more()
    watchdog.answer(writer.commands[0], None)  # type: ignore[arg-type]
    assert manager.has_more()
    watchdog.look()
    assert len(writer.commands) == 2


@pytest.mark.parametrize("step", [1.0, 0.0])
def test_a_long_start_asks_for_more_time(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """As long as it works: a start that hangs is ended."""
    looks = 0

    def processor_time() -> float:
        nonlocal looks
        looks += 1
        return looks * step

    monkeypatch.setattr(time, "process_time", processor_time)
    with extended_start(take_manager({"NOTIFY_SOCKET": manager.name}), 0.02):
        assert eventually(lambda: looks > 3, time.time() + PATIENCE_SECONDS)
    assert manager.has_more() == (step > 0)


# A line on a descriptor


def test_a_ready_line(home: Path) -> None:
    """Who reads it may use the daemon; then the descriptor is closed."""
    reading, writing = os.pipe()
    command = [*SERVE, "--ready-fd", str(writing)]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(home, {}),
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            assert told.readline() == b"ready\n"
            assert select.select([told], [], [], PATIENCE_SECONDS)[0]
            assert told.read() == b""  # it is closed
        with Connection(home / "agentd.sock") as connection:
            assert connection.call("Health")["status"] == "ok"
        process.terminate()


@pytest.mark.parametrize(
    ("descriptor", "said"),
    [
        ("77", "there is no such descriptor open"),
        ("0", "expected a whole number from 1"),
        ("2", "the log goes there"),
        ("x", "expected a whole number from 1"),
    ],
)
def test_a_descriptor_that_will_not_do(home: Path, descriptor: str, said: str) -> None:
    """It is refused before anything is made."""
    ended = subprocess.run(
        [*SERVE, "--ready-fd", descriptor],
        cwd=REPOSITORY,
        env=environment(home, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not home.exists()


def test_a_descriptor_for_reading() -> None:
    """It cannot be written to."""
    reading, writing = os.pipe()
    with pytest.raises(BadSetting, match="it is for reading"):
        ReadyLine(reading)
    os.close(reading)
    os.close(writing)


def fill(pipe: int) -> None:
    """Write until no more goes in."""
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, bytes(65_536))


def test_nobody_reads_the_line(caplog: pytest.LogCaptureFixture) -> None:
    """A pipe that is full, or has no reader any more, holds nobody up."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
    fill(writing)
    fcntl.fcntl(writing, fcntl.F_SETFL, 0)
    ReadyLine(writing).write(ready_lines.READY)
    os.close(reading)
    reading, writing = os.pipe()
    os.close(reading)
    ReadyLine(writing).write(ready_lines.READY)
    assert [line.split(":")[0] for line in caplog.messages] == [
        f"nobody reads descriptor {writing}",
        f"cannot write to descriptor {writing}",
    ]


# A socket that is there before the daemon


def listening(path: Path, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket at a path."""
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(str(path))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


def test_socket_activation(home: Path) -> None:
    """Who came before the daemon is answered; the socket outlives the daemon."""
    home.mkdir(mode=0o700)
    path = home / "agentd.sock"
    with ExitStack() as stack:
        there = stack.enter_context(listening(path))
        early = stack.enter_context(Connection(path))
        process = subprocess.Popen(
            [sys.executable, "-c", AS_SYSTEMD, str(there.fileno()), *SERVE],
            cwd=REPOSITORY,
            env=environment(home, {}),
            pass_fds=(there.fileno(),),
            stderr=subprocess.PIPE,
        )
        assert early.call("Health")["status"] == "ok"
        process.terminate()
        _, log = process.communicate()
        assert process.returncode == 0
        assert b"set SocketMode=0600 in its unit" in log
        assert path.is_socket()
        late = stack.enter_context(socket.socket(socket.AF_UNIX))
        late.connect(str(path))


def test_a_socket_that_is_not_the_daemons(home: Path) -> None:
    """It is refused with what it is, and stays open."""
    home.mkdir(mode=0o700)
    path, other = home / "agentd.sock", home / "other.sock"
    with ExitStack() as stack:
        elsewhere = stack.enter_context(listening(other))
        datagrams = stack.enter_context(listening(home / "d", socket.SOCK_DGRAM))
        internet = stack.enter_context(socket.socket())
        idle = stack.enter_context(socket.socket(socket.AF_UNIX))
        idle.bind(str(home / "idle"))
        gone = stack.enter_context(listening(path))
        path.unlink()
        refused = {
            elsewhere: f"listens on '{other}', and clients look on {path}",
            datagrams: "is not a Unix stream",
            internet: "is not a Unix stream",
            idle: "does not listen",
            gone: "is gone",
        }
        for made, why in refused.items():
            with pytest.raises(Failure, match=why):
                inherited_socket({made.fileno(): "s"}, path)
            made.getsockname()
        with pytest.raises(Failure, match="2 sockets were handed over"):
            inherited_socket({3: "a", 4: "b"}, path)
        reading, writing = os.pipe()
        with pytest.raises(Failure, match="is no socket"):
            inherited_socket({reading: "s"}, path)
        os.close(reading)
        os.close(writing)
    assert inherited_socket({}, path) is None
