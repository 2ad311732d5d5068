"""What a check finds: whatever was changed in the journal or in a row, and illegal edges."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from agentd import replay
from agentd.errors import RecordDamaged
from agentd.events import (
    Event,
    EventCommitted,
    LeaseExpired,
    NodeAcquired,
    NodeCompleted,
    NodeFailed,
)
from agentd.journal import Draft, Recorded
from agentd.store import Store
from agentd.store.memory import MemoryStore, MemoryTx
from agentd.store.sqlite import SqliteStore
from tests.core import NOW, STORES, Core, Ids, record_drafts, registration, spec, uid
from tests.history import LAST, NOTED, TASK, play

BREAKS = "the hash chain breaks"


def check(store: Store) -> list[str]:
    """The differences, in words."""
    return [str(difference) for difference in replay.check(store, lambda _seq: None)]


def tampered(
    directory: Path, *statements: str, history: Callable[[Core], object] = play
) -> list[str]:
    """What a check says of the history after these changes behind agentd's back."""
    path = directory / "agent_state.db"
    with closing(SqliteStore.open(path, NOW)) as store:
        history(Core(store))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for sql in statements:
            assert connection.execute(sql).rowcount > 0, sql
    with closing(SqliteStore.open_read_only(path)) as store:
        return check(store)


# A good database


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database, on every store."""
    found = STORES[request.param](tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize("length", [1, 4, LAST, LAST + 1])
def test_a_good_database_is_ok(store: Store, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    """A check of what agentd wrote finds nothing, in whatever slices it reads the journal."""
    play(Core(store))
    monkeypatch.setattr(replay, "SLICE", length)
    assert check(store) == []


# The journal


CHANGES = [
    f"event_id = '{uid(7)}'",
    f"node_id = '{uid(2)}'",
    "node_id = NULL",
    "at = at + 1",
    """data = CAST('{"action_type":"COMMIT_EVENT!"}' AS BLOB)""",
    """data = CAST('{"action_type": "COMMIT_EVENT"}' AS BLOB)""",
    """payload = CAST('{"seen":[1.50,"é"]}' AS BLOB)""",
    "payload = NULL",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_byte_in_the_journal(tmp_path: Path, change: str) -> None:
    """Whatever is changed in a record, even without a change of meaning, shows at its seq."""
    found = tampered(tmp_path, f"UPDATE journal SET {change} WHERE seq = {NOTED}")
    [difference] = found
    assert difference.startswith(f"seq {NOTED} (task {TASK}, EventCommitted): {BREAKS}")


def test_a_changed_hash(tmp_path: Path) -> None:
    """A hash that was changed shows at its record and at the next one of its task."""
    found = tampered(tmp_path, f"UPDATE journal SET hash = zeroblob(32) WHERE seq = {NOTED}")
    assert [difference.split(" (")[0] for difference in found] == ["seq 10", "seq 11"]


def test_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    """A record that cannot be read is named with its task, and the check goes on behind it."""
    found = tampered(tmp_path, f"UPDATE journal SET kind = 'Nonsense' WHERE seq = {NOTED}")
    assert found[0].startswith(f"seq {NOTED} (task {TASK}): this agentd cannot read Nonsense")
    assert all(line.startswith("totals database: events") for line in found[1:])


@pytest.mark.parametrize(
    ("change", "task"),
    [
        ("event_id = CAST(x'61ff' AS TEXT)", TASK),
        ("task_id = CAST(x'61ff' AS TEXT)", r"a\xff"),
        ("kind = CAST(x'61ff' AS TEXT)", TASK),
        ("data = x'7bff'", TASK),
    ],
)
def test_a_record_whose_text_is_no_text(tmp_path: Path, change: str, task: str) -> None:
    """Bytes that are no UTF-8 make a record that cannot be read, its task's id shown as it is."""
    found = tampered(tmp_path, f"UPDATE journal SET {change} WHERE seq = {NOTED}")
    assert found[0].startswith(f"seq {NOTED} (task {task}): ")


@pytest.mark.parametrize("seq", [1, LAST])
def test_a_damaged_record_at_an_end(tmp_path: Path, seq: int) -> None:
    """A record that is read at every start, and is no text, is named by the check like any other.

    What a terminal would obey is shown, not sent.
    """
    change = "task_id = CAST(x'1b5b326aff' AS TEXT)"
    found = tampered(tmp_path, f"UPDATE journal SET {change} WHERE seq = {seq}")
    assert found[0].startswith(rf"seq {seq} (task \x1b[2j\xff): ")


def test_a_task_read_up_to_a_damaged_record(tmp_path: Path) -> None:
    """Who looks at one task is told which record of it cannot be read."""
    tampered(tmp_path, f"UPDATE journal SET kind = CAST(x'ff' AS TEXT) WHERE seq = {NOTED}")
    store = SqliteStore.open_read_only(tmp_path / "agent_state.db")
    with closing(store), pytest.raises(RecordDamaged, match=rf"seq {NOTED} \(task {TASK}\)"):
        replay.task_at(store, TASK, lambda _recorded: True)


def test_a_record_before_the_first(tmp_path: Path) -> None:
    """A record in a place that no record has is named, too."""
    found = tampered(tmp_path, f"UPDATE journal SET seq = -5 WHERE seq = {NOTED}")
    assert found[0] == "seq -5: no place in the journal: they begin with 1"
    assert "seq 10: missing; the next is 11" in found


def test_a_deleted_record(tmp_path: Path) -> None:
    """A missing record shows by the gap in the order, in its task, and in the hash chain."""
    found = tampered(tmp_path, f"DELETE FROM journal WHERE seq = {NOTED}")
    where = f"seq 11 (task {TASK}, LeaseExtended)"
    assert found[0].startswith("seq 10: missing")
    assert f"{where}: is event 9 of its task, expected 8" in found
    assert any(line.startswith(f"{where}: {BREAKS}") for line in found)


def test_a_deleted_last_record(tmp_path: Path) -> None:
    """A record that is missing at the end shows by the rows that knew it."""
    found = tampered(tmp_path, f"DELETE FROM journal WHERE seq = {LAST}")
    assert found[0] == f"seq {LAST}: missing; {LAST} events were recorded"
    where = f"nodes {uid(2)} (task {TASK})"
    assert any(f"{where}: status is 'RUNNING', the journal says" in line for line in found)


def test_a_deleted_record_with_which_its_task_ends(tmp_path: Path) -> None:
    """No record of its task follows, and the row that it made says which task that was."""

    def two_tasks(core: Core) -> None:
        core.register(spec(1))
        core.register(spec(2))

    found = tampered(tmp_path, "DELETE FROM journal WHERE seq = 2", history=two_tasks)
    where = next(line for line in found if line.startswith(f"nodes {uid(1)} (task "))
    assert where.endswith("the journal knows no such row")


def test_a_swapped_pair(tmp_path: Path) -> None:
    """Two records that have changed places show."""
    found = tampered(
        tmp_path,
        "UPDATE journal SET seq = -1 WHERE seq = 10",
        "UPDATE journal SET seq = 10 WHERE seq = 11",
        "UPDATE journal SET seq = 11 WHERE seq = -1",
    )
    assert {line.split(" (")[0] for line in found if BREAKS in line} >= {"seq 10", "seq 11"}
    assert any("is event 9 of its task, expected 8" in line for line in found)


# Edges


def written(store: Store, *events: Event) -> list[str]:
    """What a check says of a node that lived through these events, by agentd's own hand."""
    drafts = [*registration(1, 2), *(Draft(event, uid(2)) for event in events)]
    with store.write() as tx:
        record_drafts(tx, 1, drafts, new_id=Ids())
    return check(store)


ACQUIRED = NodeAcquired(uid(3), "w", NOW + 1, "RUNNING")
EXPIRED = LeaseExpired(uid(3), "w", NOW + 1, "PENDING")
COMPLETED = NodeCompleted(uid(3), "COMPLETED")
FAILED = NodeFailed(uid(3), "FAILED")

BROKEN: list[tuple[list[Event], str]] = [
    ([COMPLETED], "a node that is PENDING cannot complete"),
    ([FAILED], "a node that is PENDING cannot fail"),
    ([EXPIRED], "a node that is PENDING cannot timeout_rollback"),
    ([ACQUIRED, ACQUIRED], "a node that is RUNNING cannot acquire"),
    ([ACQUIRED, COMPLETED, ACQUIRED], "a node that is COMPLETED cannot acquire"),
    ([ACQUIRED, FAILED, COMPLETED], "a node that is FAILED cannot complete"),
    ([ACQUIRED, NodeCompleted(uid(3), "FAILED")], "NodeCompleted records FAILED after RUNNING"),
]


@pytest.mark.parametrize(("events", "words"), BROKEN, ids=[words for _, words in BROKEN])
def test_an_illegal_edge(store: Store, events: list[Event], words: str) -> None:
    """An edge that the lifecycle does not have shows, however well it is chained and folded."""
    [found] = written(store, *events)
    assert found.startswith(f"seq {2 + len(events)} (task {uid(1)}, node {uid(2)}): ")
    assert words in found


def test_legal_edges(store: Store) -> None:
    """Every edge of the lifecycle is fine."""
    assert written(store, ACQUIRED, EXPIRED, ACQUIRED, EventCommitted("NOTE"), FAILED) == []


def test_an_event_of_a_node_that_was_never_added(store: Store) -> None:
    """A node that nobody added cannot be acquired."""
    with store.write() as tx:
        record_drafts(tx, 1, [*registration(1), Draft(ACQUIRED, uid(2))], new_id=Ids())
    assert [f for f in check(store) if "NodeAcquired of a node that was never added" in f]


# Rows

NODE = f"WHERE node_id = '{uid(1)}'"
ROWS = [
    (
        f"UPDATE nodes SET status = 'FAILED' {NODE}",
        "status is 'FAILED', the journal says 'COMPLETED'",
    ),
    (f"UPDATE nodes SET waiting_on = 1 {NODE}", "waiting_on is 1, the journal says 0"),
    (f"UPDATE nodes SET last_lease = NULL {NODE}", "last_lease is None, the journal says"),
    (
        f"UPDATE nodes SET lease_owner = 'thief' {NODE}",
        "lease_owner is 'thief', the journal says None",
    ),
    (f"DELETE FROM nodes {NODE}", "other rows than the journal says"),
    ("UPDATE tasks SET created_at = 5", "created_at is 5, the journal says"),
    ("DELETE FROM tasks", "the row is missing"),
    ("DELETE FROM edges", "the row is missing"),
    (
        "INSERT INTO edges (dependency_id, node_id) VALUES ('x', 'y')",
        "the journal knows no such row",
    ),
    (f"DELETE FROM edges {NODE.replace(uid(1), uid(2))}", "other rows than the journal says"),
]


@pytest.mark.parametrize(("sql", "words"), ROWS, ids=[sql for sql, _ in ROWS])
def test_a_changed_row(tmp_path: Path, sql: str, words: str) -> None:
    """A row that was changed, removed or added shows, with its table and what it should be."""
    found = tampered(tmp_path, sql)
    table = next(word for word in sql.split() if word in {"nodes", "tasks", "edges"})
    assert all(line.startswith(table) for line in found)
    assert any(words in line for line in found)


def test_a_journal_that_cannot_be_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading gives the same damage again, the check says so and comes to its end."""
    store = MemoryStore()
    Core(store).register(spec(1))

    def journal(*_arguments: object, **_named: object) -> Iterator[Recorded]:
        raise RecordDamaged(0, "?", "there is no row behind it")

    monkeypatch.setattr(MemoryTx, "journal", journal)
    found = [str(each) for each in islice(replay.check(store, lambda _seq: None), 100)]
    assert len(found) < 100
    assert "seq 1: the journal cannot be read from here" in found
