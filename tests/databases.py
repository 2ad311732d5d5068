"""Databases as tests find and leave them: made, cut off, damaged, and looked at without agentd.

The rule this file keeps: what a database holds is asked of the standard library's SQLite.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.migrate import LATEST
from tests.core import NOW, Core, spec

BESIDE = ("-wal", "-shm", ".mark")

_RUNNABLE = "WHERE status = 'PENDING' AND waiting_on = 0"

_HANDED_OUT = "WHERE status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL"
_UNDO = {
    7: (
        *(f"DROP INDEX nodes_{index}" for index in ("queue", "due", "name", "failed", "runnable")),
        *(
            f"ALTER TABLE nodes DROP COLUMN {column}"
            for column in (
                *("name", "rank", "attempt", "counted", "strikes", "not_before", "deadline_at"),
                *("lease_ms", "last_end_seq", "settings_seq"),
            )
        ),
        f"CREATE INDEX nodes_runnable ON nodes (added_seq) {_RUNNABLE}",
        "DROP INDEX journal_stream",
        "ALTER TABLE journal DROP COLUMN visibility",
        """ALTER TABLE journal ADD COLUMN visibility INTEGER NOT NULL AS (
            CASE kind
                WHEN 'LeaseExtended' THEN 0
                WHEN 'EventCommitted' THEN 2
                WHEN 'NodeCompleted' THEN 2
                WHEN 'NodeFailed' THEN 2
                ELSE 1
            END
        ) VIRTUAL""",
        "CREATE INDEX journal_stream ON journal (task_id, visibility, version)",
    ),
    8: (
        "DROP INDEX nodes_waiting",
        "DROP INDEX tasks_children",
        "DROP INDEX task_states_dedupe",
        "DROP INDEX tasks_timeout",
        "ALTER TABLE tasks DROP COLUMN parent_task_id",
        "ALTER TABLE tasks DROP COLUMN timeout_at",
        "DROP TABLE usage",
        "ALTER TABLE task_states DROP COLUMN cancelled_seq",
        "ALTER TABLE task_states DROP COLUMN paused_seq",
        "ALTER TABLE task_states DROP COLUMN budget_seq",
        "ALTER TABLE task_states DROP COLUMN spent",
        "ALTER TABLE task_states DROP COLUMN has_usage",
        "ALTER TABLE task_states DROP COLUMN dedupe_key",
        "ALTER TABLE task_states RENAME TO counts",
        "ALTER TABLE requests DROP COLUMN found",
    ),
    12: ("ALTER TABLE nodes DROP COLUMN dependencies_seq",),
    17: ("DROP TABLE imports",),
    16: (
        "DROP INDEX queue_tasks",
        "ALTER TABLE queue DROP COLUMN registered_seq",
        "CREATE INDEX queue_tasks ON queue (batch) WHERE hands_out",
    ),
    15: ("DROP INDEX journal_locks",),
    14: (
        "DROP TABLE locks",
        "DROP TABLE wishes",
        "DROP TABLE expired_locks",
        "ALTER TABLE nodes DROP COLUMN has_locks",
        "DROP INDEX journal_stream",
        "ALTER TABLE journal DROP COLUMN visibility",
        """ALTER TABLE journal ADD COLUMN visibility INTEGER NOT NULL AS (
            CASE kind
                WHEN 'LeaseExtended' THEN 0
                WHEN 'NodeDue' THEN 0
                WHEN 'EventCommitted' THEN 2
                WHEN 'NodeCompleted' THEN 2
                WHEN 'NodeFailed' THEN 2
                ELSE 1
            END
        ) VIRTUAL""",
        "CREATE INDEX journal_stream ON journal (task_id, visibility, version)",
    ),
    13: (
        "DROP TABLE gates",
        "ALTER TABLE task_states DROP COLUMN gates_to_open",
    ),
    11: (
        "DROP INDEX nodes_queue",
        *(
            f"ALTER TABLE nodes DROP COLUMN {column}"
            for column in ("batch", "gate", "checkpoint_seq", "locks_in_way", "locks_held")
        ),
        f"CREATE INDEX nodes_queue ON nodes (task_id, demand, rank, added_seq) {_HANDED_OUT}",
    ),
    10: (
        "DROP TABLE queue",
        "DROP TABLE starts",
        "DROP TABLE limits",
        "DROP TABLE demands",
        "DROP INDEX nodes_queue",
        "ALTER TABLE nodes DROP COLUMN demand",
        f"CREATE INDEX nodes_runnable ON nodes (added_seq) {_HANDED_OUT}",
        f"CREATE INDEX nodes_queue ON nodes (task_id, rank, added_seq) {_HANDED_OUT}",
        f"CREATE INDEX nodes_queue_of_all ON nodes (rank, added_seq) {_HANDED_OUT}",
        "CREATE INDEX nodes_waiting ON nodes (task_id) WHERE not_before IS NOT NULL",
    ),
    9: (
        "DROP INDEX nodes_queue_of_all",
        "DROP INDEX journal_notes",
        "ALTER TABLE requests DROP COLUMN context_bytes",
        "ALTER TABLE requests DROP COLUMN first_seq",
    ),
    6: (
        "DROP INDEX journal_stream",
        """ALTER TABLE journal
        ADD COLUMN shown INTEGER NOT NULL AS (kind <> 'LeaseExtended') VIRTUAL""",
        "ALTER TABLE journal DROP COLUMN visibility",
        "CREATE INDEX journal_stream ON journal (task_id, shown, version)",
        """CREATE INDEX journal_told ON journal (task_id, version)
        WHERE kind IN ('EventCommitted', 'NodeCompleted', 'NodeFailed')""",
    ),
    5: ("DROP INDEX journal_told",),
    4: (
        "DROP INDEX tasks_order",
        "DROP TABLE counts",
        "DROP INDEX nodes_runnable",
        """CREATE INDEX nodes_runnable ON nodes (task_id, position)
        WHERE status = 'PENDING' AND waiting_on = 0""",
    ),
}
"""What the last migrations made, taken back."""

Record = tuple[int, str, bytes]
"""A record's seq, event id and hash."""


def create(path: Path, tasks: int = 3, nodes: int = 20) -> list[Record]:
    """A stopped database with so many tasks, for its user only; returns its journal."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with at_work(path, tasks, nodes):
        pass
    path.chmod(0o600)
    return journal(path)


@contextmanager
def at_work(path: Path, tasks: int = 1, nodes: int = 20) -> Iterator[Core]:
    """The core on a database that it has open, with so many tasks more."""
    core = Core(SqliteStore.open(path, NOW))
    core.new_id.last = 1_000_000_000 * (1 + len(core.journal()))
    try:
        for _ in range(tasks):
            core.do("RegisterTask", goal="g", initial_nodes=[{}] * nodes)
        yield core
    finally:
        core.store.close()


def crash(path: Path, tasks: int = 1) -> list[Record]:
    """Leave the database as SIGKILL would: the last tasks are in its WAL only."""
    kept = path.parent / "kept"
    with at_work(path, tasks) as core:
        kept.mkdir()
        for beside in ("", *BESIDE):
            shutil.copy2(path.with_name(path.name + beside), kept)
        found = [(record.seq, record.event_id, record.hash) for record in core.journal()]
    for file in kept.iterdir():
        file.replace(path.parent / file.name)
    kept.rmdir()
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    return found


def create_older(path: Path) -> int:
    """A database as an earlier agentd left it; returns the number of its schema."""
    with at_work(path, 0) as core:
        core.register(spec(1), spec(2, 1))
    return make_older(path)


def make_older(path: Path, number: int = LATEST - 1) -> int:
    """Undo the migrations of a stopped database behind that one; returns its number."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for last in range(schema(path), number, -1):
            for sql in _UNDO[last]:
                connection.execute(sql)
        connection.execute("DELETE FROM migrations WHERE number > ?", (number,))
        connection.execute(f"PRAGMA user_version = {number}")
    return number


def journal(path: Path) -> list[Record]:
    """Every record of a database, its WAL included."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.execute("SELECT seq, event_id, hash FROM journal ORDER BY seq"))


def schema(path: Path) -> int:
    """The number of the last migration applied."""
    with closing(sqlite3.connect(path)) as connection:
        [(number,)] = connection.execute("PRAGMA user_version")
        return int(number)


def tamper(path: Path, *statements: str) -> None:
    """Change a stopped database behind agentd's back, its triggers out of the way."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for sql in statements:
            connection.execute(sql)


def overwrite(path: Path, offset: int, data: bytes) -> None:
    """Put these bytes into a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


class Trace(NamedTuple):
    """What a file is: what it holds, when it was changed, and its mode."""

    digest: bytes
    changed: int
    mode: int


def traces(directory: Path) -> dict[str, Trace]:
    """What every file of a directory is."""
    found = {}
    for path in directory.iterdir():
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        digest = hashlib.blake2b(content, digest_size=8).digest()
        found[path.name] = Trace(digest, status.st_mtime_ns, status.st_mode)
    return found
