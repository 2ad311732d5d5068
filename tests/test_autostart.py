"""With AGENTD_AUTOSTART=1 the first client starts the daemon, one for each home."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from agentd import AsyncClient, Client
from agentd.client import autostart
from agentd.client.autostart import daemon_environment
from agentd.daemon.bounded_log import BoundedLog
from agentd.daemon.home import refuse_foreign
from agentd.daemon.lock import home_lock
from agentd.errors import (
    AlreadyRunning,
    DatabaseRefused,
    Failure,
    NobodyListens,
    NoSocket,
    NotStarted,
)
from agentd.holders import holder, socket_lock_path
from tests.command_line import AGENTD, Ended, agentd, agentd_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment
from tests.wire.steps import eventually

AUTOSTART = {"AGENTD_AUTOSTART": "1"}
CROWD = 20


def daemon_pid(home: Path) -> int | None:
    """Who has the right to listen in a home."""
    return holder(socket_lock_path(home / "agentd.sock"))


def has_gone(home: Path, pid: int) -> bool:
    """Whether that one holds the lock no more."""
    return daemon_pid(home) != pid


@pytest.fixture
def started(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose daemon is stopped at the end, and clients in this process that may start it."""
    for name, value in environment(home, AUTOSTART).items():
        monkeypatch.setenv(name, value)
    yield home
    stop_daemon(home)


def stop_daemon(home: Path) -> None:
    """Stop whatever daemon a client has started in a home."""
    while pid := daemon_pid(home):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        assert eventually(partial(has_gone, home, pid), time.time() + PATIENCE_SECONDS)


def agentd_autostarted(home: Path, *arguments: str) -> Ended:
    """A verb that may start the daemon."""
    return agentd(home, *arguments, AGENTD_AUTOSTART="1")


def test_the_command_line(started: Path) -> None:
    """The first verb starts the daemon, the second uses it; nothing ties it to either."""
    ended = agentd_autostarted(started, "task", "list", "--json")
    assert ended.code == 0, ended
    pid = daemon_pid(started)
    assert pid
    assert agentd(started, "status").code == 0
    assert daemon_pid(started) == pid
    assert os.getsid(pid) == pid
    log = started / "serve.log"
    assert log.read_text().count(" ready: pid ") == 1
    assert log.stat().st_mode & 0o777 == 0o600
    found = agentd(started, "doctor").out
    if Path("/proc/self").exists():
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        files = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)]
        assert files == ["/dev/null", str(log), str(log)]
        assert f"the daemon, pid {pid}, was started by its first client" in found


def test_closed_standard_files(started: Path) -> None:
    """What the daemon says goes to its log, never into a file that was opened in their place."""
    line = 'exec "$0" "$@" <&- >&- 2>&-'
    command = ["sh", "-c", line, *AGENTD, "serve", "--autostart"]
    subprocess.run(command, cwd=REPOSITORY, env=environment(started, {}), check=True)
    pid = daemon_pid(started)
    assert pid
    log = str(started / "serve.log")
    assert " ready: pid " in Path(log).read_text()
    if Path("/proc/self").exists():
        files = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)]
        assert files == ["/dev/null", log, log]


def test_python_clients(started: Path) -> None:
    """Both of them do; what a client works on, and its standard files, are not its daemon's."""

    async def ask() -> str:
        async with AsyncClient() as client:
            told = await asyncio.gather(*(client.health() for _ in range(3)))
            return told[0].status

    assert asyncio.run(ask()) == "ok"
    os.kill(daemon_pid(started) or 0, signal.SIGKILL)
    with Client() as client:
        assert client.health().status == "ok"


def test_a_crowd(started: Path) -> None:
    """Twenty at once: one daemon, twenty answers."""
    crowd = [
        subprocess.Popen(
            [*AGENTD, "call", "Health"],
            cwd=REPOSITORY,
            env=environment(started, AUTOSTART),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(CROWD)
    ]
    answers = [(*each.communicate(), each.returncode) for each in crowd]
    assert {code for _, _, code in answers} == {0}, answers
    assert all(b'"ok"' in out for out, _, _ in answers)
    [line] = (started / "serve.log").read_text().splitlines()
    assert " ready: pid " in line


def test_another_is_faster(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose start is refused because another has the home waits for that one, and asks again."""
    started.mkdir(mode=0o700)
    lock, codes = home_lock(started), []
    check = autostart._check  # noqa: SLF001 - how each start ended

    def give_way(start: autostart._Start, ended: int) -> None:
        codes.append(start.code)
        lock.release()
        check(start, ended)

    monkeypatch.setattr(autostart, "_check", give_way)
    lock.acquire()
    with Client() as client:
        assert client.health().status == "ok"
    assert codes[0] == AlreadyRunning.exit_code


def test_a_client_that_is_killed(started: Path) -> None:
    """The daemon that it asked for comes all the same."""
    client = subprocess.Popen(
        [*AGENTD, "call", "Health"],
        cwd=REPOSITORY,
        env=environment(started, AUTOSTART),
        stdout=subprocess.DEVNULL,
    )
    assert eventually(started.exists, time.time() + PATIENCE_SECONDS)
    client.kill()
    client.wait()
    assert agentd(started, "wait-ready", "--timeout", "5m").code == 0


def test_a_daemon_that_refuses(started: Path) -> None:
    """Its own word and exit code are the client's, each time."""
    started.mkdir(mode=0o700)
    (started / "agent_state.db").write_bytes(bytes(range(256)) * 32)
    ended = agentd_autostarted(started, "task", "list")
    assert ended.code == 5
    assert ended.error.startswith("agentd: no daemon could be started (AGENTD_AUTOSTART): ")
    assert "is not a SQLite database" in ended.error
    with pytest.raises(NotStarted, match="is not a SQLite database") as told:
        Client().health()
    assert told.value.exit_code == DatabaseRefused.exit_code
    assert daemon_pid(started) is None


class Ending(autostart._Start):  # noqa: SLF001 - without the process
    """A start that has ended, of which `begun` counts how many there were."""

    code_of_all, begun = 0, 0

    def __init__(self) -> None:
        self.said = "so it says"
        self.end(self.code_of_all)
        type(self).begun += 1


@pytest.fixture
def ending(started: Path, monkeypatch: pytest.MonkeyPatch) -> type[Ending]:
    """Each start ends at once, and nobody listens then."""
    assert not started.exists()

    class Counted(Ending):
        pass

    monkeypatch.setattr(autostart, "_Start", Counted)
    monkeypatch.setattr(autostart, "_starts", {})
    return Counted


@pytest.mark.parametrize(("code", "told_code"), [(AlreadyRunning.exit_code, 4), (0, 1)])
def test_starts_in_vain(ending: type[Ending], code: int, told_code: int) -> None:
    """Another agentd has the home, and listens elsewhere, say: it is not tried without end.

    0 is what a client sees that may not know how its children end. The thread that keeps leases,
    and workers, go on when there is a daemon again.
    """
    ending.code_of_all = code
    with pytest.raises(NotStarted, match="so it says") as told:
        Client().health()
    assert told.value.exit_code == told_code
    assert isinstance(told.value, NobodyListens)
    assert ending.begun == 3


@pytest.mark.parametrize(
    ("code", "begun"), [(DatabaseRefused.exit_code, 1), (AlreadyRunning.exit_code, 3)]
)
def test_a_refusal_is_good_for_a_while(
    ending: type[Ending], monkeypatch: pytest.MonkeyPatch, code: int, begun: int
) -> None:
    """Who asks again and again, as workers do, has no daemon started each time."""
    ending.code_of_all = code
    with Client() as client:
        for _ in range(3):
            with pytest.raises(NotStarted):
                client.health()
        assert ending.begun == begun
        monkeypatch.setattr(autostart, "_REFUSED_SECONDS", 0.0)
        with pytest.raises(NotStarted):
            client.health()
    assert ending.begun == 2 * begun


def test_a_setting_that_does_not_parse(home: Path) -> None:
    """It is no switch that may be on or off."""
    ended = agentd_here(home, "call", "Health")
    assert ended.code == 3
    told = agentd(home, "call", "Health", AGENTD_AUTOSTART="yes")
    assert (told.code, told.error) == (2, "agentd: AGENTD_AUTOSTART='yes': expected 1 or 0")


def test_a_socket_that_the_settings_do_not_name(started: Path) -> None:
    """It is some other daemon's: that one is not started, nor this one."""
    with pytest.raises(NoSocket):
        Client(started.parent / "other.sock").health()
    assert not started.exists()


def test_a_workers_command(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket that it was given may be another home's: no daemon of this one listens there."""
    monkeypatch.setenv("AGENTD_TASK_ID", "t")
    monkeypatch.setenv("AGENTD_SOCKET_PATH", str(started.parent / "other.sock"))
    with pytest.raises(NoSocket):
        Client().health()
    assert not started.exists()


@pytest.mark.parametrize("verb", [("doctor",), ("complete", "tasks")])
def test_who_starts_none(home: Path, verb: tuple[str, ...]) -> None:
    """A look at what is there makes nothing."""
    assert agentd_autostarted(home, *verb).code == 0
    assert not home.exists()


def test_what_a_daemon_gets_of_its_client() -> None:
    """Settings and whatever is not agentd's; nothing that says what the client works on."""
    kept = {"AGENTD_HOME": "/h", "AGENTD_ENV_FILE": "/e", "AGENTD_AGENT_WORKERS": "2", "PATH": "/"}
    own = {"AGENTD_TASK_ID": "t", "AGENTD_OWNER": "o", "NOTIFY_SOCKET": "/n", "LISTEN_FDS": "1"}
    assert daemon_environment({**kept, **own}) == kept


def test_another_users_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon is started in it, be it root who asks."""
    home.mkdir()
    refuse_foreign(home / "new" / "deeper")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    if os.getuid() == 0:  # what is root's may be used
        os.chown(home, 4711, -1)
    with pytest.raises(Failure, match="is another user's"):
        refuse_foreign(home / "new")


def test_its_log_is_bounded(tmp_path: Path) -> None:
    """It begins a new file before one is too long, and keeps the one before."""
    script = (
        "import sys; from pathlib import Path; from agentd.daemon.bounded_log import BoundedLog\n"
        "log = BoundedLog(Path(sys.argv[1]), 100)\n"
        "for number in range(40): print(f'line {number:4}', file=log)\n"
    )
    log = tmp_path / "serve.log"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, str(log)], check=True, cwd=REPOSITORY)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["serve.log", "serve.log.1"]
    assert all(file.stat().st_size <= 100 for file in files)
    last = (files[1].read_text() + files[0].read_text()).splitlines()
    assert last == [f"line {number:4}" for number in range(40 - len(last), 40)]


def test_a_log_that_is_not_ours(tmp_path: Path) -> None:
    """A link in its place is not followed."""
    (tmp_path / "serve.log").symlink_to(tmp_path / "precious")
    with pytest.raises(Failure, match="cannot write the log"):
        BoundedLog(tmp_path / "serve.log")
