"""A daemon's life on a recorded disk, and the start on what a power cut leaves of it.

The rule this file keeps: what a start finds is judged only by what the clients knew at the cut.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw

from agentd.errors import Failure
from agentd.store.sqlite import SqliteStore
from tests.core import NOW, Core
from tests.faults.disk import Image, Recording
from tests.faults.disk_state import moment_of
from tests.faults.disk_workload import Acknowledged, Workload

DATABASE = "agent_state.db"
MARK = "agent_state.db.mark"

_MEMORY = Path("/dev/shm")


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
    recording = Recording()
    path = directory / DATABASE
    with recording.running(), ExitStack() as readers:
        store = SqliteStore.open(path, NOW)
        work = Workload(store, random, lambda: len(recording))
        for _ in range(steps):
            work.step()
            recording.note(path.with_name(MARK))
            store.checkpoint()
            if random.random() < 0.1:
                readers.close()
            if random.random() < 0.1:
                readers.enter_context(store.read())
            if random.random() < 0.02:
                readers.close()
                store.close()
                work.core.store = store = SqliteStore.open(path, NOW)
        readers.close()
        store.close()
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
    except (AssertionError, Failure, apsw.Error, ValueError) as error:
        return Finding(None, damage=f"{type(error).__name__}: {error}")


def lay(directory: Path, image: Image) -> None:
    """Put the image's files, and no others, into the directory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, contents in image.items():
        (directory / name).write_bytes(contents)
