"""Lists of tasks, and a task's events by place; each engine runs the suite."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentd.events import EventCommitted, LeaseExtended, NodeAcquired
from agentd.journal import Draft
from agentd.projections import TASKS, TaskRow
from agentd.store import Store, Tx
from tests.core import ALL_STORES, NOW, Ids, next_runnable, record_drafts, registration, uid

A, B, C = 0xA00, 0xB00, 0xAF1
PREFIX = uid(0)[:-3]
ORDER = {A: 1, B: 4, C: 7}
"""By task, the seq of its registration in `three_tasks`."""


@pytest.fixture(params=ALL_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = ALL_STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture(params=[4_000, 1], ids=["few", "many"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many tasks with one prefix are few: an engine may look for many in another way."""
    monkeypatch.setattr("agentd.store.sql.tables.tasks._FEW", request.param)


@pytest.fixture
def new_id() -> Callable[[], str]:
    return Ids()


def three_tasks(tx: Tx, new_id: Callable[[], str]) -> None:
    """Three tasks of two nodes that wait for nothing."""
    for task in ORDER:
        record_drafts(tx, task, registration(task, task * 16, task * 16 + 1), new_id=new_id)


def acquisition(node: int) -> Draft:
    return Draft(NodeAcquired(uid(0xA0 + node), "w", NOW, "RUNNING"), uid(node))


def numbers(rows: list[TaskRow]) -> list[int]:
    return [next(task for task in ORDER if uid(task) == row.task_id) for row in rows]


# Tasks


def test_the_states_of_some_tasks(store: Store, new_id: Callable[[], str]) -> None:
    """Each by its task's id, as the transaction has left it; what is no task has none."""
    with store.write() as tx:
        three_tasks(tx, new_id)
        record_drafts(tx, B, [acquisition(B * 16)], new_id=new_id)
        found = tx.states_of([uid(B), uid(C), uid(0x5)])
        assert set(found) == {uid(B), uid(C)}
        assert (found[uid(B)].pending, found[uid(B)].running) == (1, 1)
        assert tx.states_of([]) == {}
    with store.read() as reader:
        assert reader.states_of([uid(B), uid(C)]) == found


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("prefix", "before", "limit", "tasks"),
    [
        ("", None, 9, [C, B, A]),
        ("", None, 2, [C, B]),
        ("", 7, 9, [B, A]),
        ("", 5, 9, [B, A]),
        ("", 1, 9, []),
        ("0", None, 2, [C, B]),
        ("00", 7, 1, [B]),
        ("1", None, 9, []),
        (PREFIX + "a", None, 9, [C, A]),
        (PREFIX + "a", None, 1, [C]),
        (PREFIX + "a", 7, 9, [A]),
        (PREFIX + "b", None, 9, [B]),
        (uid(A), None, 9, [A]),
        (uid(0xAFF), None, 9, []),
    ],
)
def test_tasks_come_newest_first(
    store: Store,
    new_id: Callable[[], str],
    prefix: str,
    before: int | None,
    limit: int,
    tasks: list[int],
) -> None:
    """The newest tasks whose ids begin so, of those that were registered before a seq."""
    with store.write() as tx:
        three_tasks(tx, new_id)
        assert numbers(tx.tasks(prefix, before, limit)) == tasks
    with store.read() as reader:
        assert numbers(reader.tasks(prefix, before, limit)) == tasks


def test_a_listed_task_is_its_row(store: Store, new_id: Callable[[], str]) -> None:
    """What is listed is the row that is got by the task's id."""
    with store.write() as tx:
        three_tasks(tx, new_id)
        rows = [tx.get(TASKS, (uid(task),)) for task in ORDER]
        assert tx.runnable_tasks("", 0, 9) == rows
        assert tx.tasks("", None, 9) == rows[::-1]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("prefix", ["", "0", PREFIX])
@pytest.mark.parametrize(
    ("after", "limit", "tasks"),
    [(0, 9, [A, C]), (0, 1, [A]), (1, 9, [C]), (2, 9, [C]), (4, 9, [C]), (7, 9, []), (99, 9, [])],
)
def test_runnable_tasks_come_oldest_first(
    store: Store, new_id: Callable[[], str], prefix: str, after: int, limit: int, tasks: list[int]
) -> None:
    """The tasks behind a seq that have a runnable node, not those whose nodes are all leased."""
    leased = [acquisition(B * 16), acquisition(B * 16 + 1)]
    with store.write() as tx:
        three_tasks(tx, new_id)
        record_drafts(tx, A, [acquisition(A * 16)], new_id=new_id)
        record_drafts(tx, B, leased, new_id=new_id)
        assert numbers(tx.runnable_tasks(prefix, after, limit)) == tasks
    with store.read() as reader:
        assert numbers(reader.runnable_tasks(prefix, after, limit)) == tasks


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("prefix", "tasks"),
    [("1", []), (PREFIX + "a", [A, C]), (PREFIX + "b", [B]), (uid(C), [C]), (uid(0xAFF), [])],
)
def test_runnable_tasks_whose_ids_begin_so(
    store: Store, new_id: Callable[[], str], prefix: str, tasks: list[int]
) -> None:
    """Only the tasks with that prefix are among the runnable ones."""
    with store.write() as tx:
        three_tasks(tx, new_id)
        assert numbers(tx.runnable_tasks(prefix, 0, 9)) == tasks


def test_no_tasks_at_all(store: Store) -> None:
    """An empty database has none, runnable or not."""
    with store.read() as reader:
        assert reader.tasks("", None, 9) == reader.runnable_tasks("", 0, 9) == []


def test_a_drained_task_does_not_hand_out_the_next_ones(
    store: Store, new_id: Callable[[], str]
) -> None:
    """The runnable nodes of a younger task are not those of an older one that has none left."""
    with store.write() as tx:
        three_tasks(tx, new_id)
        record_drafts(tx, A, [acquisition(A * 16), acquisition(A * 16 + 1)], new_id=new_id)
        assert next_runnable(tx, uid(A)) is None
    with store.read() as reader:
        assert next_runnable(reader, uid(A)) is None
        assert next_runnable(reader, uid(B)) is not None


# Events

SHOWN = {"a": 1, "b": 5, "c": 6, "d": 12}
"""By the note's text, its seq in `history`; heartbeats and another task's notes lie between."""


def history(tx: Tx, new_id: Callable[[], str]) -> None:
    beats = [Draft(LeaseExtended(uid(8), NOW), uid(1))] * 2
    other = [Draft(EventCommitted("z"), uid(2))]
    notes = {text: Draft(EventCommitted(text), uid(1)) for text in SHOWN}
    record_drafts(tx, 1, [notes["a"], *beats], new_id=new_id)
    record_drafts(tx, 2, other, new_id=new_id)
    record_drafts(tx, 1, [notes["b"], notes["c"], *beats], new_id=new_id)
    record_drafts(tx, 2, other * 2, new_id=new_id)
    record_drafts(tx, 1, [beats[0], notes["d"], *beats], new_id=new_id)


@pytest.mark.parametrize(
    ("after", "limit", "shown"),
    [
        (0, 9, "abcd"),
        (0, 2, "ab"),
        (1, 9, "bcd"),
        (3, 1, "b"),  # behind a heartbeat
        (4, 9, "bcd"),  # behind another task's event
        (5, 9, "cd"),
        (6, 9, "d"),
        (10, 9, "d"),
        (12, 9, ""),
        (14, 9, ""),
        (999, 9, ""),
        (None, 1, "d"),
        (None, 3, "bcd"),
        (None, 4, "abcd"),
        (None, 9, "abcd"),
    ],
)
def test_events_are_shown_from_a_place_on(
    store: Store, new_id: Callable[[], str], after: int | None, limit: int, shown: str
) -> None:
    """Behind any seq, or the newest: oldest first, without heartbeats and other tasks' events."""
    expected = [(SHOWN[text], text) for text in shown]
    with store.write() as tx:
        history(tx, new_id)
        assert _texts(tx, after, limit) == expected
    with store.write() as tx:
        assert _texts(tx, after, limit) == expected


def test_a_task_that_is_not_there_shows_nothing(store: Store, new_id: Callable[[], str]) -> None:
    """There are no events of it, neither new nor old."""
    with store.write() as tx:
        history(tx, new_id)
        assert [
            *tx.records_without_heartbeats(uid(9), 0, 9),
            *tx.records_without_heartbeats(uid(9), None, 9),
        ] == []


def _texts(tx: Tx, after: int | None, limit: int) -> list[tuple[int, str]]:
    return [
        (record.seq, record.event.action_type)
        for record in tx.records_without_heartbeats(uid(1), after, limit)
        if isinstance(record.event, EventCommitted)
    ]
