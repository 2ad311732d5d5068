"""What the earlier agentd's database may hold, and what is refused, in one line and untouched."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agentd.api import LONGEST_TTL
from agentd.earlier.reading import read_locks, read_tasks
from agentd.store.sqlite.earlier import opened_earlier
from tests import earlier
from tests.command_line import agentd_here
from tests.databases import create, overwrite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agentd.earlier.content import Locks, Task

NOW = 1_795_824_801_000
"""When the sample's leases that had run out had just done so, in Unix milliseconds."""

MIXED = "2c1310a4-4a5f-4117-9af4-5f10184b1a22"
RUNNING = "b9a12456-af8c-4c88-b9bd-fa1d429f7979"
COMPLETED = "786874cc-8ded-40cf-8b65-a79288172a02"
KEY = "tool:cargo-fmt"


OF_ANOTHER_TASK = (
    "UPDATE dag_nodes SET dependencies = "
    "(SELECT json_group_array(n.id) FROM dag_nodes n WHERE n.task_id != dag_nodes.task_id)"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A copy of the sample of schema 2."""
    return earlier.sample("v2", tmp_path)


def tasks(path: Path, now: int = NOW) -> dict[str, Task]:
    """The tasks by their ids, without their events."""
    with opened_earlier(path) as file:
        return {task.task_id: task for task in read_tasks(file, lambda _task_id: now)}


def locks(path: Path, now: int = NOW) -> Locks:
    """The locks."""
    with opened_earlier(path) as file:
        return read_locks(file, lambda _lease_id: now)


# What is refused


def is_missing(path: Path) -> None:
    path.unlink()


def is_empty(path: Path) -> None:
    path.write_bytes(b"")


def is_text(path: Path) -> None:
    path.write_text("To be, or not to be\n" * 10)


def is_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def is_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def is_foreign(path: Path) -> None:
    path.unlink()
    earlier.change(path, "CREATE TABLE notes (id TEXT)")


def is_half_of_it(path: Path) -> None:
    for table in ("resource_locks", "event_journal"):
        earlier.change(path, f"DROP TABLE {table}")


def is_ours(path: Path) -> None:
    path.unlink()
    create(path, 1)


def is_newer(path: Path) -> None:
    earlier.change(path, "INSERT INTO agentd_schema_migrations VALUES (3, 'more', '')")


def is_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5_000])


def has_a_damaged_page(path: Path) -> None:
    overwrite(path, 4_096 * 5, b"\xff" * 2_000)


def has_a_damaged_header(path: Path) -> None:
    overwrite(path, 0, b"\xff" * 20)


def is_a_view(path: Path) -> None:
    earlier.change(path, "ALTER TABLE global_tasks RENAME TO others")
    earlier.change(
        path,
        "CREATE VIEW global_tasks AS WITH RECURSIVE more(id) AS "
        "(SELECT 1 UNION ALL SELECT id + 1 FROM more) "
        "SELECT id, 'g' AS goal, '{}' AS context, '' AS created_at FROM more",
    )


def has_a_view_of_locks(path: Path) -> None:
    earlier.change(path, "ALTER TABLE resource_locks RENAME TO others")
    earlier.change(path, "CREATE VIEW resource_locks AS SELECT * FROM others")


def has_a_column_without_a_name(path: Path) -> None:
    earlier.change(path, "ALTER TABLE dag_nodes ADD COLUMN odd_one_out")
    path.write_bytes(path.read_bytes().replace(b"odd_one_out", b"odd\xffone\xffout"))


def has_no_locks(path: Path) -> None:
    earlier.change(path, "DROP TABLE resource_locks")


def has_another_column(path: Path) -> None:
    earlier.change(path, "ALTER TABLE global_tasks RENAME COLUMN goal TO aim")


def was_left_in_a_write(path: Path) -> None:
    path.with_name(f"{path.name}-journal").write_bytes(b"x" * 512)


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (is_missing, 5, "there is no file"),
        (is_empty, 5, "is empty (0 bytes)"),
        (is_text, 5, "is not a SQLite database"),
        (is_a_directory, 5, "is not a file"),
        (is_a_pipe, 5, "is not a file"),
        (is_foreign, 5, "not one that the earlier agentd left"),
        (is_half_of_it, 5, "not one that the earlier agentd left"),
        (is_ours, 5, "is a database of this agentd"),
        (is_newer, 5, "has schema 3 of the earlier agentd, newer than the 2"),
        (is_truncated, 5, "bytes where its header says"),
        (has_a_damaged_page, 5, "is damaged: "),
        (has_a_damaged_header, 5, "is not a SQLite database"),
        (is_a_view, 5, "not one that the earlier agentd left"),
        (has_a_view_of_locks, 5, "its table resource_locks has no column"),
        (has_a_column_without_a_name, 5, "its schema has text that is no UTF-8"),
        (has_no_locks, 5, "its table resource_locks has no column"),
        (has_another_column, 5, "its table global_tasks has no column goal"),
        (was_left_in_a_write, 5, "was left in the middle of a write"),
    ],
)
def test_a_file_that_is_refused(
    home: Path, path: Path, make: Callable[[Path], None], code: int, words: str
) -> None:
    """One line says what it is; nothing is made, and the file is as it was."""
    make(path)
    before = earlier.traces(path)
    ended = agentd_here(home, "import-database", str(path))
    assert (ended.code, ended.out, words in ended.error) == (code, "", True), ended
    assert str(path) in ended.error
    assert not (home / "agent_state.db").exists()
    assert earlier.traces(path) == before


def test_a_file_that_cannot_be_read(home: Path, tmp_path: Path) -> None:
    """The system's own word for it is in the line."""
    loop = tmp_path / "loop.db"
    loop.symlink_to(loop)
    long = tmp_path / (
        "x" * 300
    )  # as a folder that nobody is let into: not even whether it is there
    ended = agentd_here(home, "import-database", str(long))
    told = f"agentd: {long} cannot be read: File name too long"
    assert (ended.code, ended.error) == (5, told)
    ended = agentd_here(home, "import-database", str(loop))
    assert ended.code in (1, 5)
    assert str(loop) in ended.error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE dag_nodes SET status = 'DONE'", "its status is 'DONE'"),
        ("UPDATE dag_nodes SET dependencies = '[\"x\"]'", "'x' is no id"),
        ("UPDATE dag_nodes SET dependencies = json_array(id)", "depends on itself"),
        (OF_ANOTHER_TASK, "which is not a node of this task"),
        ("UPDATE dag_nodes SET dependencies = '{}'", "its dependencies are no list"),
        ("UPDATE dag_nodes SET payload_schema = '{'", "its payload_schema is no JSON: '{'"),
        ("UPDATE dag_nodes SET result_payload = 'done'", "its result_payload is no JSON"),
        ("UPDATE dag_nodes SET updated_at = 'today'", "its updated_at is 'today'"),
        ("UPDATE dag_nodes SET updated_at = 1 << 60", "is no time"),
        ("UPDATE dag_nodes SET task_id = 'x'", "is of no task"),
        ("UPDATE global_tasks SET context = 'NaN'", "its context is no JSON"),
        ("UPDATE global_tasks SET goal = x'ff'", "its goal is b'\\xff', not a text"),
        ("UPDATE global_tasks SET goal = CAST(x'ff' AS TEXT)", "text that is no UTF-8"),
        ("UPDATE global_tasks SET created_at = 'now'", "its created_at 'now' is no time"),
        ("UPDATE event_journal SET id = 'x' || rowid", "is no id"),
        ("UPDATE event_journal SET payload = CAST(x'22ff22' AS TEXT)", "its payload is no JSON"),
        ("UPDATE event_journal SET timestamp = ''", "'' is no time"),
        ("UPDATE event_journal SET node_id = task_id", "is of no task, or not of its"),
        ("UPDATE resource_locks SET metadata = ''", "its metadata is no JSON"),
        ("UPDATE resource_locks SET lease_id = 'x'", "'x' is no id"),
        (
            "UPDATE resource_locks SET lease_id = (SELECT min(lease_id) FROM resource_locks)",
            "its lease is that of another lock, too",
        ),
        ("UPDATE resource_locks SET task_id = lease_id", "is of no task"),
        (
            "UPDATE resource_locks SET task_id = 'x', resource_key = CAST(x'ff' || rowid AS TEXT)",
            "is of no task",
        ),
    ],
)
def test_a_row_that_is_refused(home: Path, path: Path, change: str, words: str) -> None:
    """What the earlier agentd never wrote is named, and nothing is taken."""
    earlier.put_off(path, 10**8)
    earlier.change(path, change)
    ended = agentd_here(home, "import-database", str(path))
    assert (ended.code, ended.out, words in ended.error) == (5, "", True), ended
    assert not (home / "agent_state.db").exists()


# What is taken, and how


def test_a_result_with_blanks_around_it(home: Path, path: Path) -> None:
    """It is the same value, and found again as such."""
    spaced = "UPDATE dag_nodes SET result_payload = ' ' || result_payload || char(10)"
    earlier.change(path, f"{spaced} WHERE status = 'COMPLETED'")
    ended = agentd_here(home, "import-database", str(path))
    assert (ended.code, ended.err) == (0, ""), ended


def test_when_a_node_ended(path: Path) -> None:
    """The event that has its result says so, to the millisecond; others of that name do not."""
    earlier.change(
        path,
        "INSERT INTO event_journal VALUES ('00000000-0000-4000-8000-000000000001', ?, ?, "
        "'COMPLETE_NODE', '{\"result\":\"another\"}', '2026-11-28T00:13:19.999Z')",
        MIXED,
        COMPLETED,
    )
    [node] = [each for each in tasks(path)[MIXED].nodes if each.node_id == COMPLETED]
    assert node.updated_at == 1_795_824_799_709


def test_when_no_event_says_so(path: Path) -> None:
    """It ended in the second in which the earlier agentd wrote to it last."""
    earlier.change(path, "DELETE FROM event_journal WHERE node_id = ?", COMPLETED)
    [node] = [each for each in tasks(path)[MIXED].nodes if each.node_id == COMPLETED]
    assert node.updated_at == 1_795_824_799_000


@pytest.mark.parametrize(("end", "status"), [(0, "PENDING"), (1, "RUNNING")])
def test_the_moment_a_lease_runs_out(path: Path, end: int, status: str) -> None:
    """One that ends now has ended."""
    earlier.change(path, "UPDATE dag_nodes SET lease_expires_at = ?", NOW // 1000 + end)
    [node] = [each for each in tasks(path)[MIXED].nodes if each.node_id == RUNNING]
    assert (node.status, node.lease is not None) == (status, bool(end))


@pytest.mark.parametrize("end", [2.0**63, 2**62, float("inf")])
def test_a_lock_for_ever(path: Path, end: float) -> None:
    """What a ttl_secs of 2^63 has left is no integer: the lock is held for ten years, and named."""
    earlier.change(path, "UPDATE resource_locks SET lease_expires_at = ?", end)
    found = locks(path)
    assert {lock.expires_at for lock in found.held} == {NOW + LONGEST_TTL * 1000}
    assert len(found.remarks.odd) == len(found.held) == 6
    assert f"the lock 'dir:src' is held until {end!a}: here for ten years" in found.remarks.odd[2]


@pytest.mark.parametrize("end", [float("-inf"), -(2**62), 0, 1.5])
def test_a_lock_long_ago(path: Path, end: float) -> None:
    """It has run out, whatever kind of number says so."""
    earlier.change(path, "UPDATE resource_locks SET lease_expires_at = ?", end)
    assert (locks(path).held, locks(path).remarks.run_out) == ([], 6)


def test_an_end_that_is_no_number(path: Path) -> None:
    """It is named, and taken for over."""
    earlier.change(path, "UPDATE resource_locks SET lease_expires_at = 'soon'")
    found = locks(path)
    assert found.held == []
    assert found.remarks.odd[0].endswith("is held until 'soon', which is no time: its time is over")


@pytest.mark.parametrize(
    ("key", "here"), [("file:./a//b", "file:a/b"), (" x\n", " x\n"), ("file:../x", None)]
)
def test_the_key_of_a_lock(path: Path, key: str, here: str | None) -> None:
    """It is written as locks are here; one that no lock can have is left out, and named."""
    earlier.change(
        path, "UPDATE resource_locks SET resource_key = ? WHERE resource_key = ?", key, KEY
    )
    found = locks(path)
    [*held] = [lock.key for lock in found.held if lock.owner == "anonymous"]
    assert held == ([] if here is None else [here])
    assert bool(found.remarks.odd) is (here is None)


def test_a_result_of_what_has_not_ended(path: Path) -> None:
    """It is left out, and named."""
    earlier.change(path, "UPDATE dag_nodes SET result_payload = '1' WHERE id = ?", RUNNING)
    task = tasks(path)[MIXED]
    assert f"node '{RUNNING}' is RUNNING and has a result, which is left out" in task.remarks.odd
    assert {node.result for node in task.nodes if node.node_id == RUNNING} == {None}


def test_a_deep_chain(home: Path, tmp_path: Path) -> None:
    """Nodes that wait for each other, ten thousand of them in a row, are taken as any."""
    path = earlier.make(tmp_path / "deep.db", 1, 10_000, 0)
    ended = agentd_here(home, "import-database", str(path))
    assert (ended.code, "1 task, 10,000 nodes, 0 events" in ended.out) == (0, True), ended


def test_many_events(home: Path, tmp_path: Path) -> None:
    """More events than are decided at a time arrive in their order, each once."""
    path = earlier.make(tmp_path / "many.db", 1, 10, 450)
    assert agentd_here(home, "import-database", str(path)).code == 0
    expected = earlier.rows(path, "SELECT id FROM event_journal ORDER BY timestamp, rowid")
    with closing(sqlite3.connect(home / "agent_state.db")) as database:
        found = database.execute("SELECT event_id FROM journal WHERE kind = 'EventCommitted'")
        assert found.fetchall() == expected
    assert agentd_here(home, "replay", "--check").code == 0
