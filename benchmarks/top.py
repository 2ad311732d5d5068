"""Rule: what a person sees is what came out of a terminal, not what a program meant to show.

`agentd top` in a real pty: how soon it is there, what it costs, and how long after its commit an
event is on the screen.
"""

import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Any

from benchmarks.daemons import agentd, agentd_environment, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most
from benchmarks.resident import cpu_seconds, resident_megabytes
from benchmarks.run import Run
from benchmarks.stats import median, percentile
from benchmarks.wire import Wire

TOP = [sys.executable, "-m", "agentd", "top"]
NODES = 10_000
ROWS, COLUMNS = 60, 200
FEW, MANY = 10, 500
"""Events a second."""

SECONDS_A_MARK = 0.5
SETTLE_SECONDS = 2.0
"""After the first paint: 10,000 nodes have been read."""

_PATIENCE = 60.0

Lease = dict[str, Any]


class Screen:
    """A terminal, and when which mark came out of it."""

    def __init__(self, file: int, pid: int) -> None:
        self.pid = pid
        self.seen: dict[bytes, float] = {}
        self._file = file
        self._wanted: list[bytes] = []
        self._written = bytearray()
        self._is_over = Event()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def want(self, mark: bytes) -> None:
        """Note when this is written from now on."""
        self._wanted.append(mark)

    def wait_for(self, mark: bytes) -> float:
        """When it was written; raises `TimeoutError` where it is not."""
        self.want(mark)
        end = perf_counter() + _PATIENCE
        while mark not in self.seen:
            if perf_counter() > end:
                raise TimeoutError(f"{mark!r} is not on the screen")
            sleep(0.01)
        return self.seen[mark]

    def close(self) -> None:
        """No more is read."""
        self._is_over.set()
        self._reader.join()

    def _read(self) -> None:
        while not self._is_over.is_set():
            if not select.select([self._file], [], [], 0.2)[0]:
                continue
            try:
                self._written += os.read(self._file, 1 << 16)
            except OSError:  # Linux reports the other side's close as an input/output error
                return
            now = perf_counter()
            for mark in [each for each in self._wanted if each in self._written]:
                self._wanted.remove(mark)
                self.seen[mark] = now
            del self._written[:-65_536]


@contextmanager
def _screen(home: Path, *arguments: str) -> Iterator[Screen]:
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (ROWS, COLUMNS))
    environment = {**agentd_environment(home), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [*TOP, *arguments], stdin=its, stdout=its, stderr=its, env=environment
    )
    os.close(its)
    screen = Screen(ours, process.pid)
    try:
        yield screen
    finally:
        process.kill()
        process.wait()
        screen.close()
        os.close(ours)


def top(run: Run) -> list[Row]:
    """Start it, then look on at a task of 10,000 nodes while little happens, and much."""
    with fresh_home() as home, agentd(home) as daemon:
        register_flat(daemon.socket, 30)
        starts = [_start(home) for _ in range(run.starts)]
        task = register_flat(daemon.socket, NODES)
        with Wire(daemon.socket) as wire, _screen(home, task) as screen:
            marked = wire.call("AcquireNextNode", {"task_id": task, "lease_owner": "marker"})
            screen.wait_for(b"marker")
            worked = wire.call("AcquireNextNode", {"task_id": task, "lease_owner": "worker"})
            sleep(SETTLE_SECONDS)
            few, _, _ = _look_on(run, screen, wire, (marked, worked), FEW)
            many, percent, rate = _look_on(run, screen, wire, (marked, worked), MANY)
            megabytes = resident_megabytes(screen.pid)
    return [
        at_most("top, start to first paint", median(starts), 0.8, "s"),
        at_most(f"top, event seen at {FEW}/s, p95", few, 150, "ms"),
        at_most(f"top, event seen at {MANY}/s, p95", many, 400, "ms"),
        at_most(f"top, 10,000 nodes at {MANY}/s", percent, 25, "% of a core", rate=rate),
        at_most("top, resident memory", megabytes, 150, "MB"),
    ]


def _start(home: Path) -> float:
    """Seconds until what there is stands on the screen."""
    began = perf_counter()
    with _screen(home) as screen:
        return screen.wait_for(b"benchmark") - began


def _look_on(
    run: Run, screen: Screen, wire: Wire, held: tuple[Lease, Lease], per_second: int
) -> tuple[float, float, float]:
    """Milliseconds from commit to screen, p95; percent of a core that it took; events a second."""
    marked, worked = held
    marks: dict[bytes, float] = {}
    busy, began, number = cpu_seconds(screen.pid), perf_counter(), 0
    while (now := perf_counter()) < began + 2 * run.loop_seconds:
        due = int((now - began) * per_second)
        if number >= due:
            sleep(0.001)
            continue
        if now - began >= len(marks) * SECONDS_A_MARK:
            mark = f"mark-{per_second}-{len(marks)}.".encode()
            screen.want(mark)
            _say(wire, marked, mark.decode())
            marks[mark] = perf_counter()
            number += 1
        else:
            number += _work(wire, worked)
    seconds = perf_counter() - began
    percent = (cpu_seconds(screen.pid) - busy) / seconds * 100
    latencies = sorted((screen.wait_for(mark) - at) * 1e3 for mark, at in marks.items())
    return percentile(latencies, 95), percent, number / seconds


def _say(wire: Wire, held: Lease, words: str) -> None:
    lease = {key: held[key] for key in ("task_id", "node_id", "lease_id")}
    wire.call("CommitEvent", {**lease, "payload": {"message": words}})


def _work(wire: Wire, held: Lease) -> int:
    """Two events in one call: a node is done, and the next one taken."""
    lease = {key: held[key] for key in ("task_id", "node_id", "lease_id")}
    following = {"task_id": lease["task_id"], "lease_owner": "worker"}
    held.update(wire.call("CompleteNode", {**lease, "acquire_next": following})["next"])
    return 2
