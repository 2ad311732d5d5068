"""Daemons on machines whose clocks are off by an hour, and are set all the time."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.check import differences
from tests.faults.early_kill import SHORT_LEASES
from tests.faults.oracle import Oracle, judge_all
from tests.faults.snapshot import snapshot
from tests.machines.hosts import WAIT_SECONDS, at_work, hosts

if TYPE_CHECKING:
    from tests.faults.laboratory import Laboratory
    from tests.postgres_server import PostgresServer

HOUR = 3_600
PROGRAM = Path(__file__).with_name("wrong_clock.py")
LEASE_MS = 1_000
NEAR_MS = 60_000
"""What a server under load may lie behind; a clock that is wrong is off by sixty times that."""


def test_only_the_servers_clock_counts(
    lab: Laboratory,
    postgres: PostgresServer,
    database_url: str,
) -> None:
    """No lease is longer, shorter or over sooner, and what is recorded has the server's moment."""
    began = time.time_ns() // 1_000_000
    commands = [[sys.executable, str(PROGRAM), str(off), "serve"] for off in (HOUR, -HOUR, 0)]
    env = {**SHORT_LEASES, "AGENTD_DATABASE_WAIT_SECS": WAIT_SECONDS}
    with hosts(postgres, database_url, 3, env, commands) as (there, folder):
        oracle = Oracle(database_url, folder)
        with at_work(there, folder, 3, lab.random.getrandbits(32)):
            while len(oracle.chronicle.leases) < lab.amount(60, 10_000):
                time.sleep(0.5)
                assert oracle.judge() == []
        assert judge_all(database_url, folder) == []
        with snapshot(database_url) as now:
            moments = [row[5] for row in now.rows(0)]
    ended = time.time_ns() // 1_000_000
    assert moments == sorted(moments)
    assert all(began - NEAR_MS < moment < ended + NEAR_MS for moment in moments)
    granted = {lease.ends[0] for lease in oracle.chronicle.leases.values()}
    assert granted <= {moment + LEASE_MS for moment in moments}
    assert differences(database_url) == []
    lab.count(leases=len(oracle.chronicle.leases), events=len(moments))
