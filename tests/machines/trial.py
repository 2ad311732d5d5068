"""Writers at work on one database of a server, and the verdict on what they left.

The rule this file keeps: a trial is the same for the store that works and for those that are broken
on purpose.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from agentd.store.postgres import PostgresStore
from tests.core import Core
from tests.daemon_process import REPOSITORY
from tests.faults.check import differences
from tests.faults.oracle import judge_all
from tests.faults.snapshot import snapshot
from tests.machines.broken import STORES
from tests.machines.follower import Follower
from tests.machines.writer import DEMANDS, LIMITS, Writer
from tests.postgres_stores import migrated

if TYPE_CHECKING:
    from pathlib import Path

FOLLOWERS = 2
NODES = 10
DEADLINE_SECONDS = 300
"""Only for writers that hang: nothing depends on how long they take."""


class Trial:
    """One database, to which stores of this kind write."""

    def __init__(
        self, url: str, folder: Path, seed: str, store: str = PostgresStore.__name__
    ) -> None:
        self._url = url
        self._folder = folder
        self._seed = seed
        self._store = store
        self.events = 0
        prepare(url)
        broken: Any = STORES[store]
        if broken is not PostgresStore:
            broken.break_schema(url)

    def by_threads(self, count: int, batches: int) -> list[str]:
        """So many writers in this process, each with so many batches; everything that is wrong."""
        writers = [
            Writer(self._url, STORES[self._store], self._folder, f"w{n}", f"{self._seed} {n}")
            for n in range(count)
        ]
        threads = [threading.Thread(target=each.work, args=(batches,)) for each in writers]
        with ExitStack() as stack:
            followers = [stack.enter_context(Follower(self._url)) for _ in range(FOLLOWERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for writer in writers:
            writer.close()
        faults = [f"a fault: {fault!r}" for writer in writers for fault in writer.faults]
        return faults + self._judge(followers)

    def by_processes(self, count: int, batches: int) -> list[str]:
        """So many writers, each a process of its own."""
        program = [sys.executable, "-m", "tests.machines.writer", self._url, self._store]
        with ExitStack() as stack:
            followers = [stack.enter_context(Follower(self._url)) for _ in range(FOLLOWERS)]
            processes = [
                subprocess.Popen(
                    [*program, str(self._folder), f"w{n}", f"{self._seed} {n}", str(batches)],
                    cwd=REPOSITORY,
                )
                for n in range(count)
            ]
            codes = [each.wait(DEADLINE_SECONDS) for each in processes]
        faults = [f"writer {n} ended with {code}" for n, code in enumerate(codes) if code]
        return faults + self._judge(followers)

    def _judge(self, followers: list[Follower]) -> list[str]:
        with snapshot(self._url) as now:
            wrong = [line for follower in followers for line in follower.wrong(now)]
            self.events = len(followers[0].seen)
        try:
            wrong += judge_all(self._url, self._folder)
        except LookupError as error:
            wrong.append(f"the journal names what comes later: {error}")
        return wrong + differences(self._url)


def prepare(url: str) -> None:
    """Limits that are often full, and tasks whose nodes demand them."""
    migrated(url)
    store = PostgresStore(url)
    core = Core(store)
    core.now = 1  # before every moment of the server's
    for name, limit in LIMITS.items():
        core.do("SetLimit", name=name, **limit)
    for demand in DEMANDS:
        core.register(*({"limits": demand} for _node in range(NODES)))
    store.close()
