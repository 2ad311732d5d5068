"""What the SQLite store promises beyond the contract: durable, append-only, all from indexes."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import pytest

from agentd.errors import DatabaseRefused, JournalDamaged, StorageError
from agentd.projections import NODES, PROJECTIONS, Projection, StretchRow
from agentd.store import Reader
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.opening import open_for_reading, open_for_writing, prepare_writer
from agentd.store.sqlite.place import DatabasePlace
from agentd.store.sqlite.reader import SqliteReader
from tests.core import NOW, Core, Ids, open_sqlite, record_drafts, registration, spec, uid


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent_state.db"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_sqlite(tmp_path)
    with opened.write() as tx:
        record_drafts(tx, 1, registration(1, 1, (2, 1)), new_id=Ids())
    yield opened
    opened.close()


@pytest.fixture
def raw(path: Path, store: SqliteStore) -> Iterator[apsw.Connection]:  # noqa: ARG001 - makes the file
    """Whoever opens the file without agentd."""
    connection = apsw.Connection(str(path))
    yield connection
    connection.close()


# Append-only


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE journal SET payload = x'00' WHERE seq = 2",
        "UPDATE journal SET seq = 9 WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 3",
        "DELETE FROM journal",
    ],
)
def test_the_journal_is_append_only(store: SqliteStore, raw: apsw.Connection, sql: str) -> None:
    """UPDATE and DELETE on the journal are refused by the database itself."""
    before = Core(store).journal()
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        raw.execute(sql)
    assert Core(store).journal() == before


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_a_record_cannot_be_replaced(store: SqliteStore, raw: apsw.Connection, verb: str) -> None:
    """An insert that would take a record's place is refused as well."""
    before = Core(store).journal()
    columns = "event_id, task_id, version, node_id, kind, schema, at, data"
    with pytest.raises(apsw.ConstraintError):
        raw.execute(
            f"{verb} INTO journal SELECT seq, {columns}, x'00', hash FROM journal WHERE seq = 2"
        )
    assert Core(store).journal() == before


# Durability


def test_durability_is_wal_and_full(path: Path) -> None:
    """The write connection runs with journal_mode=WAL and synchronous=FULL."""
    SqliteStore.open(path, NOW).close()
    with closing(DatabasePlace.claimed(path)) as place:
        connection = open_for_writing(place, NOW)
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("synchronous") == 2
        connection.close()


def test_durability_is_read_back() -> None:
    """Where SQLite does not keep the settings it was given, the database is refused."""
    connection = apsw.Connection(":memory:")
    with pytest.raises(DatabaseRefused, match=r"journal_mode=memory.*FULL"):
        prepare_writer(connection)
    connection.close()


def test_a_database_opened_again_is_the_same(tmp_path: Path) -> None:
    """What was committed is there after the store was closed and opened again."""
    core = Core(open_sqlite(tmp_path))
    held = core.hold(core.register(spec(1), spec(2, 1)))
    before = core.do("TaskStatus", task_id=held.task_id)
    journal = core.journal()
    core.store.close()
    core.store = open_sqlite(tmp_path)
    assert core.do("TaskStatus", task_id=held.task_id) == before
    assert core.journal() == journal
    assert core.do("HeartbeatNode", **held.params)["ok"] is True
    core.store.close()


# Indexes


def _get(projection: Projection, reader: Reader) -> object:
    return reader.get(projection, ("a",) * len(projection.key))


Question = Callable[[Reader], object]
QUESTIONS: dict[str, Question] = {
    **{f"get {projection.name}": partial(_get, projection) for projection in PROJECTIONS},
    "stretches": lambda r: r.stretches(uid(1)),
    "next stretches": lambda r: r.next_stretches(),
    "first of a stretch": lambda r: r.first_of(
        StretchRow(uid(1), "", 0, 1, 1, 1, held=False, hands_out=True, registered_seq=1)
    ),
    "rated limits": lambda r: r.rated_limits(),
    "pending": lambda r: r.pending_nodes(uid(1)),
    "demands in queue": lambda r: r.demands_in_queue(),
    "count ready": lambda r: r.count_ready(["a"]),
    "known limits": lambda r: r.known_limits("a", 9),
    "next opening": lambda r: r.next_opening(5),
    "due": lambda r: r.due_nodes(5, 9),
    "due of a task": lambda r: r.due_nodes(5, 9, uid(1)),
    "next_due": lambda r: r.next_due(5),
    "named": lambda r: r.node_named(uid(1), "a"),
    "failed": lambda r: r.failed_nodes(uid(1)),
    "nodes": lambda r: list(r.nodes(uid(1))),
    "tasks": lambda r: r.tasks("", 5, 9),
    "tasks of a prefix": lambda r: r.tasks("0", 5, 9),
    "runnable tasks": lambda r: r.runnable_tasks("", 5, 9),
    "runnable tasks of a prefix": lambda r: r.runnable_tasks("0", 5, 9),
    "dependents": lambda r: r.dependents(uid(1)),
    "expired": lambda r: r.expired_leases(0, 1),
    "expired of a task": lambda r: r.expired_leases(0, 1, uid(1)),
    "expired beside those honoured": lambda r: r.expired_leases(1, 2, uid(1)),
    "next_expiry": lambda r: r.next_expiry(0),
    "taken": lambda r: r.existing_nodes([uid(1)]),
    "head": lambda r: r.head(uid(1)),
    "last_seq": lambda r: r.last_seq(),
    "recorded": lambda r: r.record_at(1),
    "tail": lambda r: r.tail(uid(1), 9),
    "shown": lambda r: list(r.records_without_heartbeats(uid(1), 2, 9)),
    "shown newest": lambda r: list(r.records_without_heartbeats(uid(1), None, 9)),
    "journal": lambda r: list(r.journal(1)),
    "journal of a task": lambda r: list(r.journal(1, uid(1))),
}


@pytest.fixture
def reading(path: Path, store: SqliteStore) -> Iterator[apsw.Connection]:  # noqa: ARG001 - makes the file
    """A connection as readers get it."""
    connection = open_for_reading(path)
    yield connection
    connection.close()


def plan(reading: apsw.Connection, question: Question) -> list[str]:
    """SQLite's plan for what a question asks, line by line."""
    asked: list[tuple[str, object]] = []

    def remember(_cursor: object, sql: str, bindings: object) -> bool:
        asked.append((sql, bindings))
        return True

    reading.exec_trace = remember
    question(SqliteReader(reading))
    reading.exec_trace = None
    assert asked, "the question asked the database nothing"
    return [
        detail
        for sql, bindings in asked
        for (*_ids, detail) in reading.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_every_question_is_answered_from_an_index(
    reading: apsw.Connection, question: Question
) -> None:
    """No question scans a table of agentd's."""
    tables = ("journal", *(projection.name for projection in PROJECTIONS))
    lines = plan(reading, question)
    scans = [line for line in lines if line.startswith(tuple(f"SCAN {table}" for table in tables))]
    assert not scans, lines


IN_ORDER = (
    "first of a stretch",
    "demands in queue",
    "due",
    "failed",
    "nodes",
    "tasks",
    "runnable tasks",
    "head",
    "tail",
    "shown",
    "shown newest",
    "journal",
    "journal of a task",
)


@pytest.mark.parametrize("name", IN_ORDER)
def test_no_question_sorts_what_the_index_has_in_order(reading: apsw.Connection, name: str) -> None:
    """Where an order is asked for, the index has it."""
    lines = plan(reading, QUESTIONS[name])
    assert not [line for line in lines if "B-TREE" in line], lines


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("first of a stretch", "nodes_queue"),
        ("next stretches", "queue_of_all"),
        ("runnable tasks", "queue_tasks"),
        ("count ready", "queue_demands"),
        ("next opening", "limits_closed"),
        ("next opening", "limits_rates"),
        ("due", "nodes_due"),
        ("due of a task", "nodes_due"),
        ("next_due", "nodes_due"),
        ("named", "nodes_name"),
        ("failed", "nodes_failed"),
    ],
)
def test_few_nodes_are_in_an_index_of_their_own(
    reading: apsw.Connection, name: str, index: str
) -> None:
    """What is runnable, waits for a moment, has a name or failed is found among such."""
    assert any(index in line for line in plan(reading, QUESTIONS[name]))


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("tasks", "tasks_order"),
        ("tasks of a prefix", "task_id>? AND task_id<?"),
        ("runnable tasks", "queue_tasks"),
        ("runnable tasks of a prefix", "task_id>? AND task_id<?"),
    ],
)
def test_a_prefix_that_few_have_is_looked_up(
    reading: apsw.Connection, name: str, index: str
) -> None:
    """Tasks are listed along their order; if few have the prefix, they are found by their ids."""
    assert any(index in line for line in plan(reading, QUESTIONS[name]))


@pytest.mark.parametrize("name", ["expired", "expired of a task", "next_expiry"])
def test_leases_cost_what_is_leased(reading: apsw.Connection, name: str) -> None:
    """Questions about leases use the index that holds leased nodes only."""
    assert any("nodes_leased" in line for line in plan(reading, QUESTIONS[name]))


# Columns


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_columns_are_the_rows_fields(raw: apsw.Connection, projection: Projection) -> None:
    """A table's columns are its row's fields, in their order, and its key is the projection's."""
    found = list(raw.execute(f"PRAGMA table_info({projection.name})"))
    assert [name for _id, name, *_rest in found] == list(projection.row.__struct_fields__)
    assert tuple(name for _id, name, *_rest, key in found if key) == projection.key


# What goes wrong


def test_a_read_only_store_refuses_to_write(path: Path, store: SqliteStore) -> None:
    """A store opened for reading reads beside its daemon and writes nothing."""
    reading = SqliteStore.open_read_only(path)
    assert Core(reading).journal() == Core(store).journal()
    with pytest.raises(StorageError), reading.write() as tx:
        record_drafts(tx, 2, registration(2), new_id=Ids())
    assert len(Core(store).journal()) == 3
    reading.close()


def test_the_drivers_errors_become_agentds(store: SqliteStore, raw: apsw.Connection) -> None:
    """A table that is gone is a StorageError with the driver's words, not the driver's error."""
    raw.execute("DROP TABLE nodes")
    with pytest.raises(StorageError, match="nodes"), store.read() as reader:
        reader.get(NODES, (uid(1),))


def test_a_record_of_a_newer_agentd_is_damage(store: SqliteStore, raw: apsw.Connection) -> None:
    """A record that this program cannot read is named as what it is."""
    values = (4, "e", "t", 1, None, "NodePaused", 3, 0, b"{}", None, b"")
    raw.execute(f"INSERT INTO journal VALUES ({', '.join('?' * len(values))})", values)
    with pytest.raises(JournalDamaged, match="NodePaused events of schema 3"):
        Core(store).journal()
