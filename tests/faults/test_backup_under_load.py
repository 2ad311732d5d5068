"""Backups that are made while clients write: each is a prefix of what was committed."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from tests.command_line import Ended, agentd
from tests.daemon_process import DaemonProcess, temporary_home
from tests.faults.check import differences
from tests.faults.client import Clients
from tests.faults.oracle import Oracle
from tests.stopwatch import Stopwatch
from tests.wire.steps import register

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.laboratory import Laboratory

CLIENTS = 3
LONGEST_WAIT_SECONDS = 1.0
ORDERS = {"journal": "seq", "requests": "number"}
"""The tables that only grow, and the column that numbers their rows."""


def rows(database: Path, table: str, up_to: int) -> list[tuple[object, ...]]:
    """The rows of a table, in their order, up to that number."""
    order = ORDERS[table]
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        question = f"SELECT * FROM {table} WHERE {order} <= ? ORDER BY {order}"
        return connection.execute(question, (up_to,)).fetchall()


def backed_up(daemon: DaemonProcess, target: Path) -> list[float]:
    """Make a backup; returns how long each write of another client took meanwhile, in seconds.

    What a processor was waited for is not counted: that is the machine's.
    """
    waits = []
    with ThreadPoolExecutor(1) as pool, daemon.connect() as connection:
        ended = pool.submit(agentd, daemon.home, "backup", str(target))
        while not ended.done():
            watch = Stopwatch(daemon.pid)
            register(connection)
            waits.append(watch.seconds)
    assert_done(ended.result())
    return waits


def assert_done(ended: Ended) -> None:
    """Check that a verb did what it was told."""
    assert (ended.code, ended.err) == (0, "")


def assert_prefix(oracle: Oracle, original: Path, copy: Path) -> None:
    """Check that the copy ends between two commits of the original."""
    everything = 2**62
    for table in ORDERS:
        copied = rows(copy, table, everything)
        assert copied == rows(original, table, len(copied))
    oracle.chronicle.read()
    assert oracle.chronicle.wrong == []
    assert differences(copy) == []


def one_backup(daemon: DaemonProcess, clients: Clients, folder: Path, target: Path) -> list[float]:
    """Back up under load, restore elsewhere, and look; returns the waits of a writer.

    Nobody writes while we look: else each backup would be of far more than the one before it.
    """
    with temporary_home() as elsewhere, ExitStack() as rest:
        oracle = Oracle(elsewhere / "agent_state.db", folder)
        before = oracle.accounts.read()
        waits = backed_up(daemon, target)
        rest.enter_context(clients.at_rest())
        assert_done(agentd(elsewhere, "restore", str(target)))
        with DaemonProcess(elsewhere) as restored, restored.connect() as connection:
            assert_prefix(oracle, daemon.database, restored.database)
            assert list(oracle.compare(before)) == []
            register(connection)
    return waits


def backups_of_one_home(lab: Laboratory, home: Path) -> list[float]:
    """Back up a daemon again and again while it works; returns the waits of a writer."""
    folder, waits = home.parent, []
    with (
        DaemonProcess(home) as daemon,
        Clients(CLIENTS, daemon.socket_path, folder, lab.random.getrandbits(32)) as clients,
    ):
        for number in range(lab.amount(5, 10)):
            target = folder / f"{number}.backup"
            waits += one_backup(daemon, clients, folder, target)
            target.unlink()
            lab.count(backups=1)
    return waits


def test_a_backup_under_load_is_a_committed_prefix(lab: Laboratory) -> None:
    """Restored, it has what was acknowledged before it began, and nothing that came apart."""
    waits = []
    for _ in range(lab.amount(1, 10)):  # a home each: else each backup is of all that was before
        with temporary_home() as home:
            waits += backups_of_one_home(lab, home)
    waits.sort()
    p99 = waits[len(waits) * 99 // 100]
    assert p99 < LONGEST_WAIT_SECONDS
    lab.count(writes_meanwhile=len(waits))
    lab.count(p99_of_a_write_us=round(p99 * 1e6), longest_us=round(waits[-1] * 1e6))
