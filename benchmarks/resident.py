"""Rule: idle is measured after work, with a lease open: that is how a daemon idles.

Memory and processor time of a daemon that nobody calls, read from /proc.
"""

from pathlib import Path
from time import monotonic, sleep

from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import drain_flat, register_flat
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.wire import Wire

SETTLE_SECONDS = 2.0
IDLE_SECONDS = 10.0


def idle(_: Run) -> list[Row]:
    """Let a daemon idle for ten seconds after 1,000 nodes of work."""
    with fresh_home() as home, agentd(home) as daemon:
        drain_flat(daemon.socket, 1_000, 4)
        with Wire(daemon.socket) as wire:
            # The sweeper has an expiry to wait for: one that polls shows here.
            wire.call("AcquireNextNode", {"task_id": register_flat(daemon.socket, 1)})
        sleep(SETTLE_SECONDS)
        busy, began = cpu_seconds(daemon.pid), monotonic()
        sleep(IDLE_SECONDS)
        percent = (cpu_seconds(daemon.pid) - busy) / (monotonic() - began) * 100
        resident = resident_megabytes(daemon.pid)
    return [
        at_most("idle, resident memory", resident, 60, "MB"),
        at_most("idle, processor time", percent, 0.1, "%"),
    ]


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process, in megabytes (2^20 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/status does not tell the resident memory")


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, in seconds."""
    # schedstat counts nanoseconds per thread. The ticks of /proc/PID/stat are 10 ms long,
    # which is the whole bar: 0.1 % of ten seconds.
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
