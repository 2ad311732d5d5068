"""A worker that holds on to its node: it writes under its lease until it is refused, and then more.

The rule this file keeps: it is a process of its own (`python -m tests.faults.holder SOCKET FOLDER
NAME TASK`), so that it can be stopped and woken, and it keeps an account. Nobody tells it that it
slept: it learns that from the daemon, does not believe it at once, and ends.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.daemon_process import REPOSITORY, Connection
from tests.faults.account import Account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.daemon_process import Object

PAUSE_SECONDS = 0.05
"""Between two writes: much shorter than a lease."""

WRITES = ("HeartbeatNode", "CommitEvent")
LAST_WRITES = (*WRITES, "CompleteNode", "FailNode") * 5
"""What it still tries after the first refusal."""


class Holder:
    """Holds the next node of a task from its making on."""

    def __init__(self, socket_path: Path, folder: Path, name: str, task_id: str) -> None:
        self._connection = Connection(socket_path)
        self._account = Account(folder / f"{name}.account")
        self._name = name
        self._numbers = itertools.count()
        acquired = self._ask("AcquireNextNode", {"task_id": task_id, "lease_owner": name})["result"]
        self._held = {each: acquired[each] for each in ("task_id", "node_id", "lease_id")}

    def hold_on(self) -> None:
        """Write until a write is refused, and then every other write there is."""
        for method in itertools.cycle(WRITES):
            if "error" in self._write(method):
                break
            time.sleep(PAUSE_SECONDS)
        for method in LAST_WRITES:
            self._write(method)

    def _write(self, method: str) -> Object:
        payload = (
            {} if method == "HeartbeatNode" else {"payload": [self._name, next(self._numbers)]}
        )
        return self._ask(method, {**self._held, **payload})

    def _ask(self, method: str, params: Object) -> Object:
        number = self._account.asks(method, params)
        response = self._connection.request({"method": method, "params": params})
        self._account.was_answered(number, response)
        return response


def started(
    socket_path: Path, folder: Path, name: str, tasks: Sequence[str]
) -> list[subprocess.Popen[bytes]]:
    """Start a holder for each task; returns when each has its node."""
    program = [sys.executable, "-m", "tests.faults.holder", str(socket_path), str(folder)]
    processes = [
        subprocess.Popen(
            [*program, f"{name}-{number}", task_id], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        for number, task_id in enumerate(tasks)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.stdout.close()
    return processes


if __name__ == "__main__":
    HOLDER = Holder(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    print("held", flush=True)  # noqa: T201 - this is how it reports
    HOLDER.hold_on()
