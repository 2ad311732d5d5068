"""The questions that every store answers, and what a transaction is; each engine runs the suite."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agentd.events import NodeAcquired, NodeCompleted
from agentd.journal import Draft
from agentd.projections import NODES, PROJECTIONS, TOTALS, NodeRow, TotalsRow, project
from agentd.store import Reader, Store
from tests.core import ALL_STORES, NOW, Ids, next_runnable, record_drafts, registration, uid


@pytest.fixture(params=ALL_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = ALL_STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def new_id() -> Callable[[], str]:
    return Ids()


def acquisition(node: int, expires_at: int) -> Draft:
    return Draft(NodeAcquired(uid(0xA0 + node), "w", expires_at, "RUNNING"), uid(node))


def completion(node: int) -> Draft:
    return Draft(NodeCompleted(uid(0xA0 + node), "COMPLETED"), uid(node), b"null")


def runnable(reader: Reader, task: int) -> str | None:
    row = next_runnable(reader, uid(task))
    return None if row is None else row.node_id


# Questions


def test_nodes_come_in_registration_order(store: Store, new_id: Callable[[], str]) -> None:
    """A task's nodes come in the order they were registered, whatever their ids are."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 3, 1, 2), new_id=new_id)
        record_drafts(tx, 2, registration(2, 4), new_id=new_id)
        assert [node.node_id for node in tx.nodes(uid(1))] == [uid(3), uid(1), uid(2)]
        assert list(tx.nodes(uid(3))) == []


def test_the_first_runnable_is_the_first_registered(
    store: Store, new_id: Callable[[], str]
) -> None:
    """The next node is the first in registration order that is PENDING and waits for nothing."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, (5, 2), 4, 2), new_id=new_id)
        assert runnable(tx, 1) == uid(4)
        record_drafts(tx, 1, [acquisition(4, NOW)], new_id=new_id)
        assert runnable(tx, 1) == uid(2)
        record_drafts(tx, 1, [acquisition(2, NOW)], new_id=new_id)
        assert runnable(tx, 1) is None
        record_drafts(tx, 1, [completion(2)], new_id=new_id)
        assert runnable(tx, 1) == uid(5)
    with store.read() as reader:
        assert runnable(reader, 1) == uid(5)


def test_another_tasks_nodes_are_not_runnable(store: Store, new_id: Callable[[], str]) -> None:
    """A task hands out its own nodes only."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1), new_id=new_id)
        record_drafts(tx, 2, registration(2), new_id=new_id)
        assert runnable(tx, 2) is None
        assert runnable(tx, 3) is None


@pytest.mark.parametrize(
    ("after", "until", "nodes"),
    [
        (0, 29, [1, 3]),
        (0, 30, [1, 3, 2]),
        (9, 30, [1, 3, 2]),
        (10, 30, [3, 2]),
        (20, 30, [2]),
        (30, 99, []),
        (0, 9, []),
    ],
)
def test_expired_is_after_and_until(
    store: Store, new_id: Callable[[], str], after: int, until: int, nodes: list[int]
) -> None:
    """Expired are the leases that end later than `after`, at `until` or before, soonest first."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1, 2, 3, 4), new_id=new_id)
        leases = [acquisition(1, 10), acquisition(2, 30), acquisition(3, 20)]
        record_drafts(tx, 1, leases, new_id=new_id)
        assert [row.node_id for row in tx.expired_leases(after, until)] == list(map(uid, nodes))


def test_expired_may_be_of_one_task(store: Store, new_id: Callable[[], str]) -> None:
    """Asked for a task, only its own leases count."""
    with store.write() as tx:
        for task, node in ((1, 1), (2, 2)):
            record_drafts(tx, task, registration(task, node), new_id=new_id)
            record_drafts(tx, task, [acquisition(node, 10)], new_id=new_id)
        assert [row.node_id for row in tx.expired_leases(0, 10, uid(2))] == [uid(2)]
        assert [row.node_id for row in tx.expired_leases(0, 10)] == [uid(1), uid(2)]


def test_a_lease_that_ended_is_not_expired(store: Store, new_id: Callable[[], str]) -> None:
    """A node that was completed in time has no lease to run out."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1), new_id=new_id)
        record_drafts(tx, 1, [acquisition(1, 10), completion(1)], new_id=new_id)
        assert tx.expired_leases(0, 99) == []
        assert tx.next_expiry(0) is None


@pytest.mark.parametrize(("after", "expiry"), [(0, 10), (9, 10), (10, 20), (19, 20), (20, None)])
def test_the_next_expiry_is_later_than_after(
    store: Store, new_id: Callable[[], str], after: int, expiry: int | None
) -> None:
    """The next expiry is the first end of a lease that is later than `after`, in any task."""
    with store.write() as tx:
        assert tx.next_expiry(after) is None
        for task, node, end in ((1, 1, 20), (2, 2, 10)):
            record_drafts(tx, task, registration(task, node), new_id=new_id)
            record_drafts(tx, task, [acquisition(node, end)], new_id=new_id)
        assert tx.next_expiry(after) == expiry


def test_dependents_are_who_waits(store: Store, new_id: Callable[[], str]) -> None:
    """The dependents of a node are the nodes that depend on it, not those it depends on."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1, (2, 1), (3, 1, 2)), new_id=new_id)
        assert sorted(tx.dependents(uid(1))) == [uid(2), uid(3)]
        assert tx.dependents(uid(2)) == [uid(3)]
        assert tx.dependents(uid(3)) == []


def test_taken_are_the_ids_of_nodes(store: Store, new_id: Callable[[], str]) -> None:
    """Of the ids asked for, those that are nodes of any task are taken."""
    with store.write() as tx:
        record_drafts(tx, 7, registration(7, 1), new_id=new_id)
        record_drafts(tx, 8, registration(8, 2), new_id=new_id)
        assert sorted(tx.existing_nodes([uid(2), uid(3), uid(1), uid(7)])) == [uid(1), uid(2)]
        assert tx.existing_nodes([]) == []


# Transactions


def test_an_exception_undoes_everything(store: Store, new_id: Callable[[], str]) -> None:
    """An exception in the block leaves neither records nor rows, and the store is usable."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1), new_id=new_id)
    before = _contents(store)
    with suppress(ZeroDivisionError), store.write() as tx:
        record_drafts(tx, 1, [acquisition(1, NOW)], new_id=new_id)
        record_drafts(tx, 2, registration(2, 2), new_id=new_id)
        raise ZeroDivisionError
    assert _contents(store) == before
    with store.write() as tx:
        assert (tx.last_seq(), tx.head(uid(2)).version) == (2, 0)
        assert record_drafts(tx, 2, registration(2), new_id=new_id)[0].seq == 3


def test_nothing_is_seen_before_the_commit(store: Store, new_id: Callable[[], str]) -> None:
    """A reader sees nothing of a transaction that is still open."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1), new_id=new_id)
        with store.read() as reader:
            assert reader.last_seq() == 0
            assert reader.get(NODES, (uid(1),)) is None


def test_a_read_is_a_snapshot(store: Store, new_id: Callable[[], str]) -> None:
    """A reader sees one state for the length of its block, whatever is committed meanwhile."""
    with store.read() as reader:
        assert reader.last_seq() == 0
        with store.write() as tx:
            record_drafts(tx, 1, registration(1, 1), new_id=new_id)
        assert reader.last_seq() == 0
        assert list(reader.rows(NODES)) == list(reader.journal()) == []
        with store.read() as later:
            assert later.last_seq() == 2


# Shadows


def test_a_shadow_begins_empty(store: Store, new_id: Callable[[], str]) -> None:
    """A shadow has no rows, whatever the projections have and an earlier shadow had."""
    with store.write() as tx:
        record_drafts(tx, 1, registration(1, 1, (2, 1)), new_id=new_id)
    for _twice in range(2):
        with store.shadow() as shadow:
            assert [list(shadow.rows(projection)) for projection in PROJECTIONS] == [[]] * len(
                PROJECTIONS
            )
            assert shadow.get(NODES, (uid(1),)) is None
            assert shadow.dependents(uid(1)) == []
            shadow.put(TOTALS, ("a",), TotalsRow("a", 1, 2, 3, 4, 5, 6))


def test_a_shadow_changes_nothing_by_itself(store: Store, new_id: Callable[[], str]) -> None:
    """What is folded into a shadow that is not swapped is never seen."""
    with store.write() as tx:
        records = record_drafts(tx, 1, registration(1, 1, (2, 1)), new_id=new_id)
    before = _contents(store)
    with store.shadow() as shadow:
        for record in records[:2]:
            project(shadow, record)
        assert [row.node_id for row in _nodes(list(shadow.rows(NODES)))] == [uid(1)]
    assert _contents(store) == before


def test_a_swapped_shadow_is_the_projections(store: Store, new_id: Callable[[], str]) -> None:
    """After the swap the folded rows stand in the old ones' place; the journal is the same."""
    with store.write() as tx:
        for task in (1, 2):
            nodes = registration(task, task * 16, (task * 16 + 1, task * 16))
            record_drafts(tx, task, nodes, new_id=new_id)
        record_drafts(tx, 1, [acquisition(16, NOW), completion(16)], new_id=new_id)
    good = _contents(store)
    with store.write() as tx:
        for row in _nodes(list(tx.rows(NODES))):
            tx.put(NODES, (row.node_id,), None)
        tx.put(TOTALS, ("wrong",), TotalsRow("wrong", 1, 2, 3, 4, 5, 6))
    with store.shadow() as shadow:
        with store.read() as reader:
            for record in reader.journal():
                project(shadow, record)
        shadow.hold()
        shadow.swap()
    assert _contents(store) == good
    with store.read() as reader:
        assert (runnable(reader, 1), runnable(reader, 2)) == (uid(17), uid(32))


def _nodes(rows: list[object]) -> list[NodeRow]:
    return [row for row in rows if isinstance(row, NodeRow)]


def _contents(store: Store) -> list[object]:
    with store.read() as reader:
        rows = [list(reader.rows(projection)) for projection in PROJECTIONS]
        return [list(reader.journal()), *rows]
