"""Rule: what viewers cost is what the daemon uses with them, less what it uses without.

Five of `agentd top` and the pages of `agentd ui`, which have one model for all of them, beside a
hundred events a second; and beside workers that drain a task as fast as they can.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from time import monotonic, sleep

from benchmarks.daemons import Daemon, agentd, fresh_home
from benchmarks.load import drain_flat, register_flat
from benchmarks.report import Row, at_least, at_most
from benchmarks.resident import cpu_seconds
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Wire

VIEWERS = 6
"""Five in terminals, and the one behind all open pages."""

EVENTS_PER_SECOND = 100
SECONDS = 5.0
NODES = 10_000
DRAINED = 1_000
WORKERS = 4


def views(run: Run) -> list[Row]:
    """What viewers cost the daemon and a drain, in turns with and without them."""
    with fresh_home() as home, agentd(home) as daemon:
        task = register_flat(daemon.socket, NODES)
        shares = [_added_share(daemon, task) for _ in range(run.rounds)]
        rates = [
            (_rate(daemon, task, viewers=True), _rate(daemon, task, viewers=False))
            for _ in range(run.rounds)
        ]
    with_them = median([beside / alone * 100 for beside, alone in rates])
    return [
        at_most("daemon, for 20 pages and 5 tops", median(shares), 5, "% of a core"),
        at_least("  drain beside them", with_them, 95, "%", alone=median([r for _, r in rates])),
    ]


def _added_share(daemon: Daemon, task: str) -> float:
    """What viewers add to the daemon's part of a core, in percent."""
    without = _share(daemon, task)
    with _viewers(daemon, task):
        return (_share(daemon, task) - without) * 100


def _share(daemon: Daemon, task: str) -> float:
    """The part of a core that the daemon uses while so many events happen a second."""
    with Wire(daemon.socket) as wire:
        lease = wire.call("AcquireNextNode", {"task_id": task})
        assert lease is not None
        held = {name: lease[name] for name in ("task_id", "node_id", "lease_id")}
        used, began = cpu_seconds(daemon.pid), monotonic()
        for number in range(int(EVENTS_PER_SECOND * SECONDS)):
            sleep(max(began + number / EVENTS_PER_SECOND - monotonic(), 0))
            wire.call("CommitEvent", {**held, "payload": {"message": f"step {number}"}})
        share = (cpu_seconds(daemon.pid) - used) / (monotonic() - began)
        wire.call("CompleteNode", held)
    return share


def _rate(daemon: Daemon, task: str, *, viewers: bool) -> float:
    """Nodes a second, drained by workers of a task of their own."""
    with _viewers(daemon, task) if viewers else nullcontext():
        return drain_flat(daemon.socket, DRAINED, WORKERS).cycles_per_second


@contextmanager
def _viewers(daemon: Daemon, task: str) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.viewers", str(daemon.socket), task, str(VIEWERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()
