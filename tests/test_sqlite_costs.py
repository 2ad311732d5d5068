"""What a question costs on a larger database, counted in the steps of SQLite's machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from agentd.events import EventCommitted
from agentd.journal import Draft
from agentd.projections import TASK_STATES
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.opening import open_for_reading
from agentd.store.sqlite.reader import SqliteReader
from tests.core import NOW, Ids, record_drafts, registration, uid

Sizes = tuple[apsw.Connection, apsw.Connection]

QUESTIONS: dict[str, Callable[[SqliteReader], object]] = {
    "tasks": lambda reader: reader.tasks("", None, 2),
    "tasks of a prefix": lambda reader: reader.tasks(uid(1), None, 2),
    "runnable tasks": lambda reader: reader.runnable_tasks("", 0, 2),
    "runnable tasks of a prefix": lambda reader: reader.runnable_tasks(uid(2), 0, 2),
    "no runnable node": lambda reader: reader.next_runnable(uid(1)),
    "what was told last": lambda reader: reader.tail(uid(2), 2),
    "what was told before that": lambda reader: reader.tail(uid(2), 2, reader.last_seq()),
    "nothing was told": lambda reader: reader.tail(uid(1), 2),
    "newest events": lambda reader: list(reader.records_without_heartbeats(uid(2), None, 2)),
    "events behind a seq": lambda reader: list(
        reader.records_without_heartbeats(uid(2), reader.last_seq() // 2, 2)
    ),
    "first events": lambda reader: list(reader.records_without_heartbeats(uid(2), 0, 2)),
    "counts": lambda reader: reader.get(TASK_STATES, (uid(2),)),
    "a page of nodes": lambda reader: list(reader.nodes(uid(2), 3, 2)),
    "nothing ready": lambda reader: reader.has_ready(uid(1)),
    "leased nodes": lambda reader: reader.leased_nodes(uid(2)),
    "children": lambda reader: reader.children(uid(1), None, 2),
    "open tasks": lambda reader: reader.open_tasks("k"),
    "overdue tasks": lambda reader: reader.overdue_tasks(0, NOW),
    "next time-out": lambda reader: reader.next_timeout(0),
    "usage": lambda reader: reader.usage("task"),
    "the first runnable node of all": lambda reader: reader.next_runnable(),
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


def database(directory: Path, size: int) -> apsw.Connection:
    """Tasks without nodes, one with so many runnable nodes and notes, and as many other tasks."""
    store = SqliteStore.open(directory / f"{size}.db", NOW)
    new = Ids()
    with store.write() as tx:
        record_drafts(tx, 1, registration(1), new_id=new)
        record_drafts(tx, 2, registration(2, *range(1, size)), new_id=new)
        record_drafts(tx, 2, [Draft(EventCommitted("NOTE"), uid(1))] * size, new_id=new)
        for task in range(3, size):
            record_drafts(tx, task, registration(task, size + task), new_id=new)
    store.close()
    return open_for_reading(directory / f"{size}.db")


def steps(connection: apsw.Connection, question: Callable[[SqliteReader], object]) -> int:
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
    directory = tmp_path_factory.mktemp("sizes")
    small, large = database(directory, 20), database(directory, 1_000)
    yield small, large
    small.close()
    large.close()


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_a_larger_database_costs_no_more(
    two_sizes: Sizes, question: Callable[[SqliteReader], object]
) -> None:
    """Fifty times the tasks, nodes and events are at most a few more looks at an index."""
    small, large = two_sizes
    assert steps(large, question) < 3 * steps(small, question)
