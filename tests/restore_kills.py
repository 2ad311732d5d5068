"""Kills a restore before each of its steps in turn, and looks at what is left: `python -m` this.

A step is whatever changes a name or opens a file in the home. What is left must be the old
database or the new one, as the next start sees it, or be refused as the old one was; the old one's
files must all be there; and the same restore, run again, must succeed. It is a program of its own,
because a test's process may have threads, and this one forks.
"""

import itertools
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from agentd.backup.restore import verified_copy
from agentd.errors import DatabaseRefused
from agentd.store.sqlite import SqliteStore
from tests.core import NOW
from tests.databases import Record, crash, create, journal

STEPS = {"open", "os.rename", "os.link", "os.remove"}


def unusable(path: Path) -> None:
    """A database that nobody can use, and its WAL."""
    create(path)
    crash(path)
    path.write_bytes(b"x" * 10_000)


def orphaned(path: Path) -> None:
    """A WAL whose database is gone."""
    create(path)
    crash(path)
    path.unlink()


def killed(path: Path) -> None:
    """A database whose last task is in the WAL only."""
    create(path)
    crash(path)


SCENARIOS: dict[str, Callable[[Path], object]] = {
    "stopped": create,
    "killed": killed,
    "unusable": unusable,
    "orphaned": orphaned,
    "absent": lambda path: path.parent.mkdir(),
}


def restore(source: Path, database: Path) -> None:
    """What `agentd restore` does under its locks."""
    with verified_copy(source, database, NOW, lambda *_: None) as copy:
        copy.put(NOW)


def restore_killed(source: Path, database: Path, step: int) -> bool:
    """Restore in a process that is killed before that step; False where it has no such step."""
    process = os.fork()
    if process == 0:
        steps = itertools.count(1)

        def count(event: str, arguments: tuple[Any, ...]) -> None:
            here = event in STEPS and str(arguments[0]).startswith(str(database.parent))
            if here and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        restore(source, database)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) or status == 0, "the restore failed"
    return os.WIFSIGNALED(status)


def seen_by_a_start(database: Path) -> list[Record] | None:
    """The journal that the next start serves; None where it refuses the database."""
    try:
        store = SqliteStore.open(database, NOW)
    except DatabaseRefused:
        return None
    with closing(store), store.read() as reader:
        assert store.lost is None
        return [(record.seq, record.event_id, record.hash) for record in reader.journal()]


def contents(directory: Path) -> set[bytes]:
    """What its files hold, but for SQLite's index of the WAL, which it makes anew."""
    return {path.read_bytes() for path in directory.iterdir() if not path.name.endswith("-shm")}


def kept(directory: Path) -> list[list[Record]]:
    """The journals of the databases that are kept aside."""
    names = [path for path in directory.iterdir() if re.search(r"\.before-\w+(-\d)?$", path.name)]
    return [journal(path) for path in names]


def check(scenario: Path, source: Path, work: Path) -> int:
    """Kill a restore into a copy of `scenario` before every step; returns their number."""
    new, database = journal(source), work / "agent_state.db"
    shutil.copytree(scenario, work)
    old = seen_by_a_start(database)
    for step in itertools.count(1):
        shutil.rmtree(work)
        shutil.copytree(scenario, work)
        was_killed = restore_killed(source, database, step)
        if old is None:  # then nothing was merged, and every byte of it is still somewhere
            assert contents(scenario) <= contents(work), f"step {step}: something is lost"
        found = seen_by_a_start(database)
        assert found in (old, new), f"step {step}: neither the old database nor the new one"
        if not was_killed:
            assert found == new
            return step - 1
        restore(source, database)
        assert journal(database) == new
        assert database.stat().st_nlink == 1, f"step {step}: it has a second name"
        assert not old or kept(work).count(old) == 1, f"step {step}: the old one is not kept, once"
    raise AssertionError


def main() -> None:
    """Say how many steps every scenario has."""
    base = Path(sys.argv[1])
    source = base / "backups" / "one.db"
    create(source, 5)
    for name, make in SCENARIOS.items():
        make(base / name / "agent_state.db")
        steps = check(base / name, source, base / "work")
        sys.stdout.write(f"{name}: killed before each of {steps} steps\n")
        shutil.rmtree(base / "work")


if __name__ == "__main__":
    main()
