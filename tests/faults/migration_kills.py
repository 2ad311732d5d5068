"""Kills a start that migrates before its steps, and looks at what is left: `python -m` this.

A step is whatever changes a name or opens a file in the home, and whatever SQLite writes, syncs,
cuts off or removes there. What is left must be the old database, or one that is migrated beside a
whole copy of the old one; the next start goes on, and leaves one copy and no draft. It is a program
of its own, because a test's process may have threads, and this one forks.
"""

import logging
import os
import shutil
import signal
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from agentd.daemon.migration import prepare_migration
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.migrate import LATEST
from agentd.store.sqlite.viewing import View
from tests.core import NOW
from tests.databases import Record, create, journal, make_older, schema
from tests.faults.vfs import witnessed

STEPS = {"open", "os.rename", "os.link", "os.remove"}
OLDER = LATEST - 2
"""Two migrations are missing: a start may be killed between them."""


def start(database: Path) -> list[Record]:
    """What a start does to the database, under its locks; returns the journal that it serves."""
    prepare = partial(prepare_migration, database, backup=True)
    with closing(SqliteStore.open(database, NOW, prepare)) as store, store.read() as reader:
        assert store.lost is None
        return [(record.seq, record.event_id, record.hash) for record in reader.journal()]


def start_killed(database: Path, step: int) -> int:
    """Start in a process that is killed before that step; where it has less, their number."""
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:
        os.write(tell, str(count_steps(database, step)).encode())
        os._exit(0)
    os.close(tell)
    _, status = os.waitpid(process, 0)
    with open(told) as answer:  # noqa: PTH123 - a descriptor
        number = int(answer.read() or 0)
    assert os.WIFSIGNALED(status) or number, "the start failed"
    return number


def count_steps(database: Path, last: int) -> int:
    """Start, and count the steps; at the last one this process is killed."""
    steps = 0

    def count(path: str) -> None:
        nonlocal steps
        steps += path.startswith(str(database.parent))
        if steps == last > 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def see(event: str, arguments: tuple[Any, ...]) -> None:
        if event in STEPS:
            count(str(arguments[0]))

    sys.addaudithook(see)
    with witnessed(lambda operation: count(operation.path)):
        start(database)
    return steps


def names(home: Path, word: str) -> list[Path]:
    """The files whose names have the word in them."""
    return [path for path in home.iterdir() if word in path.name]


def check(database: Path, old: list[Record], step: int) -> None:
    """What a kill before that step has left, and what the next start makes of it."""
    copies = names(database.parent, "backup")
    found = View(database).schema()
    assert found in range(OLDER, LATEST + 1), f"step {step}: schema {found}"
    assert found == OLDER or copies, f"step {step}: it is migrated, and there is no copy"
    check_copies(database, copies, old, step)
    assert start(database) == old, f"step {step}: its journal is another"
    assert schema(database) == LATEST
    assert len(names(database.parent, "backup")) == 1, f"step {step}: there is not one copy"
    check_copies(database, names(database.parent, "backup"), old, step)
    assert not names(database.parent, "draft"), f"step {step}: a draft is left"


def check_copies(database: Path, copies: list[Path], old: list[Record], step: int) -> None:
    """Whoever finds a copy has the old database."""
    for copy in copies:
        assert copy.name == f"{database.name}.backup-schema-{OLDER}", f"step {step}: {copy.name}"
        assert (schema(copy), journal(copy)) == (OLDER, old), f"step {step}: it is not whole"


def main() -> None:
    """Say how many steps there are, and before how many of them a start was killed."""
    base, most, random = Path(sys.argv[1]), int(sys.argv[2]), Random(sys.argv[3])
    logging.disable()
    old_home, work = base / "old", base / "work"
    database = work / "agent_state.db"
    create(old_home / database.name)
    make_older(old_home / database.name, OLDER)
    old = journal(old_home / database.name)
    shutil.copytree(old_home, work)
    steps = start_killed(database, 0)
    check(database, old, 0)
    chosen = random.sample(range(1, steps + 1), min(most, steps))
    for step in chosen:
        shutil.rmtree(work)
        shutil.copytree(old_home, work)
        assert start_killed(database, step) == 0, f"it has no step {step} any more"
        check(database, old, step)
    sys.stdout.write(f"killed before {len(chosen)} of {steps} steps\n")


if __name__ == "__main__":
    main()
