"""Rule: what is sampled is what the system says of the process and its files, not the daemon.

Memory, WAL and database of a daemon at some moments; the journal's length is asked for.
"""

from pathlib import Path
from time import monotonic

import msgspec

from benchmarks.daemons import Daemon
from benchmarks.resident import resident_megabytes
from benchmarks.wire import Wire

MEGABYTE = 1 << 20


class Sample(msgspec.Struct, frozen=True):
    """One look; `moment` is CLOCK_MONOTONIC seconds, sizes are megabytes (2^20 bytes)."""

    moment: float
    life: int
    resident: float
    wal: float
    database: float
    events: int


def look(daemon: Daemon, home: Path, life: int) -> Sample:
    """Look at a daemon in its `life`th life."""
    with Wire(daemon.socket) as wire:
        events = wire.call("Metrics", {})["database"]["total_events"]
    database = home / "agent_state.db"
    return Sample(
        monotonic(),
        life,
        resident_megabytes(daemon.pid),
        _megabytes(database.with_name("agent_state.db-wal")),
        _megabytes(database),
        events,
    )


def _megabytes(path: Path) -> float:
    return path.stat().st_size / MEGABYTE if path.exists() else 0.0
