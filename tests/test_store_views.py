"""A writer may remember what it has read and written, and answers as if it did not."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from agentd.events import EventCommitted, LeaseExpired, LeaseExtended, NodeAcquired, NodeCompleted
from agentd.journal import Draft
from agentd.projections import NODES, project
from agentd.store import Store
from agentd.store.sql.cache import Cache
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.opening import open_for_writing
from agentd.store.sqlite.place import DatabasePlace
from tests.core import (
    ALL_STORES,
    NOW,
    STORES,
    Core,
    Ids,
    next_runnable,
    open_sqlite,
    record_drafts,
    registration,
    spec,
    uid,
)
from tests.questions import LIMITS, answers

TASKS = [uid(1), uid(2), uid(3)]
NODE_IDS = [uid(number) for number in range(1, 9)]


@pytest.fixture(params=ALL_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = ALL_STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def new_id() -> Callable[[], str]:
    return Ids()


def acquired(node: int, end: int) -> Draft:
    return Draft(NodeAcquired(uid(0xA0 + node), "w", end, "RUNNING"), uid(node))


def extended(node: int, end: int) -> Draft:
    return Draft(LeaseExtended(uid(0xA0 + node), end), uid(node))


def rolled_back(node: int, end: int) -> Draft:
    return Draft(LeaseExpired(uid(0xA0 + node), "w", end, "PENDING"), uid(node))


def completed(node: int) -> Draft:
    return Draft(NodeCompleted(uid(0xA0 + node), "COMPLETED"), uid(node), b"1")


def note(text: str, payload: bytes = b"null") -> Draft:
    return Draft(EventCommitted(text), uid(1), payload)


LARGE = b'"' + b"x" * 10_000 + b'"'
HISTORY: list[tuple[int, list[Draft]]] = [
    (1, registration(1, 1, 2, (3, 1), (4, 1, 2))),
    (1, [acquired(1, 20)]),
    (2, registration(2, 6, (7, 6))),
    (1, [acquired(2, 10)]),
    (1, [extended(2, 30), note("a")]),
    (2, [acquired(6, 10), note("large", LARGE)]),
    (1, [note("b"), completed(1)]),
    (2, [rolled_back(6, 10), note("c")]),
    (2, [acquired(6, 20), extended(6, 10)]),
    (1, [completed(2), acquired(3, 30)]),
    (1, [note("d", LARGE), note("e"), rolled_back(3, 30)]),
    (2, [completed(6)]),
]


def written(store: Store) -> dict[str, object]:
    """What a writer says, that reads whatever it has not remembered."""
    with store.write() as tx:
        return answers(tx, TASKS, NODE_IDS)


def read(store: Store) -> dict[str, object]:
    """What the database says to somebody who remembers nothing."""
    with store.read() as reader:
        return answers(reader, TASKS, NODE_IDS)


def test_a_writer_answers_as_the_database(store: Store, new_id: Callable[[], str]) -> None:
    """After every commit, whoever writes next sees exactly what readers see."""
    for task, drafts in HISTORY:
        with store.write() as tx:
            record_drafts(tx, task, drafts, new_id=new_id)
        assert written(store) == read(store)


@pytest.mark.parametrize("store", STORES, indirect=True)
def test_a_writer_sees_what_it_writes(store: Store, new_id: Callable[[], str]) -> None:
    """In one transaction, each answer counts what was written before the question."""
    asked = []
    with store.write() as tx:
        for task, drafts in HISTORY:
            record_drafts(tx, task, drafts, new_id=new_id)
            asked.append(answers(tx, TASKS, NODE_IDS))
    assert asked[-1] == read(store)
    other = ALL_STORES["memory"](Path())
    again = Ids()
    for (task, drafts), answered in zip(HISTORY, asked, strict=True):
        with other.write() as tx:
            record_drafts(tx, task, drafts, new_id=again)
        assert answered == read(other)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_writer_knows_the_newest_events(
    store: Store, new_id: Callable[[], str], limit: int
) -> None:
    """Asked for tails of one length only, a writer leaves out heartbeats and nothing else."""
    for task, drafts in HISTORY:
        for draft in drafts:
            with store.write() as tx:
                record_drafts(tx, task, [draft], new_id=new_id)
                tails = [tx.tail(task_id, limit) for task_id in TASKS]
            with store.read() as reader:
                assert tails == [reader.tail(task_id, limit) for task_id in TASKS]


@pytest.mark.parametrize("kept", range(len(HISTORY)))
@pytest.mark.parametrize("store", STORES, indirect=True)  # 2 s of a server each
def test_a_writer_forgets_what_was_undone(
    store: Store, new_id: Callable[[], str], kept: int
) -> None:
    """After a transaction was undone, nothing of it is left in the next one's answers."""
    for task, drafts in HISTORY[:kept]:
        with store.write() as tx:
            record_drafts(tx, task, drafts, new_id=new_id)
    before = written(store)
    with suppress(ZeroDivisionError), store.write() as tx:
        for task, drafts in HISTORY[kept:]:
            record_drafts(tx, task, drafts, new_id=new_id)
            answers(tx, TASKS, NODE_IDS)
        raise ZeroDivisionError
    assert written(store) == read(store) == before


def test_a_writer_sees_rows_that_were_swapped(store: Store, new_id: Callable[[], str]) -> None:
    """What a writer remembers of the rows is forgotten when a shadow takes their place."""
    for task, drafts in HISTORY[:3]:
        with store.write() as tx:
            record_drafts(tx, task, drafts, new_id=new_id)
    good = written(store)
    with store.write() as tx:
        for row in list(tx.nodes(uid(1))):
            tx.put(NODES, (row.node_id,), replace(row, status="FAILED"))
    assert written(store) != good
    with store.shadow() as shadow:
        with store.read() as reader:
            for record in reader.journal():
                project(shadow, record)
        shadow.hold()
        shadow.swap()
    assert written(store) == read(store) == good


def test_a_node_that_was_removed_is_not_runnable(store: Store, new_id: Callable[[], str]) -> None:
    """A row that was put as None is no node to hand out."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1, 2), new_id=new_id)
        first = next_runnable(tx, uid(1))
        assert first is not None
        tx.put(NODES, (first.node_id,), None)
        second = next_runnable(tx, uid(1))
        assert second is not None
        assert second.node_id == uid(2)


def test_many_runnable_nodes_are_handed_out_in_order(store: Store) -> None:
    """However many nodes a task has, they come in registration order, rolled back ones again."""
    core = Core(store, lease_ms=1_000)
    task_id = core.register(*(spec(number) for number in range(100, 0, -1)))
    order = [core.hold(task_id).node_id for _node in range(40)]
    core.now += 1_000
    order += [core.hold(task_id).node_id for _node in range(100)]
    expected = [uid(number) for number in range(100, 0, -1)]
    assert order == expected[:40] + expected


def test_a_writer_sees_what_another_program_wrote(tmp_path: Path) -> None:
    """Two stores on one file never remember what the other one has changed."""
    one, unclaimed = open_sqlite(tmp_path), DatabasePlace(tmp_path / "agent_state.db")
    two = SqliteStore(unclaimed, open_for_writing(unclaimed, NOW))
    again = Ids()
    for task, drafts in HISTORY:
        with one.write() as tx:
            record_drafts(tx, task, drafts, new_id=again)
        assert written(two) == read(one)
        one, two = two, one
    for store in (one, two):
        store.close()


@pytest.mark.parametrize(
    "large", [{"payload_schema": "x" * 1_024}, {"limits": [c * 256 for c in "abcd"]}]
)
def test_a_large_record_is_not_remembered(tmp_path: Path, large: dict[str, Any]) -> None:
    """Whether its payload makes it so, or what the event says."""
    cache = Cache(apsw.Connection(":memory:"))
    core = Core(open_sqlite(tmp_path))
    core.register(spec(1), spec(2, **large))
    for recorded in core.journal():
        cache.add_record(recorded)
    core.store.close()
    assert list(cache.records) == [1, 2]


@pytest.mark.parametrize(("alike", "read"), [(1, 0), (2, 2)])
def test_a_node_that_is_alone_is_not_read_ahead(tmp_path: Path, alike: int, read: int) -> None:
    """Of many that each demand something else one is handed out: of the others nothing is asked."""
    core = Core(open_sqlite(tmp_path))
    core.register(*(spec(n) for n in range(1, 1 + alike)))
    core.store.close()
    store = open_sqlite(tmp_path)
    with store.write() as tx:
        for stretch in tx.next_stretches():
            tx.first_of(stretch)
        assert len(tx._cache.records) == len(tx._cache.dependents) == read  # noqa: SLF001
    store.close()


def test_a_writer_that_forgets_answers_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How much a writer remembers makes no difference to its answers."""
    monkeypatch.setattr("agentd.store.sql.cache._ROWS", 2)
    monkeypatch.setattr("agentd.store.sql.cache._TASKS", 1)
    monkeypatch.setattr("agentd.store.sql.tables.queue._AHEAD", 1)
    store = SqliteStore.open(tmp_path / "small.db", NOW)
    new_id = Ids()
    for task, drafts in HISTORY:
        with store.write() as tx:
            record_drafts(tx, task, drafts, new_id=new_id)
            answers(tx, TASKS, NODE_IDS)
        assert written(store) == read(store)
    store.close()
