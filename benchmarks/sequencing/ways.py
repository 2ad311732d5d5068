"""Rule: every way locks, reads what it relies on, and commits: two round trips a transaction.

The ways to append to a journal on PostgreSQL from which a reader loses nothing.

`queue`: writers go one after the other, in the order in which they asked for an advisory lock; the
place is the row of the journal's end. `row`: that row's own lock is all that they wait for.
`horizon`: a writer locks its task only, and draws places from a sequence; readers stop before the
oldest transaction that is open.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg

Way = Literal["queue", "row", "horizon"]
WAYS: tuple[Way, ...] = ("queue", "row", "horizon")

RECORD = b"x" * 400
TABLES = """
CREATE TABLE tasks (task_id text PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE journal (
    seq bigint PRIMARY KEY, task_id text NOT NULL, version bigint NOT NULL,
    moment timestamptz NOT NULL DEFAULT clock_timestamp(), body bytea NOT NULL,
    UNIQUE (task_id, version));
"""
END = "CREATE TABLE journal_end (seq bigint NOT NULL); INSERT INTO journal_end VALUES (0);"
PLACES = """
CREATE SEQUENCE places;
ALTER TABLE journal ADD xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX readable ON journal (xid, seq);
"""
SCHEMA = {"queue": TABLES + END, "row": TABLES + END, "horizon": TABLES + PLACES}

QUEUE_UP = "SELECT pg_advisory_xact_lock(1)"
LOCK_END = "SELECT seq FROM journal_end FOR UPDATE"
READ_TASK = "SELECT version FROM tasks WHERE task_id = %s"
LOCK_TASK = f"{READ_TASK} FOR UPDATE"
MOVE_END = "UPDATE journal_end SET seq = seq + %s"
MOVE_TASK = "UPDATE tasks SET version = version + %s WHERE task_id = %s"
APPEND = """INSERT INTO journal (seq, task_id, version, body)
SELECT {place}, %(task)s, %(version)s::bigint + number, %(body)s
FROM generate_series(1, %(batch)s) AS number"""
APPEND_AT_END = APPEND.format(place="%(seq)s::bigint + number")
APPEND_DRAWN = APPEND.format(place="nextval('places')")

AGE = "extract(epoch FROM clock_timestamp() - moment)::float8"
READ_BY_SEQ = f"SELECT seq, {AGE} FROM journal WHERE seq > %s ORDER BY seq LIMIT 1000"
# Places and xids are drawn apart: a transaction that is still open may have drawn a lower place, or
# an earlier xid, than one that can be read. So a reader goes on by both.
READ_BY_HORIZON = f"""SELECT xid::text::bigint, seq, {AGE} FROM journal
WHERE (xid, seq) > (%s::text::xid8, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, seq LIMIT 1000"""


@contextmanager
def appending(session: psycopg.Connection, way: Way, task: str, batch: int) -> Iterator[None]:
    """Append that many records to the task's stream; the block is between reading and writing."""
    with session.pipeline():
        session.execute("BEGIN")
        if way == "queue":
            session.execute(QUEUE_UP)
        end = None if way == "horizon" else session.execute(LOCK_END)
        version = _one(session.execute(READ_TASK if end else LOCK_TASK, (task,)))
        values = {"task": task, "version": version, "body": RECORD, "batch": batch}
        if end is not None:
            values["seq"] = _one(end)
        yield
        session.execute(APPEND_AT_END if end else APPEND_DRAWN, values)
        session.execute(MOVE_TASK, (batch, task))
        if end is not None:
            session.execute(MOVE_END, (batch,))
        session.execute("COMMIT")


def _one(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row[0]
