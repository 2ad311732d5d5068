"""Acknowledged means on disk: what a client was told survives SIGKILL, SIGTERM and SIGINT."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import PATIENCE_SECONDS, encoded
from tests.wire.steps import (
    acquire,
    complete,
    fail,
    flat,
    held,
    nothing_to_acquire,
    register,
    status_of,
    totals,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.daemon_process import Connection, DaemonProcess


def kill_and_restart(daemon: DaemonProcess) -> None:
    """Kill the daemon without warning and start it again."""
    daemon.kill()
    daemon.restart()


def answered_until_the_end(connection: Connection) -> list[str]:
    """Read the task ids of all whole responses until the connection breaks."""
    ids = []
    try:
        while True:
            result = json.loads(connection.read_line()).get("result")
            ids += [result["task_id"]] if result else []
    except (EOFError, ConnectionResetError):
        return ids


def test_state_survives_sigkill(daemon: DaemonProcess) -> None:
    """After SIGKILL and a new start every task is as it was."""
    with daemon.connect() as connection:
        task = register(connection, {"a": (), "b": ["a"], "c": (), "d": (), "e": ["d"]})
        complete(connection, acquire(connection, task), {"r": 1.0})
        acquire(connection, task, lease_owner="w")
        fail(connection, acquire(connection, task), ["broken"])
        before = (status_of(connection, task), totals(connection))
    kill_and_restart(daemon)
    with daemon.connect() as connection:
        assert (status_of(connection, task), totals(connection)) == before


def test_state_survives_many_kills(daemon: DaemonProcess) -> None:
    """A graph is drained over one kill per node, and no completion is lost."""
    with daemon.connect() as connection:
        task = register(connection, {"a": (), "b": ["a"], "c": ["b"]})
    for name in task.nodes:
        with daemon.connect() as connection:
            acquired = acquire(connection, task)
            assert acquired["node_id"] == task.nodes[name]
            complete(connection, acquired, name)
        kill_and_restart(daemon)
    with daemon.connect() as connection:
        assert status_of(connection, task)["counts"] == {"COMPLETED": 3}


def test_a_lease_goes_on_after_sigkill(daemon: DaemonProcess) -> None:
    """A lease that has not run out is as good after a restart as before."""
    with daemon.connect() as connection:
        task = register(connection)
        acquired = acquire(connection, task)
    kill_and_restart(daemon)
    with daemon.connect() as connection:
        assert nothing_to_acquire(connection, task)
        assert connection.call("HeartbeatNode", **held(acquired))["ok"] is True
        assert complete(connection, acquired)


@pytest.mark.parametrize("finish", [complete, fail])
def test_a_repeat_is_known_after_sigkill(daemon: DaemonProcess, finish: Callable[..., str]) -> None:
    """A repeat whose first response was lost in a crash gets the first event_id."""
    with daemon.connect() as connection:
        acquired = acquire(connection, register(connection))
        first = finish(connection, acquired)
    kill_and_restart(daemon)
    with daemon.connect() as connection:
        before = totals(connection)
        assert finish(connection, acquired) == first
        assert totals(connection) == before


def test_every_acknowledged_write_survives_sigkill(daemon: DaemonProcess) -> None:
    """Whatever was answered before the kill is there after it, from all connections."""
    acknowledged: list[str] = []
    enough = threading.Event()

    def work() -> None:
        with daemon.connect() as connection:
            try:
                while True:
                    acknowledged.append(register(connection, flat(3)).id)
                    if len(acknowledged) > 200:
                        enough.set()
            except (OSError, EOFError):
                return

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert enough.wait(PATIENCE_SECONDS)
    daemon.kill()
    for worker in workers:
        worker.join(PATIENCE_SECONDS)
    daemon.restart()
    with daemon.connect() as connection:
        for task_id in acknowledged:
            assert connection.call("TaskStatus", task_id=task_id)["counts"] == {"PENDING": 3}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_daemon(daemon: DaemonProcess, number: signal.Signals) -> None:
    """SIGTERM and SIGINT stop the daemon within 5 s: it exits with 0 and removes its socket."""
    began = time.monotonic()
    daemon.signal(number)
    assert daemon.wait() == 0
    assert time.monotonic() - began < 5
    assert not daemon.socket_path.exists()


def test_sigterm_with_open_connections(daemon: DaemonProcess) -> None:
    """Connections that are open, idle or in the middle of a line, do not delay the end."""
    idle, halfway = daemon.connect(), daemon.connect()
    with idle, halfway:
        halfway.send_raw(b'{"id":1,')
        idle.call("Health")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 5
        assert idle.at_eof()


def test_what_is_answered_before_sigterm_is_kept(daemon: DaemonProcess) -> None:
    """Every request that was answered while the daemon stopped is on disk."""
    request = {"id": 1, "method": "RegisterTask", "params": {"goal": "g"}}
    with daemon.connect() as connection:
        connection.send_raw((encoded(request) + b"\n") * 500)
        first = connection.read_response()["result"]["task_id"]
        daemon.signal(signal.SIGTERM)
        answered = [first, *answered_until_the_end(connection)]
    assert daemon.wait() == 0
    daemon.restart()
    with daemon.connect() as connection:
        for task_id in answered:
            assert connection.call("TaskStatus", task_id=task_id)["task"]["id"] == task_id


def test_state_survives_sigterm(daemon: DaemonProcess) -> None:
    """After SIGTERM and a new start every task is as it was."""
    with daemon.connect() as connection:
        task = register(connection, flat(5))
        complete(connection, acquire(connection, task))
        before = (status_of(connection, task), totals(connection))
    daemon.restart()
    with daemon.connect() as connection:
        assert (status_of(connection, task), totals(connection)) == before
