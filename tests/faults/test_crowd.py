"""Twenty daemons started at once on one home: one serves, the others go, nobody is disturbed."""

from __future__ import annotations

import fcntl
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from agentd.daemon.lock import Lock
from agentd.errors import AlreadyRunning
from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    SERVE,
    Connection,
    DaemonProcess,
    Refused,
    environment,
)
from tests.faults.processors import Processors

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from tests.faults.laboratory import Laboratory

CROWD = 20
ALREADY_RUNNING = 4
AT_ONCE_SECONDS = 1
BESIDE_OTHERS_SECONDS = 5
"""Where the rest of the suite runs beside it: a loser that waits for the winner takes longer."""

ENOUGH = 20
"""Answers of the winner: it may be ready only when the last loser has gone."""

PAUSE_SECONDS = 0.002


class Contender:
    """One of the crowd. `seconds` is how long it lived, `code` and `said` how it ended."""

    code: int
    said: str
    seconds: float

    def __init__(self, home: Path) -> None:
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            SERVE,
            cwd=REPOSITORY,
            env=environment(home, {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def to_the_end(self) -> Contender:
        """Wait for its end."""
        output, _ = self.process.communicate()
        self.seconds = time.monotonic() - self._began
        self.code, self.said = self.process.returncode, output.decode()
        return self


class Regular:
    """A client of the winner's first moment: it asks until the block ends, and nothing may fail."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._leaving = threading.Event()
        self._served = threading.Event()
        self._thread = threading.Thread(target=self._visit)
        self.answers = 0
        self.dropped: list[Exception] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leaving.set()
        self._thread.join()

    def wait_until_served(self) -> None:
        """Wait until it was answered often enough to say that somebody serves."""
        assert self._served.wait(PATIENCE_SECONDS), self.dropped

    def _visit(self) -> None:
        with self._first() as kept:
            while not self._leaving.wait(PAUSE_SECONDS):
                try:
                    self._ask(kept)
                    with Connection(self._socket_path) as another:
                        self._ask(another)
                except (OSError, EOFError, Refused) as error:
                    self.dropped.append(error)

    def _first(self) -> Connection:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return Connection(self._socket_path)
            except OSError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_SECONDS)

    def _ask(self, connection: Connection) -> None:
        assert connection.call("Health")["status"] == "ok"
        self.answers += 1
        if self.answers >= ENOUGH:
            self._served.set()


class Crowd:
    """So many contenders; those that are left when the block ends get the signal `last`."""

    def __init__(self, home: Path, last: signal.Signals) -> None:
        self._home = home
        self._last = last

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(CROWD)
        self._contenders = [Contender(self._home) for _ in range(CROWD)]
        self._endings = [self._pool.submit(each.to_the_end) for each in self._contenders]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for contender in self._contenders:
            contender.process.send_signal(self._last)
        self._pool.shutdown()

    def settle(self) -> tuple[Contender, list[Contender]]:
        """Wait until all but one have ended; returns that one, and the others."""
        endings = as_completed(self._endings, PATIENCE_SECONDS)
        losers = [ending.result() for ending in islice(endings, CROWD - 1)]
        [winner] = set(self._contenders) - set(losers)
        return winner, losers


def assert_sent_away(loser: Contender, winner: Contender, most_seconds: float) -> None:
    """Check that a loser left at once, with one line that names the winner or nobody."""
    assert loser.code == ALREADY_RUNNING, loser.said
    assert loser.seconds <= most_seconds
    assert re.fullmatch(
        rf"agentd: another agentd is already running with pid ({winner.process.pid}|unknown) .*\n",
        loser.said,
    )


@pytest.mark.alone
def test_one_of_a_crowd_serves(lab: Laboratory, home: Path) -> None:
    """One serves from its first moment on; the others leave with code 4, within a second each.

    The winner of a round is killed or stopped, so the next crowd finds what that leaves.
    """
    for _ in range(lab.amount(5, 200)):
        processors = Processors()
        last = lab.random.choice([signal.SIGKILL, signal.SIGTERM])
        regular = Regular(home / "agentd.sock")
        with Crowd(home, last) as crowd, regular:
            winner, losers = crowd.settle()
            machine_seconds = processors.lost_to_others([winner.process.pid])
            regular.wait_until_served()
            assert winner.process.poll() is None
        assert regular.dropped == []
        for loser in losers:
            at_once = lab.amount(BESIDE_OTHERS_SECONDS, AT_ONCE_SECONDS)
            assert_sent_away(loser, winner, at_once + machine_seconds)
        lab.count(rounds=1, sent_away=len(losers), answered_meanwhile=regular.answers)


def test_who_is_sent_away_has_imported_little(home: Path) -> None:
    """The event loop, the database and the decoders are imported when the locks are held."""
    ask = "import sys, agentd.cli; code = agentd.cli.main(['serve']); print(code, *sys.modules)"
    with DaemonProcess(home):
        told = subprocess.run(
            [sys.executable, "-c", ask],
            cwd=REPOSITORY,
            env=environment(home, {}),
            capture_output=True,
            text=True,
            check=True,
        )
    code, *modules = told.stdout.split()
    assert (int(code), "agentd.daemon.lock" in modules) == (ALREADY_RUNNING, True)
    heavy = {"asyncio", "uvloop", "apsw", "msgspec", "dotenv", "agentd.methods"}
    needless = {"json", "socket", "ctypes"}
    assert (heavy | needless) & set(modules) == set()


def test_a_dead_holder_is_not_named(tmp_path: Path) -> None:
    """Until the new holder of a lock has signed it, the pid in it is that of a dead one."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = tmp_path / "agentd.lock"
    path.write_text(f"{dead.pid}\n")
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning, match="pid unknown"):
            Lock(path).acquire()
