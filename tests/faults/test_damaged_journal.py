"""Damage in the journal, done behind agentd's back: `replay --check` names the task and the seq."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from agentd import replay
from agentd.store.sqlite import SqliteStore
from tests.command_line import agentd
from tests.core import NOW
from tests.faults.disk_life import DATABASE, in_memory
from tests.faults.disk_workload import Workload
from tests.faults.laboratory import Laboratory

STEPS = 60
TEXTS = ("event_id", "task_id", "node_id", "kind")
BYTES = ("data", "payload", "hash")
NUMBERS = ("seq", "version", "schema", "at")
COLUMNS = TEXTS + BYTES + NUMBERS


@pytest.fixture
def directory() -> Iterator[Path]:
    with in_memory() as path:
        yield path


class Damage(NamedTuple):
    """What was done, and what a check has to name: these seqs, and these tasks if any is left."""

    what: str
    seqs: tuple[int, ...]
    tasks: tuple[str, ...]


class Journal:
    """The journal table as any program may change it."""

    def __init__(self, connection: sqlite3.Connection, random: Random) -> None:
        self.connection = connection
        self.random = random
        self.last: int = self.row("SELECT max(seq) FROM journal")[0]

    def row(self, sql: str, *bindings: object) -> tuple[Any, ...]:
        """The first row of the answer."""
        row: tuple[Any, ...] = self.connection.execute(sql, bindings).fetchone()
        return row

    def damage(self) -> Damage:
        """Do some damage: a flipped byte half of the time, of any column."""
        return self.random.choice([self.flip, self.flip, self.delete, self.swap])()

    def flip(self) -> Damage:
        """Change one byte of a text or a blob, or one bit of a number."""
        seq = self.random.randint(1, self.last)
        column = self.random.choice([c for c in COLUMNS if self.value(c, seq) is not None])
        old = self.value(column, seq)
        new: Any = self.flipped_number(column, old) if column in NUMBERS else self.flipped_byte(old)
        tasks = self.tasks(seq) if column == "seq" else (self.task(seq),)
        if column == "task_id":
            tasks = (shown(new),)
        text = "CAST(? AS TEXT)" if column in TEXTS else "?"
        self.connection.execute(f"UPDATE journal SET {column} = {text} WHERE seq = ?", (new, seq))
        return Damage(f"{column} of {seq}: {old!r} is {new!r}", (seq,), tasks)

    def flipped_byte(self, old: bytes) -> bytes:
        """The same with another byte somewhere."""
        place = self.random.randrange(len(old))
        other = old[place] ^ self.random.randint(1, 255)
        return old[:place] + bytes([other]) + old[place + 1 :]

    def flipped_number(self, column: str, old: int) -> int:
        """The same with one of its 64 bits flipped; a seq that is free."""
        bits = [1 << bit for bit in range(63)] + [-(1 << 63)]
        while True:
            new = old ^ self.random.choice(bits)
            if (
                column != "seq"
                or not self.row("SELECT count(*) FROM journal WHERE seq = ?", new)[0]
            ):
                return new

    def delete(self) -> Damage:
        """Delete a row."""
        seq = self.random.randint(1, self.last)
        kind, tasks = self.value("kind", seq), self.tasks(seq)
        self.connection.execute("DELETE FROM journal WHERE seq = ?", (seq,))
        return Damage(f"{seq} ({kind!r}) is deleted", (seq,), tasks)

    def tasks(self, seq: int) -> tuple[str, ...]:
        """Whose record it is; empty where nothing else would tell, as of a task's last note."""
        task = self.task(seq)
        goes_on = self.row("SELECT count(*) FROM journal WHERE task_id = ? AND seq > ?", task, seq)
        return (task,) if goes_on[0] or self.changed_rows(seq) else ()

    def changed_rows(self, seq: int) -> bool:
        """Whether rows would be others without the record."""
        kind = self.value("kind", seq)
        if kind != b"LeaseExtended":
            return bool(kind != b"EventCommitted")
        data, node = self.value("data", seq), self.value("node_id", seq).decode()
        [same] = self.row(  # a heartbeat in the same moment as the one before
            "SELECT count(*) FROM journal WHERE node_id = ? AND seq < ? AND "
            "json_extract(CAST(data AS TEXT), '$.lease_id', '$.lease_expires_at') = "
            "json_extract(CAST(? AS TEXT), '$.lease_id', '$.lease_expires_at')",
            node,
            seq,
            data,
        )
        return not same

    def swap(self) -> Damage:
        """Put two rows in each other's places."""
        one, other = self.random.sample(range(1, self.last + 1), 2)
        tasks = self.task(one), self.task(other)
        for place, target in ((one, -1), (other, one), (-1, other)):
            self.connection.execute("UPDATE journal SET seq = ? WHERE seq = ?", (target, place))
        return Damage(f"{one} and {other} are swapped", (one, other), tasks)

    def task(self, seq: int) -> str:
        """Whose record it is."""
        return str(self.value("task_id", seq), "ascii")

    def value(self, column: str, seq: int) -> Any:
        """A text comes as its bytes: it may be none after a while."""
        text = f"CAST({column} AS BLOB)" if column in TEXTS else column
        return self.row(f"SELECT {text} FROM journal WHERE seq = ?", seq)[0]


def shown(text: bytes) -> str:
    """The text as it is shown: without bytes that are none, and without control characters."""
    characters = text.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in characters)


def history(directory: Path, random: Random) -> Path:
    """A database in which a good deal has happened, its triggers out of the way."""
    path = directory / DATABASE
    with closing(SqliteStore.open(path, NOW)) as store:
        work = Workload(store, random, lambda: 0)
        for _ in range(STEPS):
            work.step()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
    return path


def damage(path: Path, random: Random) -> Damage:
    """Damage the journal of the database."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return Journal(connection, random).damage()


def differences(path: Path) -> list[str]:
    """What a check says."""
    with closing(SqliteStore.open_read_only(path)) as store:
        return [str(difference) for difference in replay.check(store, lambda _seq: None)]


def test_damage_is_named(lab: Laboratory, directory: Path) -> None:
    """Every damage is named with its seq, and with its task where anything of it is left."""
    whole = history(directory, lab.random)
    home = directory / "home"
    home.mkdir()
    assert differences(whole) == []
    for _ in range(lab.amount(100, 1_000)):
        database = Path(shutil.copy(whole, home / DATABASE))
        done = damage(database, lab.random)
        found = "\n".join(differences(database))
        for seq in done.seqs:
            assert f"seq {seq} " in found or f"seq {seq}:" in found, f"{done.what}:\n{found}"
        for task in done.tasks:
            assert f"task {task}" in found, f"{done.what}:\n{found}"
        lab.count(damages=1, named=1, tasks_named=bool(done.tasks))


def test_the_command_line_names_it(lab: Laboratory, directory: Path) -> None:
    """`agentd replay --check` says the same, exits with 1, and shows no traceback."""
    whole = history(directory, lab.random)
    home = directory / "home"
    home.mkdir(mode=0o700)
    for _ in range(lab.amount(4, 40)):
        database = Path(shutil.copy(whole, home / DATABASE))
        done = damage(database, lab.random)
        ended = agentd(home, "replay", "--check")
        assert (ended.code, ended.err) == (1, ""), done.what
        assert ended.out.splitlines()[:-1] == differences(database)[:20], done.what
        lab.count(damages=1, named=1)
