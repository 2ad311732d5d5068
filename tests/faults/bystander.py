"""Somebody who minds their own business while others misbehave: how long do they wait?

The rule this file keeps: it is a process of its own (`python -m tests.faults.bystander`), because a
thread would wait for the test's interpreter; and a wait counts only as far as the kernel let it and
the daemon run. Time that one of them spent in a queue for a processor is the machine's.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, Connection, DaemonProcess
from tests.stopwatch import queued

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

PAUSE_SECONDS = 0.001
HEALTH = b'{"id":1,"method":"Health"}'


class Waits(NamedTuple):
    """How long the answers took, in milliseconds, without the time in queues."""

    asked: int
    p99: float
    longest: float


class Bystander:
    """Asks Health again and again while the block runs; `waits` has the figures after it."""

    waits: Waits

    def __init__(self, daemon: DaemonProcess) -> None:
        self._command = [sys.executable, "-m", "tests.faults.bystander"]
        self._command += [str(daemon.socket_path), str(daemon.pid)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it has had its first answer
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        output, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        if error is None:
            self.waits = Waits(*json.loads(output))


def main(socket_path: str, process_id: str) -> None:
    """Ask until standard input ends, and print the figures."""
    waits = []
    with Connection(Path(socket_path)) as connection:
        connection.ask(HEALTH)
        print(flush=True)  # noqa: T201 - says that the asking begins
        while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            queued_before = queued(process_id) + queued("self")
            began = time.perf_counter()
            assert b'"status":"ok"' in connection.ask(HEALTH)
            waited = time.perf_counter() - began
            machine = queued(process_id) + queued("self") - queued_before
            waits.append(1000 * max(0.0, waited - machine))
    waits.sort()
    figures = Waits(len(waits), waits[len(waits) * 99 // 100], waits[-1])
    print(json.dumps(figures))  # noqa: T201 - this is how it reports


if __name__ == "__main__":
    main(*sys.argv[1:])
