"""Databases as the earlier agentd left them: the samples, and others of any size."""

import json
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "data" / "rust"

TABLES = ("global_tasks", "dag_nodes", "event_journal", "resource_locks")


def sample(name: str, folder: Path) -> Path:
    """A copy of a sample, that a test may change: `v2`, `v1` or `legacy`."""
    path = folder / f"{name}.db"
    shutil.copyfile(SAMPLES / path.name, path)
    path.chmod(0o644)
    return path


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """The database at `path`, for a change that its keys and checks do not look after."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA ignore_check_constraints = 1")
        with database:
            yield database


def change(path: Path, sql: str, *values: Any) -> Path:
    """The same database after one change."""
    with changing(path) as database:
        database.execute(sql, values)
    return path


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What is there."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        return database.execute(sql).fetchall()


def put_off(path: Path, seconds: int) -> Path:
    """The same database as if it had been left that much later: what is live stays live."""
    with changing(path) as database:
        for table in ("dag_nodes", "resource_locks"):
            columns = database.execute("SELECT name FROM pragma_table_info(?)", (table,))
            if ("lease_expires_at",) not in columns:
                continue
            database.execute(
                f"UPDATE {table} SET lease_expires_at = lease_expires_at + ? "
                "WHERE lease_expires_at IS NOT NULL",
                (seconds,),
            )
    return path


def traces(path: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file in the folder, with what would show that it was written to."""
    return {
        file.name: (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode)
        for file in path.parent.iterdir()
        if file.is_file()
    }


def make(path: Path, tasks: int, nodes: int, events: int) -> Path:
    """A database of so many tasks, each of `nodes` in a row, with `events` about each of them.

    Of each task the first half has ended, and one node is RUNNING under a lease of an hour.
    """
    shutil.copyfile(SAMPLES / "v2.db", path)
    path.chmod(0o644)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("BEGIN")
        for table in reversed(TABLES):
            database.execute(f"DELETE FROM {table}")
        now: int = database.execute("SELECT unixepoch('now')").fetchone()[0]
        for number in range(tasks):
            _add_task(database, number, nodes, events, now)
        database.execute("COMMIT")
    return path


def _add_task(database: sqlite3.Connection, number: int, nodes: int, events: int, now: int) -> None:
    task_id = str(uuid.uuid4())
    stamp = "2026-11-28T00:13:17.351Z"
    context = json.dumps({"number": number})
    database.execute(
        "INSERT INTO global_tasks VALUES (?, ?, ?, ?)", (task_id, f"goal {number}", context, stamp)
    )
    ids = [str(uuid.uuid4()) for _ in range(nodes)]
    ended = nodes // 2
    database.executemany(
        "INSERT INTO dag_nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                ids[place],
                task_id,
                "COMPLETED" if place < ended else "RUNNING" if place == ended else "PENDING",
                json.dumps(ids[place - 1 : place] if place else []),
                '{"type":"object"}',
                f'{{"n":{place}}}' if place < ended else None,
                *(
                    (now, str(uuid.uuid4()), f"worker {number}", now + 3600)
                    if place == ended
                    else (None, None, None, None)
                ),
                now,
            )
            for place in range(nodes)
        ),
    )
    database.executemany(
        "INSERT INTO event_journal VALUES (?, ?, ?, ?, ?, ?)",
        (
            (str(uuid.uuid4()), task_id, ids[place], *_event(place, nth, events, ended), stamp)
            for nth in range(events)
            for place in range(nodes)
        ),
    )


def _event(place: int, nth: int, events: int, ended: int) -> tuple[str, str]:
    if nth == events - 1 and place < ended:
        return "COMPLETE_NODE", f'{{"result":{{"n":{place}}}}}'
    return "progress", f'{{"step":{nth},"what":"reading the file and writing down what it says"}}'


def hostile(folder: Path, text: str) -> Path:
    """A sample with the text in its name and wherever one has room for it."""
    path = sample("v2", folder).rename(folder / f"earlier{text}.db")
    with changing(path) as database:
        database.execute("UPDATE resource_locks SET lease_expires_at = ?", (text,))
        database.execute("UPDATE resource_locks SET resource_key = resource_key || ?", (text,))
    return path
