"""A fleet: so many `agentd work` processes, each begun again when it has ended, however it ended.

The rule this file keeps: a worker's name is never used twice, and stands in the environment of all
that it starts: so the journal tells whose lease a lease was, and the system whose process is left.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment

if TYPE_CHECKING:
    from random import Random
    from types import TracebackType
    from typing import Self

COMMAND = str(Path(__file__).with_name("fleet_command.py"))
MARK = "FLEET_WORKER"
"""The variable that has the name of the worker."""

_LOOK_SECONDS = 0.05


class Death(NamedTuple):
    """A worker that SIGKILL ended, and when that was seen, in Unix seconds."""

    name: str
    at: float


class Fleet:
    """In a block, `size` workers of `home` with these options. `deaths` are those by SIGKILL."""

    def __init__(self, home: Path, name: str, size: int, *options: str) -> None:
        self._home = home
        self._name = name
        self._options = options
        self._size = size
        self._number = 0
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._look_after)
        self.deaths: list[Death] = []
        self.log = home.parent / f"{name}.log"

    def kill_one(self, chance: Random) -> None:
        """End one of them with SIGKILL."""
        with self._changing:
            chance.choice(list(self._workers.values())).kill()

    def _start_one(self) -> None:
        self._number += 1
        name = f"{self._name}-{self._number}"
        with self.log.open("ab") as log:
            self._workers[name] = subprocess.Popen(
                [
                    *(sys.executable, "-m", "agentd", "work", "--all", "--owner", name),
                    *(*self._options, "--", sys.executable, COMMAND),
                ],
                cwd=REPOSITORY,
                env={**environment(self._home, {}), MARK: name},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _look_after(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            with self._changing:
                self._bury()
                self._fill_up()

    def _fill_up(self) -> None:
        while len(self._workers) < self._size:
            self._start_one()

    def _bury(self) -> None:
        for name, worker in list(self._workers.items()):
            if worker.poll() is not None:
                del self._workers[name]
                if worker.returncode == -signal.SIGKILL:
                    self.deaths.append(Death(name, time.time()))

    def __enter__(self) -> Self:
        self._fill_up()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._bury()
        for worker in self._workers.values():
            worker.send_signal(signal.SIGTERM if error is None else signal.SIGKILL)
        for worker in self._workers.values():
            worker.wait(PATIENCE_SECONDS)


def processes_of(name: str) -> list[str]:
    """The command lines of the processes that a worker has left: its own, and what it started."""
    wanted = f"{MARK}={name}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended, or is a zombie, or another user's
            continue
    return found
