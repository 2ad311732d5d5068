"""Whatever a person does to the files of a daemon at work: nothing acknowledged is lost in silence.

Homes and databases that are moved, removed, replaced, copied over, and known by two names: real
processes, and a stop or a kill after each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import daemon_process
from tests.command_line import agentd
from tests.daemon_process import Connection, DaemonProcess, Refused, serve_to_the_end
from tests.wire.steps import eventually, register

if TYPE_CHECKING:
    from collections.abc import Callable

ALREADY_RUNNING, REFUSED = 4, 5
ENDS = {"stopped": DaemonProcess.stop, "killed": DaemonProcess.kill}
UNSHARE = shutil.which("unshare") or ""
NAMESPACES = os.geteuid() == 0 and not subprocess.call([UNSHARE or "false", "-mpf", "true"])


def add(daemon: DaemonProcess, *goals: str) -> None:
    """Register a task for each goal."""
    with daemon.connect() as connection:
        for goal in goals:
            register(connection, goal=goal)


def goals(daemon: DaemonProcess) -> list[str]:
    """The goals of its tasks, in the order in which they were registered."""
    with daemon.connect() as connection:
        found = connection.call("ListTasks", limit=100)["tasks"]
    return [task["goal"] for task in found][::-1]


def refusal(connection: Connection) -> str:
    """What a write is refused with; Health says the same."""
    with pytest.raises(Refused) as refused:
        register(connection, goal="refused")
    health = connection.call("Health")
    assert (health["status"] != "ok", health["database"]) == (True, refused.value.message)
    return refused.value.message


def beside(daemon: DaemonProcess, end: str) -> Path:
    """A file beside its database."""
    return daemon.database.with_name(daemon.database.name + end)


def backup_of(daemon: DaemonProcess) -> Path:
    """A backup of what it holds now."""
    path = daemon.home.with_name("backup.db")
    assert agentd(daemon.home, "backup", str(path)).code == 0
    return path


# A home that is another daemon's by now


def move_away(home: Path) -> None:
    """Move a home to `away`, beside it."""
    home.rename(home.with_name("away"))


@pytest.mark.parametrize("take_away", [shutil.rmtree, move_away])
@pytest.mark.parametrize("end", ENDS)
def test_a_daemon_whose_home_is_anothers(
    daemon: DaemonProcess, take_away: Callable[[Path], object], end: str
) -> None:
    """It touches nothing of the other's when it ends, whose writes survive a kill after that."""
    add(daemon, *["of the first"] * 20)
    with daemon.connect() as connection:
        take_away(daemon.home)
        with DaemonProcess(daemon.home) as second:
            add(second, "before")
            assert "put it back, or stop the daemon" in refusal(connection)
            ENDS[end](daemon)
            add(second, "after")
            second.kill()
            second.start()
            assert goals(second) == ["before", "after"]
            assert "set aside" not in second.stderr()
            assert "missing" not in second.stderr()


@pytest.mark.parametrize("end", ENDS)
def test_a_home_that_was_moved_away(daemon: DaemonProcess, end: str) -> None:
    """Where it is now, it opens with all that was acknowledged."""
    add(daemon, "one", "two")
    move_away(daemon.home)
    ENDS[end](daemon)
    with DaemonProcess(daemon.home.with_name("away")) as moved:
        assert goals(moved) == ["one", "two"]
        assert "set aside" not in moved.stderr()


@pytest.mark.parametrize("how", [["cp", "-r"], ["cp", "-a"], ["mv"]], ids=" ".join)
def test_a_home_that_is_copied_whole(daemon: DaemonProcess, how: list[str]) -> None:
    """After a kill its WAL goes along with its database, whatever becomes of dates and inodes."""
    add(daemon, "one", "two")
    daemon.kill()
    there = daemon.home.with_name("there")
    subprocess.run([*how, daemon.home, there], check=True)
    there.chmod(0o700)
    with DaemonProcess(there) as moved:
        assert goals(moved) == ["one", "two"]
        assert "set aside" not in moved.stderr()


# A database in the place of the one that is open


def replace(database: Path, other: Path) -> None:
    """Give another file the name."""
    shutil.copy(other, database.with_name("other"))
    database.with_name("other").rename(database)


def copy_over(database: Path, other: Path) -> None:
    """Write the contents of another file into this one."""
    shutil.copyfile(other, database)


@pytest.mark.parametrize("how", [replace, copy_over])
@pytest.mark.parametrize("end", ENDS)
def test_a_database_that_is_replaced_under_its_daemon(
    daemon: DaemonProcess, how: Callable[[Path, Path], None], end: str
) -> None:
    """The WAL is never laid over it: what replaced it is served as it is, and all of it is told."""
    add(daemon, "one")
    backup = backup_of(daemon)
    add(daemon, "two")
    with daemon.connect() as connection:
        how(daemon.database, backup)
        assert "stop the daemon" in refusal(connection)
    ENDS[end](daemon)
    daemon.start()
    assert goals(daemon) == ["one"]
    assert f"{beside(daemon, '-wal.foreign')} was set aside" in daemon.stderr()
    assert "events are missing" in daemon.stderr()
    add(daemon, "three")
    daemon.kill()
    daemon.start()
    assert goals(daemon) == ["one", "three"]
    assert agentd(daemon.home, "replay", "--check").code == 0
    assert "-wal.foreign is the WAL of a database that was replaced" in told(daemon)


@pytest.mark.parametrize("how", [replace, copy_over])
def test_a_database_that_is_replaced_after_a_kill(
    daemon: DaemonProcess, how: Callable[[Path, Path], None]
) -> None:
    """Nobody lays the WAL that was left over it, those who only read neither."""
    add(daemon, "one")
    backup = backup_of(daemon)
    add(daemon, "two")
    daemon.kill()
    how(daemon.database, backup)
    wal = beside(daemon, "-wal").read_bytes()
    for verb in (["replay", "--check"], ["replay"], ["backup", str(backup.with_name("again.db"))]):
        refused = agentd(daemon.home, *verb)
        assert refused.code == REFUSED
        assert "belongs to the database that was there before" in refused.error
    assert "its WAL belongs to what was there before" in told(daemon)
    daemon.start()
    assert goals(daemon) == ["one"]
    assert beside(daemon, "-wal.foreign").read_bytes() == wal


def told(daemon: DaemonProcess) -> str:
    """What `agentd doctor` says."""
    return agentd(daemon.home, "doctor").out


def test_a_database_that_was_put_back(daemon: DaemonProcess) -> None:
    """Moved away under its daemon, and back after its end, it has all that was acknowledged."""
    add(daemon, "one", "two")
    away = daemon.database.rename(daemon.home.with_name("away.db"))
    daemon.stop()
    assert "restore it" in serve_to_the_end(daemon.home).output
    away.rename(daemon.database)
    daemon.start()
    assert goals(daemon) == ["one", "two"]
    assert "set aside" not in daemon.stderr()


# A WAL that is gone


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("file", ["-wal", "-shm"])
def test_a_wal_that_was_removed(daemon: DaemonProcess, file: str, end: str) -> None:
    """The next write is refused, Health says why, and what was acknowledged is saved."""
    add(daemon, "one", "two")
    with daemon.connect() as connection:
        beside(daemon, file).unlink()
        assert f"agent_state.db{file} was moved, removed or replaced" in refusal(connection)
    ENDS[end](daemon)
    daemon.start()
    assert goals(daemon) == ["one", "two"]
    assert "missing" not in daemon.stderr()


def test_a_wal_that_was_removed_while_nobody_wrote(daemon: DaemonProcess) -> None:
    """It is noticed all the same, and what was acknowledged is saved before the kill."""
    add(daemon, "one", "two")
    beside(daemon, "-wal").unlink()
    assert eventually(
        lambda: "-wal was moved, removed or replaced" in daemon.stderr(), time.time() + 10
    )
    daemon.kill()
    daemon.start()
    assert goals(daemon) == ["one", "two"]
    assert "missing" not in daemon.stderr()


# One database with two names


def test_a_hard_link_to_a_database(daemon: DaemonProcess) -> None:
    """A daemon that is started on it is sent away, and so is who would fold it anew."""
    add(daemon, "one")
    link = daemon.home.with_name("link.db")
    link.hardlink_to(daemon.database)
    url = f"sqlite://{link}"
    ended = serve_to_the_end(daemon.home.with_name("other"), AGENTD_DATABASE_URL=url)
    assert ended.code == ALREADY_RUNNING
    assert f"another agentd works on the file {link}, perhaps under another name" in ended.output
    replayed = agentd(daemon.home, "replay", AGENTD_DATABASE_URL=url)
    assert replayed.code == ALREADY_RUNNING
    copy = daemon.home / "copy.db"
    for verb in (("backup", str(copy)), ("replay", "--check")):
        looked = agentd(daemon.home.with_name("other"), *verb, AGENTD_DATABASE_URL=url)
        assert looked.code == ALREADY_RUNNING, looked
        assert f"another agentd works on the file {link}" in looked.error
    assert not copy.exists()
    assert not link.with_name("link.db-wal").exists()
    assert not link.with_name("link.db-shm").exists()
    assert agentd(daemon.home, "backup", str(copy)).code == 0
    link.with_name("copy").mkdir(mode=0o700)
    restored = agentd(link.with_name("copy"), "restore", str(link))
    assert restored.code == ALREADY_RUNNING
    add(daemon, "two")
    daemon.kill()
    daemon.start()
    assert goals(daemon) == ["one", "two"]


@pytest.mark.skipif(not NAMESPACES, reason="only root can mount")
def test_a_mount_of_a_database(daemon: DaemonProcess) -> None:
    """A file that is mounted over another is the same file: its daemon is the only one."""
    other = daemon.home.with_name("other")
    other.mkdir(mode=0o700)
    (other / "agent_state.db").touch()
    mount = f"mount --bind {daemon.database} {other}/agent_state.db"
    ended = subprocess.run(
        [UNSHARE, "-m", "sh", "-c", f"{mount} && exec {sys.executable} -m agentd serve"],
        env=daemon_process.environment(other, {}),
        cwd=daemon_process.REPOSITORY,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == ALREADY_RUNNING, ended


@pytest.mark.skipif(not NAMESPACES, reason="only root can make namespaces")
def test_a_daemon_in_another_pid_namespace(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has another pid there than here, and is one daemon all the same."""
    there = [UNSHARE, "-pf", "--kill-child", *daemon_process.SERVE]
    with monkeypatch.context() as patch:
        patch.setattr(daemon_process, "SERVE", there)
        daemon = DaemonProcess(home)
    try:
        assert (home / "agent_state.db.lock").read_text() == "1\n"
        assert "two daemons" not in told(daemon)
    finally:
        daemon.kill()


@pytest.mark.skipif(not NAMESPACES, reason="only root can make namespaces")
def test_a_backup_from_another_pid_namespace(daemon: DaemonProcess) -> None:
    """Under the daemon's own name it goes on as ever, though its pid cannot be seen; so with two.

    Where the file is mounted, its WAL is not, and the backup is refused.
    """
    add(daemon, "one")
    daemon.home.with_name("link.db").hardlink_to(daemon.database)
    other = daemon.home.with_name("other")
    other.mkdir(mode=0o700)
    (other / "agent_state.db").touch(mode=0o600)
    backup = f"{sys.executable} -m agentd backup {daemon.home.parent}"
    mount = f"mount --bind {daemon.database} {other}/agent_state.db"
    codes = [
        subprocess.run(
            [UNSHARE, "-mpf", "--mount-proc", "sh", "-c", command],
            env=daemon_process.environment(place, {}),
            cwd=daemon_process.REPOSITORY,
            capture_output=True,
            timeout=60,
            check=False,
        ).returncode
        for place, command in (
            (daemon.home, f"{backup}/one.db"),
            (other, f"{mount} && {backup}/two.db"),
        )
    ]
    assert codes == [0, ALREADY_RUNNING]
    assert not daemon.home.with_name("two.db").exists()


@pytest.mark.skipif(not NAMESPACES, reason="only root can make namespaces")
def test_a_look_from_another_pid_namespace(daemon: DaemonProcess) -> None:
    """From where its pid cannot be seen, a daemon still holds the lock on its database."""
    ended = subprocess.run(
        [UNSHARE, "-pf", "--mount-proc", sys.executable, "-m", "agentd", "doctor"],
        env=daemon_process.environment(daemon.home, {}),
        cwd=daemon_process.REPOSITORY,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    [line] = [line for line in ended.stdout.splitlines() if " lock " in line]
    assert line.startswith("ok"), ended.stdout
    assert "a process that cannot be seen from here" in line
