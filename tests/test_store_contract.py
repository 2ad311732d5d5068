"""What every store must do with rows and records; each engine runs the same suite."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import asdict, replace

from agentd.answers import Answered
from agentd.errors import Conflict, JournalDamaged
from agentd.events import (
    Event,
    EventCommitted,
    LeaseExpired,
    LeaseExtended,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    TaskRegistered,
)
from agentd.journal import GENESIS, Draft, Head, Recorded
from agentd.projections import (
    DEMANDS,
    EDGES,
    EXPIRED_LOCKS,
    GATES,
    IMPORTS,
    LIMITS,
    LOCKS,
    NODES,
    PROJECTIONS,
    QUEUE,
    STARTS,
    TASK_STATES,
    TASKS,
    TOTALS,
    USAGE,
    WISHES,
    DemandRow,
    EdgeRow,
    ExpiredLockRow,
    GateRow,
    ImportRow,
    Key,
    LimitRow,
    LockRow,
    NodeRow,
    Projection,
    StartRow,
    StretchRow,
    TaskRow,
    TaskStateRow,
    TotalsRow,
    UsageRow,
    WishRow,
)
from agentd.store import Store
from tests.core import ALL_STORES, NOW, Ids, record_drafts, uid

COMPLETED, FAILED = NodeCompleted(uid(8), "COMPLETED"), NodeFailed(uid(8), "FAILED")
OTHERS = (
    TaskRegistered("g", 1),
    NodeAdded(0, (), 0, "PENDING"),
    NodeAcquired(uid(8), "w", 9, "RUNNING"),
    LeaseExtended(uid(8), 10),
    LeaseExpired(uid(8), "w", 10, "PENDING"),
)
NODE = NodeRow(uid(1), uid(9), 3, 4, "RUNNING", 0, 6, 7, uid(8), "ö", 10, uid(11), 12)
OTHER = NodeRow(
    *(uid(1), uid(9), 3, 4, "PENDING", 2, 9, None, None, None, None, None, None),
    *(None, 5, 6, 7, 8, 9, 10, 11, 12, 13, "d"),
    checkpoint_seq=14,
    locks_in_way=15,
    locks_held=16,
    dependencies_seq=17,
)

STRETCH = StretchRow(uid(1), "d", -1, 7, 2, 1, held=True, hands_out=False, registered_seq=6)

LOCK = LockRow(
    *(uid(1), "file:/a", "/a/", "one", "shared", "me", "p", uid(2), "n", uid(3), uid(4)),
    *(5, 6, 7, None),
)
WISH = WishRow(uid(1), "a", uid(2), "=a", "one", "exclusive", waits=False)

Examples = tuple[Projection, list[tuple[Key, Struct]]]
ROWS: list[Examples] = [
    (TASKS, [((uid(n),), TaskRow(uid(n), n, 2)) for n in (1, 2, 3)]),
    (NODES, [((uid(n),), replace(NODE, node_id=uid(n), position=9 - n)) for n in (1, 2, 3)]),
    (
        EDGES,
        [((uid(d), uid(n)), EdgeRow(uid(d), uid(n))) for d, n in ((1, 2), (1, 3), (2, 1))],
    ),
    (DEMANDS, [((name,), DemandRow(name, "[]", f'["{name}"]')) for name in "abc"]),
    (
        LIMITS,
        [
            ((name,), LimitRow(name, 1, max_running=2, is_known=True, rate_count=3))
            for name in "abc"
        ],
    ),
    (
        QUEUE,
        [((uid(n), "d", -n, 7), replace(STRETCH, task_id=uid(n), rank=-n)) for n in (1, 2)],
    ),
    (GATES, [((uid(n), uid(9)), GateRow(uid(n), uid(9))) for n in (1, 2, 3)]),
    (STARTS, [(("a", n), StartRow("a", n, 9)) for n in (1, 2, 3)]),
    (TASK_STATES, [((uid(n),), TaskStateRow(uid(n), n, 2, 3, 4)) for n in (1, 2, 3)]),
    (TOTALS, [((scope,), TotalsRow(scope, 1, 2, 3, 4, 5, 6)) for scope in ("a", "b", "c")]),
    (LOCKS, [((uid(n),), replace(LOCK, lease_id=uid(n))) for n in (1, 2, 3)]),
    (EXPIRED_LOCKS, [((key,), ExpiredLockRow(key, uid(1), "me", None)) for key in "abc"]),
    (WISHES, [((uid(n), "a"), replace(WISH, node_id=uid(n))) for n in (1, 2, 3)]),
    (IMPORTS, [((source,), ImportRow(source, uid(1))) for source in "abc"]),
    (USAGE, [(("a", unit), UsageRow("a", unit, 1.5)) for unit in ("x", "y", "z")]),
]
each_projection = pytest.mark.parametrize(
    ("projection", "rows"), ROWS, ids=[projection.name for projection, _rows in ROWS]
)


@pytest.fixture(params=ALL_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = ALL_STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def new_id() -> Callable[[], str]:
    return Ids()


def note(text: str) -> Draft:
    return Draft(EventCommitted(text), uid(1), b'"note"')


def test_every_projection_is_tried() -> None:
    """No table is left out of this suite."""
    names = [projection.name for projection, _rows in ROWS]
    assert sorted(names) == sorted(projection.name for projection in PROJECTIONS)


# Rows


@each_projection
def test_a_row_that_is_put_is_got(
    store: Store, projection: Projection, rows: list[tuple[Key, Struct]]
) -> None:
    """What was put is got, in the transaction and after it; a key that was not put has no row."""
    (key, row), (absent, _row), *_ = rows
    with store.write() as tx:
        tx.put(projection, key, row)
        assert tx.get(projection, key) == row
    with store.read() as reader:
        assert reader.get(projection, key) == row
        assert reader.get(projection, absent) is None


CHANGED: list[tuple[Projection, Key, Struct, Struct]] = [
    (TASKS, (uid(1),), TaskRow(uid(1), 1, 2), TaskRow(uid(1), 9, 3, uid(2), 4)),
    (NODES, (uid(1),), NODE, OTHER),
    (LOCKS, (uid(1),), LOCK, replace(LOCK, updated_at=8, expires_at=9)),
    (WISHES, (uid(1), "a"), WISH, replace(WISH, waits=True)),
    (
        EXPIRED_LOCKS,
        ("a",),
        ExpiredLockRow("a", uid(1), "me", None),
        ExpiredLockRow("a", uid(2), "you", uid(3)),
    ),
    (
        TASK_STATES,
        (uid(1),),
        TaskStateRow(uid(1), 1, 2, 3, 4),
        TaskStateRow(uid(1), 9, 9, 9, 9, 5, 6, 7, spent=True, has_usage=True, gates_to_open=1),
    ),
    (TOTALS, ("a",), TotalsRow("a", 1, 2, 3, 4, 5, 6), TotalsRow("a", 9, 9, 9, 9, 9, 9)),
    (
        GATES,
        (uid(1), uid(2)),
        GateRow(uid(1), uid(2)),
        GateRow(uid(1), uid(2), "decided", 1, 2, 3, 4),
    ),
    (USAGE, ("a", "x"), UsageRow("a", "x", 1), UsageRow("a", "x", 2.5)),
]


@pytest.mark.parametrize(("projection", "key", "before", "after"), CHANGED)
def test_a_row_that_is_put_again_is_replaced(
    store: Store, projection: Projection, key: Key, before: Struct, after: Struct
) -> None:
    """A second put leaves nothing of the first, neither in the same transaction nor in another."""
    for rows in ([before, after], [before], [after]):
        with store.write() as tx:
            for row in rows:
                tx.put(projection, key, row)
    with store.read() as reader:
        assert list(reader.rows(projection)) == [after]


@pytest.mark.parametrize(("projection", "_key", "before", "after"), CHANGED)
def test_every_column_that_may_change_is_tried(
    projection: Projection, _key: Key, before: Struct, after: Struct
) -> None:
    """The rows above differ in each column that is not fixed when the row is made."""
    same = {name for name, value in asdict(before).items() if value == getattr(after, name)}
    assert same == set(projection.fixed)


@each_projection
def test_a_row_that_is_put_as_none_is_gone(
    store: Store, projection: Projection, rows: list[tuple[Key, Struct]]
) -> None:
    """None removes the row, and is harmless where there is none."""
    (key, row), (absent, _row), *_ = rows
    with store.write() as tx:
        tx.put(projection, key, row)
        tx.put(projection, absent, None)
    with store.write() as tx:
        tx.put(projection, key, None)
        assert tx.get(projection, key) is None
    with store.read() as reader:
        assert list(reader.rows(projection)) == []


@each_projection
def test_rows_come_in_the_order_of_their_keys(
    store: Store, projection: Projection, rows: list[tuple[Key, Struct]]
) -> None:
    """All rows come in the order of their keys, whatever the order they were put in."""
    with store.write() as tx:
        for key, row in reversed(rows):
            tx.put(projection, key, row)
    with store.read() as reader:
        assert list(reader.rows(projection)) == [row for _key, row in rows]


@each_projection
def test_a_transaction_sees_its_own_rows(
    store: Store, projection: Projection, rows: list[tuple[Key, Struct]]
) -> None:
    """Rows that were put are among all rows before the transaction ends."""
    with store.write() as tx:
        for key, row in rows:
            tx.put(projection, key, row)
        assert list(tx.rows(projection)) == [row for _key, row in rows]


# Records


def test_records_are_numbered_without_gaps(store: Store, new_id: Callable[[], str]) -> None:
    """`seq` counts all records, `version` those of the task, both from 1."""
    with store.write() as tx:
        for task in (1, 2, 1):
            tx.append(uid(task), tx.head(uid(task)).version, [note("a"), note("b")], NOW, new_id)
    with store.write() as tx:
        tx.append(uid(2), 2, [note("c")], NOW, new_id)
    with store.read() as reader:
        found = [(r.seq, r.task_id, r.version) for r in reader.journal()]
    assert found == [
        (1, uid(1), 1),
        (2, uid(1), 2),
        (3, uid(2), 1),
        (4, uid(2), 2),
        (5, uid(1), 3),
        (6, uid(1), 4),
        (7, uid(2), 3),
    ]


def test_a_record_comes_back_as_it_was_appended(store: Store, new_id: Callable[[], str]) -> None:
    """Every column of a record survives, the user's bytes and the absence of them included."""
    drafts = [Draft(EventCommitted("ö"), None, None), Draft(EventCommitted("x"), uid(1), b" 1e2 ")]
    with store.write() as tx:
        appended = tx.append(uid(1), 0, drafts, NOW, new_id)
        assert [tx.record_at(r.seq) for r in appended] == appended
    with store.read() as reader:
        assert list(reader.journal()) == appended
        assert [reader.record_at(r.seq) for r in appended] == appended


def test_nothing_to_append_is_nothing(store: Store, new_id: Callable[[], str]) -> None:
    """No drafts, no records."""
    with store.write() as tx:
        assert tx.append(uid(1), 0, [], NOW, new_id) == []
        assert (tx.last_seq(), tx.head(uid(1))) == (0, GENESIS)


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_stream_that_ends_elsewhere_is_a_conflict(
    store: Store, new_id: Callable[[], str], expected: int
) -> None:
    """A wrong expected version raises Conflict and writes nothing."""
    with store.write() as tx:
        before = tx.append(uid(1), 0, [note("a"), note("b")], NOW, new_id)
        with pytest.raises(Conflict):
            tx.append(uid(1), expected, [note("c")], NOW, new_id)
        assert list(tx.journal()) == before
        assert tx.append(uid(1), 2, [note("d")], NOW, new_id)[0].seq == 3


def test_a_new_stream_does_not_expect_events(store: Store, new_id: Callable[[], str]) -> None:
    """The first event of a task is expected at version 0, however long other streams are."""
    with store.write() as tx:
        tx.append(uid(1), 0, [note("a")], NOW, new_id)
        with pytest.raises(Conflict):
            tx.append(uid(2), 1, [note("b")], NOW, new_id)
        tx.append(uid(2), 0, [note("b")], NOW, new_id)


def test_the_head_is_the_last_record(store: Store, new_id: Callable[[], str]) -> None:
    """A stream's head has the version and the hash of its last record."""
    with store.write() as tx:
        assert tx.head(uid(1)) == GENESIS
        *_, last = tx.append(uid(1), 0, [note("a"), note("b")], NOW, new_id)
        tx.append(uid(2), 0, [note("c")], NOW, new_id)
        assert tx.head(uid(1)) == Head(2, last.hash)
    with store.read() as reader:
        assert reader.head(uid(1)) == Head(2, last.hash)


def test_the_last_seq_is_the_journals_length(store: Store, new_id: Callable[[], str]) -> None:
    """`last_seq` is 0 in an empty journal and then the number of its records."""
    with store.write() as tx:
        assert tx.last_seq() == 0
        tx.append(uid(1), 0, [note("a"), note("b")], NOW, new_id)
        assert tx.last_seq() == 2
    with store.read() as reader:
        assert reader.last_seq() == 2


def test_a_record_that_is_not_there_is_damage(store: Store, new_id: Callable[[], str]) -> None:
    """Rows point at records; one that is missing means that the journal is damaged."""
    with store.write() as tx:
        tx.append(uid(1), 0, [note("a")], NOW, new_id)
    with store.read() as reader:
        for seq in (0, 2):
            with pytest.raises(JournalDamaged, match=str(seq)):
                reader.record_at(seq)


@pytest.mark.parametrize("limit", [0, 1, 2, 4, 9])
def test_the_tail_is_what_was_told(store: Store, new_id: Callable[[], str], limit: int) -> None:
    """The tail is the newest of what agents committed and how nodes ended, oldest first."""
    others = [Draft(event, uid(3), b"1") for event in (*OTHERS, *OTHERS)]
    told = [note("a"), note("b"), Draft(COMPLETED, uid(3), b"1"), Draft(FAILED, uid(4), b"2")]
    drafts = [draft for one in told for draft in (*others, one)] + others
    with store.write() as tx:
        tx.append(uid(1), 0, drafts, NOW, new_id)
        tx.append(uid(2), 0, [note("z")], NOW, new_id)
        assert _events(tx.tail(uid(1), limit)) == _told(told, limit)
    with store.read() as reader:
        assert _events(reader.tail(uid(1), limit)) == _told(told, limit)
        earlier = len(others) * 3 + 3  # the third has just been told
        assert _events(reader.tail(uid(1), limit, earlier)) == _told(told[:3], limit)


@pytest.mark.parametrize(
    ("after", "task", "seqs"),
    [(0, None, [1, 2, 3, 4]), (2, None, [3, 4]), (4, None, []), (0, 1, [1, 4]), (1, 1, [4])],
)
def test_the_journal_is_read_from_a_place_on(
    store: Store, new_id: Callable[[], str], after: int, task: int | None, seqs: list[int]
) -> None:
    """The journal comes in its order, behind a place, of all tasks or of one."""
    with store.write() as tx:
        for stream in (1, 2, 2, 1):
            record_drafts(tx, stream, [note("a")], new_id=new_id)
    with store.read() as reader:
        found = reader.journal(after, None if task is None else uid(task))
        assert [record.seq for record in found] == seqs


def test_the_schema_is_the_latest(store: Store) -> None:
    """An open store has the schema that this program knows."""
    with store.read() as reader:
        version, latest = reader.schema()
    assert version == latest > 0


def _events(records: list[Recorded]) -> list[Event]:
    return [recorded.event for recorded in records]


def _told(drafts: list[Draft], limit: int) -> list[Event]:
    return [draft.event for draft in drafts][max(0, len(drafts) - limit) :]


# Answered requests


def test_answered_requests_come_in_the_order_of_their_answers(store: Store) -> None:
    """All that are remembered are there, those of this transaction last."""
    answered = [Answered(uid(n), bytes([n]) * 16, n, 50, NOW + n, n == 2) for n in (3, 1, 2)]
    with store.write() as tx:
        tx.remember(answered[0])
        tx.remember(answered[1])
    with store.write() as tx:
        tx.remember(answered[2])
        assert list(tx.answered_requests()) == answered
    with store.read() as reader:
        assert list(reader.answered_requests()) == answered
