"""What a question costs on a larger database, counted in the steps of SQLite's machine."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from agentd.events import (
    EventCommitted,
    LimitClosed,
    LimitSet,
    NodeAdded,
    NodeSettings,
    Rate,
    TaskRegistered,
)
from agentd.journal import Draft
from agentd.projections import GATES, TASK_STATES, GateRow
from agentd.projections.gates import Stage
from agentd.queries.queue import Takeable, hands_out, next_node
from agentd.store import Reader, Store
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.opening import open_for_reading
from agentd.store.sqlite.reader import SqliteReader
from tests.core import NOW, Ids, next_runnable, record_drafts, registration, uid

SIZES = 20, 1_000
Sizes = tuple[apsw.Connection, apsw.Connection]
Question = Callable[[Reader], object]

QUESTIONS: dict[str, Question] = {
    "tasks": lambda reader: reader.tasks("", None, 2),
    "tasks of a prefix": lambda reader: reader.tasks(uid(1), None, 2),
    "runnable tasks": lambda reader: reader.runnable_tasks("", 0, 2),
    "runnable tasks of a prefix": lambda reader: reader.runnable_tasks(uid(2), 0, 2),
    "no runnable node": lambda reader: next_runnable(reader, uid(1)),
    "what was told last": lambda reader: reader.tail(uid(2), 2),
    "what was told before that": lambda reader: reader.tail(uid(2), 2, reader.last_seq()),
    "nothing was told": lambda reader: reader.tail(uid(1), 2),
    "newest events": lambda reader: list(reader.records_without_heartbeats(uid(2), None, 2)),
    "events behind a seq": lambda reader: list(
        reader.records_without_heartbeats(uid(2), reader.last_seq() // 2, 2)
    ),
    "first events": lambda reader: list(reader.records_without_heartbeats(uid(2), 0, 2)),
    "a small task as it was": lambda reader: reader.past(uid(1), reader.last_seq()),
    "what happened to locks": lambda reader: list(reader.records_of_locks(reader.last_seq())),
    "counts": lambda reader: reader.get(TASK_STATES, (uid(2),)),
    "a page of nodes": lambda reader: list(reader.nodes(uid(2), 3, 2)),
    "nodes by their names": lambda reader: reader.nodes_named(uid(2), ["a", "b"]),
    "nothing ready": lambda reader: reader.stretches(uid(1)),
    "leased nodes": lambda reader: reader.leased_nodes(uid(2)),
    "states of tasks": lambda reader: reader.states_of([uid(1), uid(2)]),
    "children": lambda reader: reader.children(uid(1), None, 2),
    "open tasks": lambda reader: reader.open_tasks("k"),
    "overdue tasks": lambda reader: reader.overdue_tasks(0, NOW),
    "next time-out": lambda reader: reader.next_timeout(0),
    "usage": lambda reader: reader.usage("task"),
    "the first runnable node of all": next_runnable,
    "what was told of a node": lambda reader: reader.tail_of_nodes(uid(2), [uid(1)], 2, 10**6),
    "how far to look": lambda reader: (reader.reach(1, 3), reader.reach(1, 3, uid(2))),
    "what of all tasks to look at": lambda reader: list(
        reader.records_of_kinds(5, 9, None, ["NodeAdded"])
    ),
    "what of a task to look at": lambda reader: list(
        reader.records_of_kinds(5, 9, uid(2), ["NodeAdded"])
    ),
    "size of a payload": lambda reader: reader.payload_size(1),
}


def fill(store: Store, size: int) -> None:
    """Tasks without nodes, one with so many runnable nodes and notes, and as many other tasks."""
    new = Ids()
    with store.write() as tx:
        record_drafts(tx, 1, registration(1), new_id=new)
        record_drafts(tx, 2, registration(2, *range(1, size)), new_id=new)
        record_drafts(tx, 2, [Draft(EventCommitted("NOTE"), uid(1))] * size, new_id=new)
        for task in range(3, size):
            record_drafts(tx, task, registration(task, size + task), new_id=new)


def filled(path: Path, fill_with: Callable[[Store, int], None], size: int) -> apsw.Connection:
    """A file with so much in it, as readers get it."""
    with closing(SqliteStore.open(path, NOW)) as store:
        fill_with(store, size)
    return open_for_reading(path)


def two_files(directory: Path, fill_with: Callable[[Store, int], None]) -> Iterator[Sizes]:
    """A small one and a large one, closed in the end."""
    small, large = (filled(directory / f"{size}.db", fill_with, size) for size in SIZES)
    yield small, large
    small.close()
    large.close()


def steps(connection: apsw.Connection, question: Question) -> int:
    """How many steps SQLite's machine takes to answer: https://sqlite.org/opcode.html."""
    counted: list[int] = []

    def count(event: dict[str, Any]) -> None:
        counted.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, count)
    question(SqliteReader(connection))
    connection.trace_v2(0, None)
    assert counted, "the question asked the database nothing"
    return sum(counted)


@pytest.fixture(scope="module")
def two_sizes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sizes]:
    yield from two_files(tmp_path_factory.mktemp("sizes"), fill)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_a_larger_database_costs_no_more(two_sizes: Sizes, question: Question) -> None:
    """Fifty times the tasks, nodes and events are at most a few more looks at an index."""
    small, large = two_sizes
    assert steps(large, question) < 3 * steps(small, question)


# The queue

PLAIN, FULL, UNOFFERED, PAUSED, LIMITS = range(1, 6)
"""Tasks, and the stream of the limits."""

OF_QUEUE: dict[str, Question] = {
    "the first stretch of each demand": lambda reader: list(reader.next_stretches()),
    "a node of any task": next_runnable,
    "a node of any task for who offers labels": lambda reader: next_node(reader, None, ["x"], NOW),
    "a node of a task": lambda reader: next_runnable(reader, uid(PLAIN)),
    "a node of a task whose limit is full": lambda reader: next_runnable(reader, uid(FULL)),
    "a node of a task whose label nobody offers": lambda reader: next_runnable(
        reader, uid(UNOFFERED)
    ),
    "a node of a paused task": lambda reader: next_runnable(reader, uid(PAUSED)),
    "whether a task hands out": lambda reader: hands_out(
        reader, uid(FULL), Takeable(reader, frozenset(), NOW)
    ),
    "tasks that hand out, of those that do not": lambda reader: reader.runnable_tasks("", 0, 9),
    "ready nodes that name a limit": lambda reader: reader.count_ready(
        [stretch.demand for stretch in reader.stretches(uid(FULL))]
    ),
    "what ready nodes demand": lambda reader: reader.demands_in_queue(),
    "known limits": lambda reader: reader.known_limits("", 2),
    "the next opening": lambda reader: reader.next_opening(NOW),
}


def demanding(nodes: range, settings: NodeSettings, *, paused: bool = False) -> list[Draft]:
    """The drafts of a new task whose nodes all have these settings."""
    drafts = [Draft(TaskRegistered("g", len(nodes), paused=paused), payload=b"{}")]
    for position, number in enumerate(nodes):
        added = NodeAdded(position, (), 0, "PENDING", settings=settings)
        drafts.append(Draft(added, uid(number), b"{}"))
    return drafts


def fill_queue(store: Store, size: int) -> None:
    """So many nodes to hand out; before them as many blocked ones, paused tasks, and limits."""
    new = Ids()
    full, unoffered, first = (
        NodeSettings(9, limits=("full",)),
        NodeSettings(9, requires=("gpu",)),
        NodeSettings(9),
    )
    limits = [Draft(LimitSet("full", 0)), Draft(LimitClosed("closed", NOW + 9))]
    limits += [Draft(LimitSet("rated", rate=Rate(1, 1_000)))]
    limits += [Draft(LimitSet(f"limit-{number}", 1)) for number in range(size)]
    with store.write() as tx:
        record_drafts(tx, LIMITS, limits, new_id=new)
        record_drafts(tx, FULL, demanding(range(size), full), new_id=new)
        record_drafts(tx, UNOFFERED, demanding(range(size, 2 * size), unoffered), new_id=new)
        for task in range(size):
            nodes = range(2 * size + task, 2 * size + task + 1)
            paused = demanding(nodes, first, paused=True)
            record_drafts(tx, PAUSED if task == 0 else 10 + task, paused, new_id=new)
        plain = demanding(range(3 * size, 4 * size), NodeSettings())
        record_drafts(tx, PLAIN, plain, new_id=new)


@pytest.fixture(scope="module")
def two_queues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sizes]:
    yield from two_files(tmp_path_factory.mktemp("queues"), fill_queue)


@pytest.mark.parametrize("question", OF_QUEUE.values(), ids=list(OF_QUEUE))
def test_what_is_not_handed_out_costs_nothing(two_queues: Sizes, question: Question) -> None:
    """Paused tasks, nodes behind a full limit or a label that nobody offers, other limits.

    Fifty times as many of each are at most a few more looks at an index.
    """
    small, large = two_queues
    assert steps(large, question) < 3 * steps(small, question)


# Gates

OF_GATES: dict[str, Question] = {
    "open gates": lambda reader: reader.listed_gates("open", None, (NOW, 1), 2),
    "open gates of a task": lambda reader: reader.listed_gates("open", uid(1), (0, 0), 2),
    "decided gates": lambda reader: reader.listed_gates("decided", None, (NOW, 1), 2),
    "gates to open": lambda reader: reader.gates_in(uid(1), "ready"),
    "late gates": lambda reader: reader.overdue_gates(NOW + 1, 2),
    "the next gate that is late": lambda reader: reader.next_gate_timeout(NOW),
}


def fill_gates(store: Store, size: int) -> None:
    """So many gates that were decided, in one task and in others, and as many that are open."""
    with store.write() as tx:
        for number in range(2 * size):
            stage: Stage = "open" if number % 2 else "decided"
            key = uid(1 if number % 3 else number), uid(number)
            row = GateRow(*key, stage, NOW + number, number, NOW + number, 1)
            tx.put(GATES, key, row)


@pytest.fixture(scope="module")
def two_of_gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sizes]:
    yield from two_files(tmp_path_factory.mktemp("gates"), fill_gates)


@pytest.mark.parametrize("question", OF_GATES.values(), ids=list(OF_GATES))
def test_gates_cost_what_is_shown(two_of_gates: Sizes, question: Question) -> None:
    """Fifty times as many gates are at most a few more looks at an index."""
    small, large = two_of_gates
    assert steps(large, question) < 3 * steps(small, question)
