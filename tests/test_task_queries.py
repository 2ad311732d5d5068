"""ListTasks and TaskEvents: what they refuse, and how their pages follow each other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from agentd import queries, replay
from agentd.api import ListTasksParams
from agentd.errors import JournalDamaged
from agentd.projections import TASK_STATES
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.migrate import LATEST
from tests.core import NOW, Core, open_memory, uid
from tests.databases import make_older
from tests.history import TASK, play
from tests.wire.steps import acquire, complete, flat, held, new_id, refusal, register

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Connection, Object

LARGE = 400_000
"""Characters: three of them are more than a page."""

# What is refused


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"limit": 0}, "$.limit"),
        ({"limit": 1001}, "$.limit"),
        ({"limit": "9"}, "$.limit"),
        ({"before": 0}, "$.before"),
        ({"before": 2**53}, "$.before"),
        ({"before": 2**70}, "$.before"),
        ({"runnable": 1}, "$.runnable"),
        ({"prefix": 1}, "$.prefix"),
        ({"prefix": "g"}, '`$.prefix` does not begin a UUID: "g"; expected hexadecimal digits'),
        ({"prefix": " 1"}, "$.prefix"),
        ({"prefix": "1\n"}, r'"1\n"'),
        ({"prefix": "1%"}, "$.prefix"),
        ({"prefix": "-"}, "$.prefix"),
        ({"prefix": "1234-"}, "$.prefix"),
        ({"prefix": "12345678--"}, "$.prefix"),
        ({"prefix": "12345678-12345"}, "$.prefix"),
        ({"prefix": "1" * 33}, "$.prefix"),
        ({"prefix": "1" * 37}, "$.prefix"),
    ],
)
def test_a_list_that_cannot_be(connection: Connection, params: Object, told: str) -> None:
    """Params outside their limits are refused, and the message names the field."""
    refused = refusal(connection, "ListTasks", **params)
    assert (refused.code, refused.kind) == (-32602, "invalid_params")
    assert told in refused.message


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"limit": 0}, "$.limit"),
        ({"limit": 1001}, "$.limit"),
        ({"after": -1}, "$.after"),
        ({"after": 2**53}, "$.after"),
        ({"after": "1"}, "$.after"),
        ({"task_id": "1"}, "$.task_id"),
    ],
)
def test_events_that_cannot_be(connection: Connection, params: Object, told: str) -> None:
    """The same for events."""
    refused = refusal(connection, "TaskEvents", **{"task_id": new_id(), **params})
    assert (refused.code, refused.kind) == (-32602, "invalid_params")
    assert told in refused.message


def test_events_of_a_task_that_is_not_there(connection: Connection) -> None:
    """A task that is not there has no events, and the refusal names it."""
    task_id = new_id()
    refused = refusal(connection, "TaskEvents", task_id=task_id, after=0)
    assert refused.kind == "task_not_found"
    assert task_id in refused.message


# Pages of tasks


def pages(connection: Connection, **params: Any) -> list[list[Object]]:
    """Every page, from the first to the last."""
    found, before = [], None
    while True:
        page = connection.call("ListTasks", before=before, **params)
        found.append(page["tasks"])
        if (before := page["next"]) is None:
            return found


@pytest.mark.parametrize("runnable", [False, True])
def test_pages_follow_each_other(connection: Connection, *, runnable: bool) -> None:
    """Every task is on one page, in the order of the whole list, whatever the pages' length."""
    for _ in range(7):
        register(connection)
    [whole] = pages(connection, runnable=runnable, limit=1000)
    assert len(whole) >= 7
    for limit in (1, 3, len(whole)):
        parts = pages(connection, runnable=runnable, limit=limit)
        assert [task for part in parts for task in part] == whole
        assert all(len(part) == limit for part in parts[:-1])


def test_a_new_task_does_not_move_the_pages(connection: Connection) -> None:
    """Tasks that are registered meanwhile belong to the first page, which was read already."""
    second, first = register(connection), register(connection)
    page = connection.call("ListTasks", limit=1)
    register(connection)
    rest = connection.call("ListTasks", limit=1, before=page["next"])
    assert [page["tasks"][0]["id"], rest["tasks"][0]["id"]] == [first.id, second.id]


def test_the_first_runnable_task_waits_longest(connection: Connection) -> None:
    """A task leaves the runnable ones with its last runnable node, and comes back to its place."""
    first, second = register(connection, {"a": (), "b": ["a"]}), register(connection)

    def runnable() -> list[str]:
        [listed] = pages(connection, runnable=True, limit=1000)
        return [task["id"] for task in listed if task["id"] in (first.id, second.id)]

    assert runnable() == [first.id, second.id]
    acquired = acquire(connection, first)
    assert runnable() == [second.id]
    complete(connection, acquired)
    assert runnable() == [first.id, second.id]


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 13, 20, 36])
def test_a_prefix_in_every_spelling(connection: Connection, length: int) -> None:
    """Upper case or lower case, with dashes or without: the same tasks are meant."""
    task_id = register(connection).id
    prefix = task_id[:length]
    for spelling in (prefix, prefix.upper(), prefix.replace("-", "")):
        [listed] = pages(connection, prefix=spelling, limit=1000)
        ids = [task["id"] for task in listed]
        assert task_id in ids
        assert all(one.startswith(prefix.removesuffix("-")) for one in ids)


def test_large_tasks_share_no_page(connection: Connection) -> None:
    """A page ends where its tasks exceed 1 MiB, and `next` leads on; a single one may exceed it."""
    goals = ["x" * LARGE] * 3 + ["y" * (2**20 - 100)]
    ids = [connection.call("RegisterTask", goal=goal)["task_id"] for goal in goals][::-1]
    found: list[list[str]] = []
    before = None
    for _ in range(3):
        page = connection.call("ListTasks", before=before)
        found.append([task["id"] for task in page["tasks"]])
        before = page["next"]
    assert found[:2] == [ids[:1], ids[1:3]]
    assert found[2][0] == ids[3]


# Pages of events


def test_events_are_followed(connection: Connection) -> None:
    """Whoever goes on from `last_seq` gets every event once, in order, and no heartbeats."""
    task = register(connection, flat(2))
    seen = connection.call("TaskEvents", task_id=task.id)
    kinds = [event["action_type"] for event in seen["events"]]
    assert (kinds, seen["more"]) == (["REGISTER_TASK", "ADD_NODE", "ADD_NODE"], False)
    acquired = acquire(connection, task)
    connection.call("HeartbeatNode", **held(acquired))
    event_id = complete(connection, acquired, {"a": 1.50})
    new = connection.call("TaskEvents", task_id=task.id, after=seen["last_seq"])
    assert [event["action_type"] for event in new["events"]] == ["ACQUIRE_NODE", "COMPLETE_NODE"]
    assert new["events"][1]["id"] == event_id
    assert new["events"][1]["payload"] == {"result": {"a": 1.5}}
    assert new["last_seq"] == new["events"][1]["seq"] > seen["last_seq"]
    none = connection.call("TaskEvents", task_id=task.id, after=new["last_seq"])
    assert none == {"events": [], "last_seq": new["last_seq"], "more": False}


def test_events_are_those_of_the_context(connection: Connection) -> None:
    """What an acquired context tells is here as it is there, with its seq, among all others."""
    task = register(connection, flat(2))
    complete(connection, acquire(connection, task), "done")
    context = acquire(connection, task)["context"]
    told = connection.call("TaskEvents", task_id=task.id)["events"]
    assert len(told) == 6
    assert [
        {**event, "seq": None} for event in told if event["action_type"] == "COMPLETE_NODE"
    ] == [{**event, "seq": None, "by_client": False} for event in context["event_journal"]]
    seqs = [event["seq"] for event in told]
    assert seqs == sorted(set(seqs))


def test_large_events_share_no_page(connection: Connection) -> None:
    """The newest events may be more than a page: it begins with the oldest, and `more` leads on."""
    task = register(connection)
    node = {"task_id": task.id, "node_id": task.nodes["a"]}
    for number in range(4):
        connection.call("CommitEvent", **node, action_type=str(number), payload="x" * LARGE)
    found: list[list[str]] = []
    page: Object = {"more": True, "last_seq": None}
    while page["more"]:
        page = connection.call("TaskEvents", task_id=task.id, limit=3, after=page["last_seq"])
        found.append([event["action_type"] for event in page["events"]])
    assert found == [["1", "2"], ["3"]]


# Databases of an earlier agentd, and damaged ones


def test_an_older_database_is_counted(tmp_path: Path) -> None:
    """Where the counts were not kept yet, they are made from the nodes, once."""
    path = tmp_path / "state.db"
    core = Core(SqliteStore.open(path, NOW))
    play(core)
    core.do("RegisterTask", goal="no nodes")
    tasks, counts = core.do("ListTasks"), rows(core)
    core.store.close()
    assert make_older(path, 3) < LATEST
    core.store = SqliteStore.open(path, NOW)
    assert (core.do("ListTasks"), rows(core)) == (tasks, counts)
    [free] = core.do("ListTasks", runnable=True)["tasks"]
    assert core.hold(free["id"]).node_id == uid(11)
    core.store.close()


def test_an_older_database_goes_on(tmp_path: Path) -> None:
    """Nothing holds its tasks; they are cancelled like others, and a request is known as ever."""
    path = tmp_path / "state.db"
    core = Core(SqliteStore.open(path, NOW))
    play(core)
    asked = {"task_id": TASK, "node_id": uid(1), "payload": 1, "request_id": uid(500)}
    answer = core.do("CommitEvent", **asked)
    tasks, status = core.do("ListTasks"), core.do("TaskStatus", task_id=TASK)
    core.store.close()
    assert make_older(path, 6) < LATEST
    core.store = SqliteStore.open(path, NOW)
    assert (core.do("ListTasks"), core.do("TaskStatus", task_id=TASK)) == (tasks, status)
    assert core.do("CommitEvent", **asked) == answer
    core.do("CancelTask", task_id=TASK)
    assert list(replay.check(core.store, lambda _seq: None)) == []
    core.store.close()


def rows(core: Core) -> list[Any]:
    """Every task's counts."""
    with core.store.read() as reader:
        return list(reader.rows(TASK_STATES))


def test_an_older_database_forgets_idle_polls(tmp_path: Path) -> None:
    """An acquisition that found nothing was remembered once; its repeat is a new try now."""
    path = tmp_path / "state.db"
    SqliteStore.open(path, NOW).close()
    make_older(path, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO requests VALUES (1, 'idle', x'00', 0, 50, 1)")
        connection.execute("INSERT INTO requests VALUES (2, 'busy', x'00', 9, 50, 1)")
    store = SqliteStore.open(path, NOW)
    with store.read() as reader:
        assert reader.answered_request("idle") is None
        assert reader.answered_request("busy") is not None
    store.close()


def test_counts_that_are_gone_are_damage(tmp_path: Path) -> None:
    """A task without its counts is never shown as one without nodes."""
    core = Core(open_memory(tmp_path))
    task_id = core.register({})
    with core.store.write() as tx:
        tx.put(TASK_STATES, (task_id,), None)
    with pytest.raises(JournalDamaged, match=task_id), core.store.read() as reader:
        queries.list_tasks(reader, ListTasksParams(), NOW)
