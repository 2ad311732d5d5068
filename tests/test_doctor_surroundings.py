"""What `agentd doctor` finds of home, disk and daemon; it changes and disturbs nothing."""

import os
import resource
import signal
import socket
import stat
from pathlib import Path

import pytest

from agentd.doctor import places, process
from agentd.doctor.finding import FAILED, OK, WARNING
from tests.command_line import agentd
from tests.daemon_process import DaemonProcess
from tests.databases import create, traces
from tests.doctor import examined, not_ok, pretend_a_local_disk, told


@pytest.fixture(autouse=True)
def local_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run does not matter."""
    pretend_a_local_disk(monkeypatch)


@pytest.fixture
def database(home: Path) -> Path:
    """A stopped database with three tasks."""
    path = home / "agent_state.db"
    create(path)
    return path


# Places


def test_a_home_that_is_open(home: Path) -> None:
    """Other users may not look into it."""
    home.mkdir()
    home.chmod(0o750)
    assert not_ok(home) == [(WARNING, "home", f"{home} is open to other users (mode 0750)")]


@pytest.mark.parametrize(("mode", "letter"), [(0o755, True), (0o1777, False), (0o770, False)])
def test_a_home_that_the_daemon_refuses(home: Path, mode: int, letter: int) -> None:
    """What is said is what the daemon says; nobody is told to close a place that others use."""
    home.mkdir()
    if letter:
        (home / "letter").touch()
    home.chmod(mode)
    [found] = [each for each in examined(home) if each.what == "home"]
    ended = agentd(home, "serve")
    assert (found.status, ended.code) == (FAILED, 1)
    assert ended.error == f"agentd: {found.finding}: {found.advice}"
    assert found.advice.startswith("set AGENTD_HOME elsewhere")
    assert ("chmod" in found.advice) == (mode == 0o770)


def test_a_home_that_is_no_directory(home: Path) -> None:
    """Nothing can be in it."""
    home.touch()
    assert (FAILED, "home", f"{home} is not a directory") in not_ok(home)


@pytest.mark.usefixtures("database")
def test_files_of_another_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose they are, and who is looking, is said; root may look, a stranger cannot work there."""
    owner = home.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    words = f"{home} belongs to user {owner}, and this is user {owner + 1}"
    assert (FAILED, "home", words) in not_ok(home)
    if owner == 0:
        os.chown(home, owner := 7, -1)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    words = f"{home} belongs to user {owner}, and this is user 0"
    assert (WARNING, "home", words) in not_ok(home)


def test_little_space(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little space is a warning, less than a commit may need a failure."""
    monkeypatch.setattr(places, "LITTLE_SHARE", 1.1)
    assert [(s, w) for s, w, _ in not_ok(home)] == [(WARNING, "disk space")]
    monkeypatch.setattr(places, "ONE_COMMIT", 2**62)
    assert [(s, w) for s, w, _ in not_ok(home)] == [(FAILED, "disk space")]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("nfs4", "not a local one"), ("tmpfs", "gone with the next reboot"), ("ext4", None)],
)
def test_kinds_of_file_systems(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, words: str | None
) -> None:
    """The mount that is nearest to the database counts; its name may have blanks."""
    monkeypatch.undo()
    place = home.parent.resolve() / "with blank"
    place.mkdir()
    name = str(place).replace(" ", "\\040")
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 0:21 / / rw - xfs /dev/a rw\n"
        f"23 22 0:22 / {name} rw,relatime shared:1 - {kind} server:/x rw\n"
        f"24 23 0:23 / {name}/home/deeper rw - btrfs /dev/b rw\n"
    )
    monkeypatch.setattr(places, "_MOUNTS", mounts)
    found = [finding for _, what, finding in not_ok(place / "home") if what == "file system"]
    assert len(found) == (1 if words else 0)
    assert all(words and words in finding for finding in found)
    assert kind in told(place / "home", "file system")[0]


# Daemon


@pytest.mark.usefixtures("database")
def test_beside_a_daemon(home: Path) -> None:
    """It answers, holds the lock, and is not disturbed; its last commit is seen."""
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        connection.call("RegisterTask", goal="g")
        assert not_ok(home) == []
        socket_told = f"the daemon, pid {daemon.pid}, answers on {daemon.socket_path}"
        assert told(home, "socket") == [socket_told]
        assert told(home, "lock") == [f"held by pid {daemon.pid}, which answers on the socket"]
        assert told(home, "journal")[0].startswith("64 events;")
        connection.call("RegisterTask", goal="g")
        assert daemon.stop() == 0


@pytest.mark.usefixtures("database")
def test_a_daemon_that_is_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds its lock and does not answer; both are said."""
    monkeypatch.setattr(process, "PATIENCE_SECONDS", 0.1)
    with DaemonProcess(home) as daemon:
        daemon.signal(signal.SIGSTOP)
        found = not_ok(home)
        daemon.signal(signal.SIGCONT)
    assert [(status, what) for status, what, _ in found] == [(FAILED, "socket"), (FAILED, "lock")]
    assert "no answer on" in found[0][2]
    assert f"pid {daemon.pid} holds the database's lock" in found[1][2]


def test_another_daemon_on_the_socket(home: Path, daemon: DaemonProcess) -> None:
    """A daemon that serves another database is told from this one's."""
    [(status, what, words)] = not_ok(home, AGENTD_DATABASE_URL=f"sqlite://{home.parent}/other.db")
    assert (status, what) == (FAILED, "lock")
    assert f"pid {daemon.pid} answers on the socket and does not hold the lock on" in words


def test_two_daemons(home: Path, daemon: DaemonProcess) -> None:
    """One that holds the database's lock, and another one that answers."""
    with DaemonProcess(home.parent / "home2") as other:
        [(status, what, words)] = not_ok(home, AGENTD_SOCKET_PATH=str(other.socket_path))
    assert (status, what) == (FAILED, "lock")
    assert f"pid {daemon.pid} holds the database's lock, and pid {other.pid} answers" in words


@pytest.mark.usefixtures("database")
def test_where_the_kernel_does_not_tell_its_locks(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pid in the lock file has to do: is there such a process?"""
    monkeypatch.setattr("agentd.holders._LOCKS", tmp_path / "missing")
    with DaemonProcess(home) as daemon:
        assert told(home, "lock") == [f"held by pid {daemon.pid}, which answers on the socket"]
        daemon.kill()
        assert told(home, "lock") == ["nobody holds the database's lock"]


@pytest.mark.usefixtures("database")
def test_what_is_left_of_a_daemon_that_was_killed(home: Path) -> None:
    """Its socket is told to be stale, its lock to be free; its files are left as they are."""
    with DaemonProcess(home) as daemon:
        with daemon.connect() as connection:
            connection.call("RegisterTask", goal="g")
        daemon.kill()
        before = traces(home)
        found = not_ok(home)
        assert traces(home) == before
    words = f"nobody listens on {daemon.socket_path}: its daemon was killed"
    assert found == [(WARNING, "socket", words)]
    assert told(home, "lock") == ["nobody holds the database's lock"]
    assert told(home, "journal")[0].startswith("64 events;")


def test_things_at_the_sockets_path(home: Path) -> None:
    """What is not a socket, one that nobody listens on, and a path that no socket can have."""
    home.mkdir(mode=0o700)
    path = home / "agentd.sock"
    path.touch()
    assert not_ok(home) == [(FAILED, "socket", f"{path} is not a socket")]
    path.unlink()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert [(s, w) for s, w, _ in not_ok(home)] == [(WARNING, "socket")]
    assert stat.S_ISSOCK(path.stat().st_mode)
    [(status, _, words)] = not_ok(home, AGENTD_SOCKET_PATH=f"/{'x' * 200}")
    assert (status, "has 201 bytes" in words) == (FAILED, True)


@pytest.mark.parametrize(("limit", "status"), [(48, FAILED), (500, WARNING), (1_072, OK), (-1, OK)])
def test_open_files(home: Path, monkeypatch: pytest.MonkeyPatch, limit: int, status: str) -> None:
    """The limit that the daemon could raise its own to has to leave room for connections."""
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, limit))
    assert [f.status for f in examined(home) if f.what == "open files"] == [status]
