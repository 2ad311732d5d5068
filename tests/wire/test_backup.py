"""Backup and restore as a client sees them: nothing it was told is lost, and nobody waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.command_line import agentd
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.wire.steps import acquire, complete, flat, held, refusal, register, status_of, totals

if TYPE_CHECKING:
    from pathlib import Path


def restore(backup: Path, home: Path) -> None:
    """Restore a backup into that home."""
    ended = agentd(home, "restore", str(backup))
    assert (ended.code, ended.err) == (0, "")


def test_a_backup_has_what_was_acknowledged(daemon: DaemonProcess) -> None:
    """A task is shown by a daemon on the restored backup as it was shown when it was made."""
    base = daemon.home.parent
    with daemon.connect() as connection:
        task = register(connection, flat(3), context={"n": 1.50})
        complete(connection, acquire(connection, task), {"said": "hellö"})
        acquire(connection, task, lease_owner="me")
        before = status_of(connection, task)
        assert agentd(daemon.home, "backup", str(base / "one.db")).code == 0
        complete(connection, acquire(connection, task))
    restore(base / "one.db", base / "home2")
    with DaemonProcess(base / "home2") as second, second.connect() as connection:
        assert status_of(connection, task) == before


def test_a_holder_goes_on_after_a_restore(daemon: DaemonProcess) -> None:
    """A lease that was given before the backup is honoured after it was restored."""
    base = daemon.home.parent
    with daemon.connect() as connection:
        task = register(connection)
        acquired = acquire(connection, task)
    assert agentd(daemon.home, "backup", str(base / "one.db")).code == 0
    with daemon.connect() as connection:
        complete(connection, acquired, {"first": True})
    assert daemon.stop() == 0
    restore(base / "one.db", daemon.home)
    daemon.start()
    with daemon.connect() as connection:
        complete(connection, acquired, {"second": True})
        [node] = status_of(connection, task)["nodes"]
        assert node["result_payload"] == {"second": True}


def test_writers_go_on_while_a_backup_is_made(daemon: DaemonProcess) -> None:
    """Each of several clients is answered again and again from its beginning to its end."""
    target = daemon.home.parent / "one.db"
    over = threading.Event()
    answered = [0] * 4

    def work(number: int) -> None:
        with daemon.connect() as connection:
            while not over.is_set():
                register(connection, flat(5))
                answered[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(answered))]
    for thread in threads:
        thread.start()
    with daemon.connect() as connection:
        before, acknowledged = list(answered), totals(connection)
        assert agentd(daemon.home, "backup", str(target)).code == 0
        gained = [now - then for now, then in zip(answered, before, strict=True)]
    over.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert min(gained) > 0
    restore(target, daemon.home.parent / "home2")
    with DaemonProcess(daemon.home.parent / "home2") as second, second.connect() as connection:
        assert totals(connection) >= acknowledged


def test_a_repeat_finds_its_answer_in_the_backup(daemon: DaemonProcess) -> None:
    """What was answered under a request_id is answered alike after a restore."""
    base = daemon.home.parent
    params = {"goal": "g", "request_id": "00000000-0000-4000-8000-000000000001"}
    with daemon.connect() as connection:
        first = connection.call("RegisterTask", **params)
    assert agentd(daemon.home, "backup", str(base / "one.db")).code == 0
    restore(base / "one.db", base / "home2")
    with DaemonProcess(base / "home2") as second, second.connect() as connection:
        assert connection.call("RegisterTask", **params) == first


def test_what_came_after_the_backup_is_gone_after_a_restore(daemon: DaemonProcess) -> None:
    """A holder whose lease is younger than the backup is refused: it never was."""
    base = daemon.home.parent
    with daemon.connect() as connection:
        task = register(connection)
        assert agentd(daemon.home, "backup", str(base / "one.db")).code == 0
        younger = held(acquire(connection, task))
    assert daemon.stop() == 0
    restore(base / "one.db", daemon.home)
    daemon.start()
    with daemon.connect() as connection:
        late = refusal(connection, "CompleteNode", **younger, result_payload=None)
        assert late.kind == "illegal_transition"
        assert acquire(connection, task)["node_id"] == younger["node_id"]
