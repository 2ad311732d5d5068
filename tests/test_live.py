"""The live model behind the views: what it shows is what the daemon says, event by event."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient
from agentd.api import RecordedEventView, TaskStatusResult
from agentd.errors import TaskNotFound
from agentd.live import (
    SPAN_KINDS,
    Board,
    Change,
    Feed,
    TaskNodes,
    attempt_spans,
    by_attention,
    silent_secs,
)
from agentd.states import node_states
from tests.daemon_process import PATIENCE_SECONDS

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess

NODES: list[dict[str, Any]] = [
    {"name": "a"},
    {"name": "b", "dependencies": ["a"], "retry": {"max_attempts": 2, "backoff_secs": 0}},
    {"name": "c", "dependencies": ["a"], "on_failure": "continue"},
    {"name": "ask", "dependencies": ["a"], "gate": {"ask": "Go on?"}},
    {"name": "d", "dependencies": ["b", "c"]},
    {"name": "e", "dependencies": ["ask", "d"], "limits": ["few"]},
    {"name": "f", "limits": ["few"]},
    {"name": "g", "dependencies": ["f"]},
]


def register(connection: Connection, goal: str = "g", nodes: Any = NODES, **more: Any) -> str:
    """The id of a new task."""
    made = connection.call("RegisterTask", goal=goal, initial_nodes=nodes, **more)
    return str(made["task_id"])


class Random:
    """Does anything that a client may do to one task; what is refused changes nothing."""

    def __init__(self, connection: Connection, task: str, seed: int) -> None:
        self._connection, self._task = connection, task
        self._chance = random.Random(seed)
        self._held: list[dict[str, Any]] = []
        self._names = [str(node["name"]) for node in NODES]

    def step(self) -> None:
        """One thing more."""
        steps: list[Callable[[], Any]] = [
            self._acquire,
            self._acquire,
            self._acquire,
            lambda: self._end("CompleteNode"),
            lambda: self._end("CompleteNode"),
            lambda: self._end("FailNode", error_payload={"error": "no"}),
            lambda: self._end("ReleaseNode", reason="quota"),
            lambda: self._about("RetryNode"),
            lambda: self._about("UpdateNode", priority=self._chance.randint(-9, 9)),
            lambda: self._about("DecideGate", decision=self._chance.choice(["approve", "reject"])),
            lambda: self._call("PauseTask"),
            lambda: self._call("ResumeTask"),
            lambda: self._call("ResumeTask"),
            self._add,
            self._commit,
        ]
        self._chance.choice(steps)()

    def _call(self, method: str, **params: Any) -> Any:
        try:
            return self._connection.call(method, task_id=self._task, **params)
        except Exception as error:
            if type(error).__name__ != "Refused":
                raise
            return None

    def _acquire(self) -> None:
        owner = self._chance.choice(["ann", "bob"])
        if found := self._call("AcquireNextNode", lease_owner=owner):
            self._held.append({"node_id": found["node_id"], "lease_id": found["lease_id"]})

    def _end(self, method: str, **more: Any) -> None:
        if self._held:
            self._call(method, **self._held.pop(), **more)

    def _about(self, method: str, **more: Any) -> None:
        self._call(method, node_id=self._chance.choice(self._names), **more)

    def _add(self) -> None:
        name = f"n{len(self._names)}"
        needs = self._chance.choice(self._names)
        if self._call("AddNodes", nodes=[{"name": name, "dependencies": [needs]}]):
            self._names.append(name)

    def _commit(self) -> None:
        if self._held:
            self._call("CommitEvent", **self._held[-1], payload={"message": "at it"})


def as_said(status: TaskStatusResult) -> dict[str, Any]:
    """What TaskStatus says, in the words of rows."""
    states = node_states(status.nodes)
    return {
        node.id: (
            node.name,
            node.status,
            states[node.id].word,
            node.lease_owner,
            node.attempt,
            node.priority,
            sorted(node.dependencies),
        )
        for node in status.nodes
    }


def as_shown(nodes: TaskNodes) -> dict[str, Any]:
    """The same of a live model."""
    return {
        row.id: (
            row.name,
            row.status,
            row.state,
            row.owner,
            row.attempt,
            row.priority,
            sorted(row.dependencies),
        )
        for row in nodes.nodes.values()
    }


async def catch_up(client: AsyncClient, nodes: TaskNodes, place: int) -> int:
    """Tell the model what happened behind a place; the new place."""
    page = await client.watch_events(after_seq=place, limit=1000)
    await nodes.update(Change(page.events, page.last_seq))
    return page.last_seq


@pytest.mark.parametrize("seed", range(6))
def test_a_task_is_shown_as_its_status_says(shared: DaemonProcess, seed: int) -> None:
    """After any history, folded event by event, rows, state, counts and usage are TaskStatus'."""

    async def follow() -> None:
        async with AsyncClient(shared.socket_path) as client:
            nodes = TaskNodes(client, task)
            await nodes.update(Change([], 0, is_new=True))
            place = (await client.watch_events(limit=1)).last_seq
            for _ in range(25):
                for _ in range(4):
                    does.step()
                place = await catch_up(client, nodes, place)
                said = await client.task_status(task)
                assert as_shown(nodes) == as_said(said)
                assert (nodes.state, nodes.counts, nodes.usage) == (
                    said.state,
                    said.counts,
                    said.usage,
                )

    with shared.connect() as connection:
        connection.call("SetLimit", name="few", max_running=100)
        task = register(connection)
        does = Random(connection, task, seed)
        asyncio.run(follow())


def test_what_is_told_by_no_event_of_its_own(shared: DaemonProcess) -> None:
    """A limit that fills up keeps nodes of other tasks back: seen when nothing happens any more."""

    async def follow() -> None:
        async with AsyncClient(shared.socket_path) as client:
            nodes = TaskNodes(client, waits)
            await nodes.update(Change([], 0, is_new=True))
            assert [row.state for row in nodes.nodes.values()] == ["runnable"]
            place = (await client.watch_events(limit=1)).last_seq
            assert await client.acquire_next_node(takes)
            place = await catch_up(client, nodes, place)
            await nodes.update(Change([], place))
            assert [row.state for row in nodes.nodes.values()] == ["PENDING"]

    with shared.connect() as connection:
        connection.call("SetLimit", name="one", max_running=1)
        takes, waits = (register(connection, nodes=[{"limits": ["one"]}]) for _ in range(2))
        asyncio.run(follow())


def test_only_what_changed_is_named(shared: DaemonProcess) -> None:
    """An update says which rows to paint anew: the node, and those whose state follows from it."""

    async def follow() -> None:
        async with AsyncClient(shared.socket_path) as client:
            nodes = TaskNodes(client, task)
            await nodes.update(Change([], 0, is_new=True))
            names = {row.id: row.name for row in nodes.nodes.values()}
            place = (await client.watch_events(limit=1)).last_seq
            lease = await client.acquire_next_node(task)
            assert lease is not None
            await client.complete_node(task, lease.node_id, lease.lease_id)
            page = await client.watch_events(after_seq=place, limit=1000)
            changed = await nodes.update(Change(page.events, page.last_seq))
            assert {names[each] for each in changed} == {"a", "b"}

    with shared.connect() as connection:
        chain = [{"name": "a"}, *({"name": n, "dependencies": [d]} for n, d in ("ba", "cb", "dc"))]
        task = register(connection, nodes=chain)
        asyncio.run(follow())


def test_events_that_were_read_before_they_are_told(shared: DaemonProcess) -> None:
    """What happens between a change and the reading that follows it counts once."""

    async def follow() -> None:
        async with AsyncClient(shared.socket_path) as client:
            nodes = TaskNodes(client, task)
            place = (await client.watch_events(limit=1)).last_seq
            for _ in range(3):
                lease = await client.acquire_next_node(task)
                assert lease is not None
                await client.release_node(task, lease.node_id, lease.lease_id)
            await nodes.update(Change([], place, is_new=True))
            page = await client.watch_events(after_seq=place, limit=3)
            await nodes.update(Change(page.events, page.last_seq))
            await catch_up(client, nodes, page.last_seq)
            assert as_shown(nodes) == as_said(await client.task_status(task))

    with shared.connect() as connection:
        task = register(connection, nodes=[{}])
        asyncio.run(follow())


def test_a_task_of_several_pages(shared: DaemonProcess) -> None:
    """All nodes are there, in the order of their registration; a failure is asked for."""

    async def follow() -> None:
        async with AsyncClient(shared.socket_path) as client:
            nodes = TaskNodes(client, task)
            await nodes.update(Change([], 0, is_new=True))
            assert [row.name for row in nodes.nodes.values()] == [f"n{i}" for i in range(2_100)]
            place = (await client.watch_events(limit=1)).last_seq
            lease = await client.acquire_next_node(task)
            assert lease is not None
            await client.fail_node(task, lease.node_id, lease.lease_id, {"message": "no disk"})
            place = await catch_up(client, nodes, place)
            first = next(iter(nodes.nodes.values()))
            assert (first.status, first.last_word) == ("FAILED", "no disk")
            nodes.nodes[lease.node_id].status = "PENDING"  # as if an event had been missed
            await catch_up(client, nodes, place)
            assert as_shown(nodes) == as_said(await client.task_status(task))

    with shared.connect() as connection:
        task = register(connection, nodes=[{"name": f"n{i}"} for i in range(2_100)])
        asyncio.run(follow())


def test_the_last_word_of_who_hangs(shared: DaemonProcess) -> None:
    """What a silent agent said is found, and when, however much others have said since."""

    async def follow() -> None:
        async with AsyncClient(shared.socket_path) as client:
            hung, busy = [await client.acquire_next_node(task) for _ in range(2)]
            assert hung is not None
            assert busy is not None
            await client.commit_event(
                task, hung.node_id, lease_id=hung.lease_id, payload={"message": "hm"}
            )
            for number in range(150):
                said = {"message": f"step {number}"}
                await client.commit_event(task, busy.node_id, lease_id=busy.lease_id, payload=said)
            nodes = TaskNodes(client, task)
            await nodes.read()
            row = nodes.nodes[hung.node_id]
            assert row.last_word == "hm"
            assert row.said_at is not None
            assert silent_secs(row, row.said_at + 59) is None
            assert silent_secs(row, row.said_at + 60) == 60
            await client.complete_node(task, hung.node_id, hung.lease_id)
            await nodes.read()
            assert silent_secs(nodes.nodes[hung.node_id], row.said_at + 60) is None
            assert [each.state for each in by_attention(nodes.nodes.values())] == [
                "RUNNING",
                "runnable",
                "COMPLETED",
            ]

    with shared.connect() as connection:
        task = register(connection, nodes=[{}, {}, {}])
        asyncio.run(follow())


def test_no_such_task(shared: DaemonProcess) -> None:
    """Reading it says so, as the daemon does."""

    async def read() -> None:
        async with AsyncClient(shared.socket_path) as client:
            await TaskNodes(client, "01a22487-0000-7000-8000-000000000000").read()

    with pytest.raises(TaskNotFound):
        asyncio.run(read())


async def until(
    changes: AsyncIterator[Change], fits: Callable[[Change], bool]
) -> tuple[Change, list[RecordedEventView]]:
    """The first change that fits, and all events up to it."""
    seen: list[RecordedEventView] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for change in changes:
            seen += change.events
            if fits(change):
                return change, seen
    raise AssertionError("it ended")


def test_the_feed_across_a_restart(daemon: DaemonProcess) -> None:
    """Events come once and in order; a daemon that is away is told, and new is what is then."""

    async def follow() -> None:
        async with (
            AsyncClient(daemon.socket_path) as client,
            aclosing(Feed(client).changes()) as changes,
        ):
            first = await anext(changes)
            assert first.is_new
            with daemon.connect() as connection:
                for _ in range(3):
                    register(connection)
                last = connection.call("WatchEvents")["last_seq"]
            _, seen = await until(changes, lambda change: change.last_seq == last)
            assert [event.seq for event in seen] == list(range(first.last_seq + 1, last + 1))
            await asyncio.to_thread(daemon.kill)
            await until(changes, lambda change: change.away is not None)
            await asyncio.to_thread(daemon.start)
            back, _ = await until(changes, lambda change: change.away is None)
            assert (back.is_new, back.last_seq) == (True, last)

    asyncio.run(follow())


def test_a_viewer_that_fell_far_behind(daemon: DaemonProcess) -> None:
    """Is told that all is new, in the place of a hundred pages."""

    async def follow() -> None:
        async with (
            AsyncClient(daemon.socket_path) as client,
            aclosing(Feed(client).changes()) as changes,
        ):
            await until(changes, lambda change: change.is_new)
            with daemon.connect() as connection:
                for _ in range(7):
                    register(connection, nodes=[{}] * 1000)
                last = connection.call("WatchEvents")["last_seq"]
            behind = await anext(changes)
            assert (behind.is_new, behind.last_seq, behind.events) == (True, last, [])

    asyncio.run(follow())


FLOOD = 500
"""Nodes of a registration: more events than anybody follows."""


class Viewer:
    """A task and the overview, as they are looked at."""

    def __init__(self, client: AsyncClient, changes: AsyncIterator[Change], task: str) -> None:
        self._changes = changes
        self.nodes, self.board = TaskNodes(client, task), Board(client)

    async def look(self) -> Change:
        """Take the next change."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            change = await anext(self._changes)
            await self.nodes.update(change)
            await self.board.update(change)
        return change


def test_a_flood_is_told_by_its_newest(daemon: DaemonProcess) -> None:
    """What is left out is asked for: the task that is shown, and the overview, are as they are."""

    async def follow() -> None:
        feed = Feed(AsyncClient(daemon.socket_path), leaves_out=True)
        async with AsyncClient(daemon.socket_path) as client, aclosing(feed.changes()) as changes:
            viewer = Viewer(client, changes, task)
            await viewer.look()
            flood()
            assert len((await viewer.look()).events) > FLOOD
            work(connection, task)
            flood()
            cut = await viewer.look()
            assert (cut.is_cut, len(cut.events)) == (True, 100)
            assert as_shown(viewer.nodes) == as_said(await client.task_status(task))
            while not viewer.board.tasks[-1].per_minute:
                cut = await viewer.look()
            assert not cut.is_cut
            newest, *_, own = viewer.board.tasks
            assert (newest.goal, newest.counts) == ("flood", {"PENDING": FLOOD})
            assert (own.counts, own.per_minute) == ({"COMPLETED": 1, "PENDING": 1}, 1)

    def flood() -> None:
        register(connection, "flood", [{}] * FLOOD)

    with daemon.connect() as connection:
        task = register(connection, nodes=[{"name": "a"}, {"name": "b"}])
        asyncio.run(follow())


def work(connection: Connection, task: str) -> None:
    """Have a node completed."""
    held = connection.call("AcquireNextNode", task_id=task)
    ids = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
    connection.call("CompleteNode", **ids)


def have_one_of_each(connection: Connection) -> None:
    """A task at work, a closed limit, a lock."""
    task = register(connection, "newer", [{}, {}], labels={"of": "us"})
    work = connection.call("AcquireNextNode", task_id=task, lease_owner="ann")
    ids = {name: work[name] for name in ("task_id", "node_id", "lease_id")}
    connection.call("CompleteNode", **ids, usage={"usd": 2})
    connection.call("SetLimit", name="few", max_running=1)
    connection.call("CloseLimit", name="few", for_secs=900)
    connection.call("AcquireResourceLock", resource_key="file:a", owner="ann")


def test_the_overview(daemon: DaemonProcess) -> None:
    """Tasks, limits, locks, workers and the inbox, each as its own question answers it."""

    async def follow() -> None:
        async with (
            AsyncClient(daemon.socket_path) as client,
            aclosing(Feed(client).changes()) as changes,
        ):
            board = Board(client)

            async def until_it_says(what: Callable[[], bool]) -> None:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not what():
                        await board.update(await anext(changes))

            await board.update(await anext(changes))
            assert [row.goal for row in board.tasks] == ["older"]
            with daemon.connect() as connection:
                have_one_of_each(connection)
            await until_it_says(lambda: len(board.tasks) == 2 and board.tasks[0].per_minute == 1)
            newest = board.tasks[0]
            assert (newest.goal, newest.counts) == ("newer", {"COMPLETED": 1, "PENDING": 1})
            assert (newest.usage, newest.labels, newest.runnable) == (
                {"usd": 2},
                {"of": "us"},
                True,
            )
            await until_it_says(lambda: [lock.owner for lock in board.locks] == ["ann"])
            await until_it_says(lambda: [limit.name for limit in board.limits] == ["few"])
            await until_it_says(lambda: [worker.owner for worker in board.workers] == ["ann"])
            await until_it_says(lambda: [each.kind for each in board.waiting] == ["limit"])

    with daemon.connect() as connection:
        register(connection, "older")
    asyncio.run(follow())


def test_who_worked_when(shared: DaemonProcess) -> None:
    """Attempts by their events: owner, number, how each ended; the last one goes on."""
    with shared.connect() as connection:
        task = register(connection, nodes=[{"retry": {"max_attempts": 9, "backoff_secs": 0}}])
        for method, more in (("FailNode", {}), ("ReleaseNode", {"reason": "tired"}), (None, {})):
            work = connection.call("AcquireNextNode", task_id=task, lease_owner="ann")
            ids = {name: work[name] for name in ("task_id", "node_id", "lease_id")}
            connection.call("CommitEvent", **ids, action_type="COMPLETE_NODE")  # only a name
            if method is not None:
                connection.call(method, **ids, **more)

    async def events() -> list[RecordedEventView]:
        async with AsyncClient(shared.socket_path) as client:
            page = await client.watch_events(
                after_seq=0, task_id=task, kinds=SPAN_KINDS, limit=1000
            )
            return page.events

    spans = attempt_spans(asyncio.run(events()))
    assert [(each.attempt, each.owner, each.how) for each in spans] == [
        (1, "ann", "failed"),
        (2, "ann", "released"),
        (3, "ann", None),
    ]
    assert all(each.end is not None and each.begin <= each.end for each in spans[:2])
    assert spans[2].end is None
