"""What the daemon does when something outside it goes wrong. Real processes, real seconds."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import PATIENCE_SECONDS, Connection, DaemonProcess, Object, Refused
from tests.wire.steps import (
    SLACK_SECONDS,
    acquire,
    eventually,
    flat,
    held,
    node_of,
    register,
    status_of,
    totals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = os.geteuid() == 0


def soon(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> bool:
    """Ask until `holds`, no longer than that."""
    return eventually(holds, time.time() + seconds)


# Other programs


def deleted_files(process_id: int) -> list[str]:
    """Return the files that the process has open and that have no name any more."""
    opened = Path(f"/proc/{process_id}/fd")
    targets = [target for file in opened.iterdir() if (target := _target(file)) is not None]
    return [target for target in targets if target.endswith("(deleted)")]


def _target(file: Path) -> str | None:
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return None


def look_read_write(database: Path) -> int:
    """Count the journal as any program might: open for reading and writing, ask, close."""
    with closing(sqlite3.connect(database)) as other:
        found: int = other.execute("SELECT count(*) FROM journal").fetchone()[0]
    return found


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are read in /proc")
def test_another_program_leaves_the_wal_in_place(daemon: DaemonProcess) -> None:
    """A program that opens the database, reads and closes it takes no acknowledged write away."""
    wal = daemon.database.with_name("agent_state.db-wal")
    with daemon.connect() as connection:
        before = register(connection, flat(2))
        status_of(connection, before)
        assert look_read_write(daemon.database) == 3
        assert wal.exists()
        assert deleted_files(daemon.pid) == []
        after = register(connection, flat(3))
        assert look_read_write(daemon.database) == 7
    daemon.kill()
    daemon.restart()
    with daemon.connect() as connection:
        assert len(status_of(connection, before)["nodes"]) == 2
        assert len(status_of(connection, after)["nodes"]) == 3


def test_a_rollback_that_failed_is_done_later(home: Path) -> None:
    """While another program holds the write lock the rollback is retried; the log says why."""
    with DaemonProcess(home, AGENTD_NODE_TIMEOUT_SECS="3") as daemon, daemon.connect() as client:
        task = register(client)
        with closing(sqlite3.connect(daemon.database, isolation_level=None)) as other:
            acquire(client, task)
            other.execute("BEGIN IMMEDIATE")
            assert soon(lambda: "what is due could not be recorded: " in daemon.stderr())
            assert node_of(client, task)["status"] == "RUNNING"
            other.execute("ROLLBACK")
        assert soon(lambda: node_of(client, task)["status"] == "PENDING")
        assert "another program has locked the database" in daemon.stderr()


# Leases of another length


def restarted_with_short_leases(daemon: DaemonProcess) -> Connection:
    """Start the daemon again so that new leases last two seconds, and connect to it."""
    daemon.env["AGENTD_NODE_TIMEOUT_SECS"] = "2"
    daemon.restart()
    return daemon.connect()


def rolled_back_in_time(connection: Connection, task_id: str, node_id: str, began: float) -> bool:
    """Whether a node is PENDING within its two seconds and one more, asked by no acquisition."""

    def pending() -> bool:
        nodes: list[Object] = connection.call("TaskStatus", task_id=task_id)["nodes"]
        return any(node["id"] == node_id and node["status"] == "PENDING" for node in nodes)

    return eventually(pending, began + 2 + 1 + SLACK_SECONDS)


def test_a_shorter_lease_is_rolled_back_in_time(daemon: DaemonProcess) -> None:
    """A lease that ends before the one the daemon sleeps for is rolled back when it ends."""
    with daemon.connect() as connection:
        task = register(connection, flat(2))
        long = acquire(connection, task)
    with restarted_with_short_leases(daemon) as connection:
        began = time.time()
        short = acquire(connection, task)
        assert short["node_id"] != long["node_id"]
        assert rolled_back_in_time(connection, task.id, short["node_id"], began)
        assert node_of(connection, task, "n0")["status"] == "RUNNING"


def test_a_lease_that_a_heartbeat_shortened(daemon: DaemonProcess) -> None:
    """A heartbeat that brings the end of a lease forward is followed by a rollback at that end."""
    with daemon.connect() as connection:
        task = register(connection)
        long = acquire(connection, task)
    with restarted_with_short_leases(daemon) as connection:
        began = time.time()
        beat = connection.call("HeartbeatNode", **held(long))
        assert beat["lease_expires_at"] < long["lease_expires_at"]
        assert rolled_back_in_time(connection, task.id, long["node_id"], began)


# The database


def test_a_database_that_was_moved_away(daemon: DaemonProcess) -> None:
    """Health says so, as a result and not as a fault, until the file is back where it was."""
    with daemon.connect() as connection:
        task = register(connection)
        assert connection.call("Health")["status"] == "ok"
        moved = daemon.database.rename(daemon.home / "elsewhere")
        unready = connection.call("Health")
        moved.rename(daemon.database)
        assert (unready["status"] != "ok", unready["database"] != "ok") == (True, True)
        assert connection.call("Health")["status"] == "ok"
        assert status_of(connection, task)["task"]["goal"] == "g"


def test_nothing_is_acknowledged_into_a_database_that_was_moved_away(
    daemon: DaemonProcess,
) -> None:
    """A write that the next start would not find is refused, and taken once the file is back."""
    with daemon.connect() as connection:
        register(connection)
        moved = daemon.database.rename(daemon.home / "elsewhere")
        with pytest.raises(Refused) as refused:
            register(connection)
        moved.rename(daemon.database)
        assert refused.value.data["kind"] == "storage_error"
        assert status_of(connection, register(connection))["task"]["goal"] == "g"


def fill(connection: Connection, size: int) -> tuple[int, Refused]:
    """Register tasks of that size until one is refused; say how many were not, and why one was."""
    for accepted in range(10_000):
        try:
            connection.call("RegisterTask", goal="g", context="x" * size)
        except Refused as refused:
            return accepted, refused
    raise AssertionError("the disk never filled up")


def test_a_full_disk(small_home: Path) -> None:
    """Writes are refused with that reason, reads go on, and writes too once there is space.

    A daemon that is killed meanwhile starts again, and reads.
    """
    with DaemonProcess(small_home) as daemon:
        ballast = small_home / "ballast"
        with daemon.connect() as client:
            task = register(client)
            ballast.write_bytes(bytes(3 * 1024 * 1024))
            accepted, large = fill(client, 200_000)
            more, small = fill(client, 10)
            assert {large.kind, small.kind} <= {"storage_full", "storage_error"}
            assert "nothing of this request is recorded" in large.message
            assert totals(client)[0] == 1 + accepted + more
        daemon.kill()
        daemon.restart()
        with daemon.connect() as client:
            assert totals(client)[0] == 1 + accepted + more
            assert node_of(client, task)["status"] == "PENDING"
            ballast.unlink()
            acquired = acquire(client, task)
            register(client)
        daemon.kill()
        daemon.restart()
        with daemon.connect() as client:
            assert totals(client)[0] == 2 + accepted + more
            assert node_of(client, task)["lease_id"] == acquired["lease_id"]
        assert daemon.stop() == 0


def test_a_wal_that_was_cut_off(daemon: DaemonProcess) -> None:
    """The next start serves what is left, and says once that acknowledged events are missing."""
    with daemon.connect() as connection:
        tasks = [register(connection) for _ in range(5)]
    daemon.kill()
    wal = daemon.database.with_name("agent_state.db-wal")
    os.truncate(wal, wal.stat().st_size - 1)
    daemon.restart()
    with daemon.connect() as connection:
        assert status_of(connection, tasks[0])["counts"] == {"PENDING": 1}
        with pytest.raises(Refused):
            status_of(connection, tasks[-1])
    daemon.restart()
    assert daemon.stderr().count("recorded events are missing") == 1
    assert daemon.stderr().count("events were lost before an earlier start") == 1
    assert daemon.database.with_name("agent_state.db.lost").exists()


# Other users


OUTSIDER = f"""
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
client.settimeout({PATIENCE_SECONDS})
try:
    client.connect(sys.argv[1])
    client.sendall(b'{{"id":1,"method":"Health"}}\\n')
    print("got", client.recv(100))
except OSError as error:
    print(type(error).__name__)
"""


def as_another_user(socket_path: Path) -> str:
    """Return what a client of another user gets: bytes, or the name of an error."""
    # It imports before it changes user: that user may not be able to read this Python at all.
    with subprocess.Popen(
        [sys.executable, "-c", OUTSIDER, str(socket_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        output, _ = client.communicate(timeout=PATIENCE_SECONDS)
    return output.strip()


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_another_user_gets_nothing(home: Path) -> None:
    """The socket's mode keeps others out; where it does not, they are not answered a byte."""
    home.parent.chmod(0o755)
    outside = home.parent / "open"
    outside.mkdir(mode=0o755)
    path = outside / "agentd.sock"
    with DaemonProcess(home, AGENTD_SOCKET_PATH=str(path)) as daemon:
        outside.chmod(0o755)
        assert as_another_user(path) == "PermissionError"
        path.chmod(0o666)
        assert as_another_user(path) in {"got b''", "ConnectionResetError", "BrokenPipeError"}
        assert soon(lambda: "refused a connection from user 65534" in daemon.stderr())
        with daemon.connect() as ours:
            assert ours.call("Health")["status"] == "ok"


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_another_user_does_not_see_the_home(daemon: DaemonProcess) -> None:
    """Where the socket is in the home, another user does not even reach it."""
    daemon.home.parent.chmod(0o755)
    daemon.socket_path.chmod(0o666)
    assert as_another_user(daemon.socket_path) == "PermissionError"
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
