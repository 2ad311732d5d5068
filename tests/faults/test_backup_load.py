"""Backups while eight clients work: each is restored, replayed, and held against the journal."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.command_line import agentd
from tests.daemon_process import REPOSITORY, DaemonProcess, environment
from tests.faults.check import differences
from tests.faults.client import Clients
from tests.wire.steps import total_events

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Connection
    from tests.faults.laboratory import Laboratory

CLIENTS = 8
LONGEST_WAIT_SECONDS = 2.0
"""How long a client may wait while a backup is made; the machine of a test run may be busy."""

PAUSE_SECONDS = 0.3
"""At most, between two backups."""

Record = tuple[int, str, str, bytes]
"""A record's seq, task, kind and hash."""


def journal(database: Path) -> list[Record]:
    """Every record of a database that stands alone."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
        return list(connection.execute("SELECT seq, task_id, kind, hash FROM journal ORDER BY seq"))


def back_up(home: Path, target: Path, client: Connection) -> float:
    """Run `agentd backup` and ask all the while; returns the longest wait for an answer."""
    longest = 0.0
    with subprocess.Popen(
        [sys.executable, "-m", "agentd", "backup", str(target)],
        cwd=REPOSITORY,
        env=environment(home, {}),
        stdout=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            began = time.monotonic()
            client.call("RegisterTask", goal="meanwhile")
            longest = max(longest, time.monotonic() - began)
    assert process.returncode == 0
    return longest


def restored(backup: Path, home: Path) -> list[Record]:
    """Restore a backup into an empty home, replay it, and read its journal."""
    ended = agentd(home, "restore", str(backup))
    assert (ended.code, ended.err) == (0, "")
    assert differences(home / "agent_state.db") == []
    return journal(home / "agent_state.db")


def test_backups_under_load(lab: Laboratory, home: Path) -> None:
    """Each equals a committed prefix: all that was acknowledged before it, nothing in parts."""
    folder = home.parent
    backups: dict[Path, int] = {}
    waits = []
    with DaemonProcess(home) as daemon, daemon.connect() as client:
        with Clients(CLIENTS, daemon.socket_path, folder, lab.random.getrandbits(32)):
            for number in range(lab.amount(10, 100)):
                time.sleep(lab.random.random() * PAUSE_SECONDS)
                target = folder / f"backup-{number}.db"
                backups[target] = total_events(client)
                waits.append(back_up(home, target, client))
        assert daemon.stop() == 0
    whole = journal(daemon.database)
    for target, acknowledged in backups.items():
        found = restored(target, folder / f"{target.stem}-home")
        assert len(found) >= acknowledged
        assert found == whole[: len(found)]
    assert max(waits) < LONGEST_WAIT_SECONDS
    lab.count(
        backups=len(backups),
        events=len(whole),
        longest_wait_in_ms=round(1000 * max(waits)),
    )
