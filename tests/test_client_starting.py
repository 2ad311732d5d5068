"""A daemon that starts is waited for: its lock is held, and nobody listens yet."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from agentd import AsyncClient, Client, Worker, config
from agentd.client import starting
from agentd.client.young_serve import is_serve, is_serve_young
from agentd.daemon.lock import socket_lock
from agentd.errors import NobodyListens, NoSocket, NotAgentd, Starting
from agentd.holders import holder, socket_lock_path
from tests.command_line import agentd, agentd_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, SERVE, environment
from tests.fake_daemon import FakeDaemon, answers, fake_daemon

HEALTH = {
    "status": "ok",
    "database": "ok",
    "running_timeout_secs": 300,
    "context_event_limit": 50,
}
WAITED_FOR = 3
"""Looks at the lock before somebody listens."""


class Start:
    """A daemon that listens when its lock has been looked at so often; `looks` counts that."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path, self._stack = path, stack
        self.looks = 0
        self.daemon: FakeDaemon | None = None

    def holder(self, lock: Path) -> int:
        assert lock == socket_lock_path(self._path)
        self.looks += 1
        if self.looks == WAITED_FOR:
            self._path.unlink(missing_ok=True)
            self.daemon = self._stack.enter_context(fake_daemon(self._path, answers(HEALTH)))
        return 4711


@pytest.fixture
def path(home: Path) -> Path:
    """Where a socket may come."""
    home.mkdir()
    return home / "agentd.sock"


@pytest.fixture
def start(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A daemon that has its lock, and listens in a moment."""
    monkeypatch.setattr(config, "DEFAULT_CONNECT_SECS", 60)
    with ExitStack() as stack:
        made = Start(path, stack)
        monkeypatch.setattr(starting, "holder", made.holder)
        yield made


def until_shown(pid: int) -> None:
    """A program is begun a moment before the kernel shows how."""
    while not Path(f"/proc/{pid}/environ").read_bytes():
        time.sleep(0.001)


def never(*_: object) -> NoReturn:
    """What must not be done."""
    raise AssertionError("it waited")


def leave_nothing(_path: Path) -> None:
    """As a daemon does that was stopped."""


def leave_a_dead_socket(path: Path) -> None:
    """As a daemon does that is killed."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


@pytest.mark.parametrize("before", [leave_nothing, leave_a_dead_socket])
def test_a_client_waits(start: Start, path: Path, before: Callable[[Path], None]) -> None:
    """It is answered once somebody listens, whether a dead daemon's socket is in the way or not."""
    before(path)
    with Client(path) as client:
        assert client.health().status == "ok"
    assert start.looks == WAITED_FOR


@pytest.mark.parametrize("before", [leave_nothing, leave_a_dead_socket])
def test_a_client_in_an_event_loop_waits(
    start: Start, path: Path, before: Callable[[Path], None]
) -> None:
    """So does this one, and the calls that come meanwhile share its wait."""
    before(path)

    async def ask() -> None:
        async with AsyncClient(path) as client:
            told = await asyncio.gather(*(client.health() for _ in range(3)))
            assert [each.status for each in told] == ["ok"] * 3

    asyncio.run(ask())
    assert start.looks == WAITED_FOR
    assert start.daemon is not None
    assert start.daemon.accepted == 1


def test_the_command_line_waits(start: Start, home: Path) -> None:
    """`agentd serve &`, and the next command is answered."""
    assert agentd_here(home, "call", "Health").code == 0
    assert start.looks == WAITED_FOR


def test_a_worker_waits(start: Start, path: Path) -> None:
    """A worker that is started with its daemon asks it for nodes, which this one has none of."""
    with Client(path) as client, pytest.raises(NotAgentd, match="protocol"):
        Worker(client, print, task_id="00000000-0000-0000-0000-000000000001").run()
    assert start.looks >= WAITED_FOR
    assert start.daemon is not None
    assert set(start.daemon.methods) == {"DescribeInterface", "WatchEvents"}


def test_where_no_daemon_starts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lock, or with one that nobody holds any more, there is nothing to wait for."""
    monkeypatch.setattr(time, "sleep", never)
    monkeypatch.setattr(asyncio, "sleep", never)

    async def ask() -> None:
        await AsyncClient(path).health()

    for _ in range(2):
        with pytest.raises(NoSocket, match="start the daemon with"):
            Client(path).health()
        with pytest.raises(NoSocket, match="start the daemon with"):
            asyncio.run(ask())
        with socket_lock(path):
            pass


def test_a_daemon_that_does_not_come(
    path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After AGENTD_CONNECT_SECS the client says who holds the lock, and not to start another."""
    monkeypatch.setattr(config, "DEFAULT_CONNECT_SECS", 0)

    async def ask() -> None:
        await AsyncClient(path).health()

    with socket_lock(path) as lock:
        pid = lock.holder()
        with pytest.raises(Starting, match=f"the daemon with pid {pid} does not listen on .* yet"):
            Client(path).health()
        with pytest.raises(Starting):
            asyncio.run(ask())
        ended = agentd_here(home, "call", "Health", "--json")
    assert ended.code == 3
    assert '"kind":"starting"' in ended.out
    assert "agentd serve" not in ended.out


def test_the_wait_is_no_longer_than_the_call(path: Path) -> None:
    """A call of 50 ms waits 50 ms."""
    with socket_lock(path):
        assert next(starting.start_pauses(str(path), 60.0)) > 0
        assert list(starting.start_pauses(str(path), 0.0)) == []
        with pytest.raises(Starting):
            Client(path, timeout=0.05).health()

        async def ask() -> None:
            await AsyncClient(path, timeout=0.05).health()

        with pytest.raises(Starting):
            asyncio.run(ask())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_a_real_start(home: Path) -> None:
    """From the moment on in which the program runs, before it has made anything.

    Another daemon's start is not waited for, nor one that has had its time.
    """
    path = home / "agentd.sock"
    with subprocess.Popen(
        SERVE, cwd=REPOSITORY, env=environment(home, {}), stderr=subprocess.DEVNULL
    ) as process:
        try:
            until_shown(process.pid)
            assert is_serve_young(str(path), PATIENCE_SECONDS)
            assert not is_serve_young(str(home / "other.sock"), PATIENCE_SECONDS)
            assert not is_serve_young(str(path), 0.0)
            assert agentd(home, "status", AGENTD_CONNECT_SECS="60").code == 0
            assert holder(socket_lock_path(path)) == process.pid
        finally:
            process.terminate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_a_start_without_a_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for as long as its process is there, and no longer."""
    monkeypatch.setattr(config, "DEFAULT_CONNECT_SECS", 60)
    slow = [sys.executable, "-c", "import time; time.sleep(600)", "agentd", "serve"]
    with subprocess.Popen(slow, env=environment(path.parent, {})) as process:
        try:
            until_shown(process.pid)
            pauses = starting.start_pauses(str(path))
            assert next(pauses) > 0
            assert next(pauses) > 0
        finally:
            process.kill()
        process.wait()
        assert list(pauses) == []


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("agentd serve", True),
        ("/usr/bin/python3 -m agentd serve --no-backup", True),
        ("python3 /home/me/.local/bin/agentd", True),
        ("nohup agentd serve", True),
        ("python3.11 agentd-0.2.0-linux.pyz serve", True),
        ("agentd status", False),
        ("vim /srv/agentd", False),
        ("python3 -m http.server", False),
        ("", False),
    ],
)
def test_which_process_is_a_daemon(line: str, is_one: bool) -> None:  # noqa: FBT001 - a table
    """`agentd`, however it is run, and `serve` or nothing behind it."""
    assert is_serve(line.split()) == is_one


def test_what_is_at_the_path_is_no_socket(path: Path) -> None:
    """It is told from a daemon that was killed: to start another would not help."""
    for make in (path.touch, path.mkdir):
        make()
        with pytest.raises(NobodyListens, match="it is not a socket"):
            Client(path).health()
        (path.rmdir if path.is_dir() else path.unlink)()
