"""What a daemon's process takes of the machine, as the kernel tells: memory, descriptors, time.

The rule this file keeps: it asks /proc, so that nothing of the daemon's own account is believed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.daemon_process import DaemonProcess

MIB = 1024 * 1024

only_with_proc = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="footprints are read in /proc"
)


class Memory(NamedTuple):
    """Bytes in memory: now, and at the most since the last look."""

    now: int
    peak: int


def memory_of(daemon: DaemonProcess) -> Memory:
    """Look, and begin to watch for the next peak."""
    told = Path(f"/proc/{daemon.pid}/status").read_text()
    now, peak = (1024 * int(found) for found in re.findall(r"Vm(?:RSS|HWM):\s+(\d+)", told)[::-1])
    Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")
    return Memory(now, peak)


def open_files(daemon: DaemonProcess) -> set[int]:
    """Return the descriptors that the process has."""
    return {int(file.name) for file in Path(f"/proc/{daemon.pid}/fd").iterdir()}


def processor_seconds(daemon: DaemonProcess) -> float:
    """Return how long the process has computed."""
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
