"""A daemon's life on a recorded disk, and the start on what a power cut leaves of it.

The rule this file keeps: what a start finds is judged only by what the clients knew at the cut.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw

from agentd.errors import SyncFailed
from agentd.store.sqlite import SqliteStore
from tests.core import NOW, Core
from tests.faults.disk import Image
from tests.faults.disk_recording import Recording
from tests.faults.disk_state import moment_of, seen
from tests.faults.disk_workload import Acknowledged, Workload
from tests.faults.vfs import Operation

DATABASE = "agent_state.db"
MARK = "agent_state.db.mark"

_MEMORY = Path("/dev/shm")  # noqa: S108 - its name in Linux


@contextmanager
def in_memory() -> Iterator[Path]:
    """A directory in memory where there is one: nothing in here has to outlive this machine."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as path:
        yield Path(path)


class Life(NamedTuple):
    """What a daemon did to its disk, and what it answered meanwhile."""

    recording: Recording
    history: list[Acknowledged]

    def acknowledged(self, cut: int) -> Acknowledged:
        """The last of what was acknowledged before the cut."""
        return [known for known in self.history if known.moment <= cut][-1]


def live(directory: Path, random: Random, steps: int) -> Life:
    """Record a life from the making of the database on: busy, restarted, with readers about."""
    recording = Recording(directory)
    path = directory / DATABASE
    with recording.running(), ExitStack() as readers:
        work = Workload(SqliteStore.open(path, NOW), random, lambda: len(recording))
        for _ in range(steps):
            work.step()
            work.store.checkpoint()
            if random.random() < 0.1:
                readers.close()
            if random.random() < 0.1:
                readers.enter_context(work.store.read())
            if random.random() < 0.02:
                readers.close()
                work.store.close()
                work.go_on(SqliteStore.open(path, NOW))
        readers.close()
        work.store.close()
    return Life(recording, work.history)


def live_on(directory: Path, random: Random, steps: int, sync: int) -> Life:
    """Record a life in which that sync fails, and what the next start showed and took on."""
    left = sync
    path = directory / DATABASE

    def fail_once(operation: Operation) -> None:
        nonlocal left
        if operation.kind == "sync" and not operation.path.startswith(f"{path}.new"):
            left -= 1
            if left == 0:
                raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)

    recording = Recording(directory, fail_once)
    with recording.running():
        work = Workload(SqliteStore.open(path, NOW), random, lambda: len(recording))
        with suppress(SyncFailed):
            for _ in range(steps):
                for refusal in work.step():
                    raise refusal
                work.store.checkpoint()
        work.store.close()
        left = 0  # a life with fewer syncs than that is over; the next one shall not fail
        work.go_on(SqliteStore.open(path, NOW))
        known = work.history[-1]
        work.history.append(seen(work.core, path, known, len(recording)))
        for _ in range(3):
            work.core.register()
            work.history.append(seen(work.core, path, known, len(recording)))
        work.store.close()
    return Life(recording, work.history)


class Finding(NamedTuple):
    """What a start on an image found: the moment it is at, or what is wrong with it."""

    moment: Acknowledged | None
    reported_lost: bool = False
    damage: str = ""


def find(directory: Path, image: Image, history: list[Acknowledged]) -> Finding:
    """Start on the image as the daemon would, compare, and go on working."""
    lay(directory, image)
    path = directory / DATABASE
    try:
        with closing(SqliteStore.open(path, NOW)) as store:
            moment = moment_of(store, path, history)
            Core(store).register()
            return Finding(moment, store.lost is not None)
    except Exception as error:  # noqa: BLE001 - whatever a start breaks over is damage
        return Finding(None, damage=f"{type(error).__name__}: {error}")


def lay(directory: Path, image: Image) -> None:
    """Put the image's files, and no others, into the directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, contents in image.items():
        (directory / name).write_bytes(contents)
