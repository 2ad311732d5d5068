"""The live model says what the daemon says, also where no event tells, or one tells too late."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
from msgspec import Raw

from agentd import AsyncClient
from agentd.api import RecordedEventView
from agentd.live import Board, Change, Feed, TaskNodes
from agentd.live.board import _SECONDS
from agentd.live.node_row import NodeRow, last_word
from tests.daemon_process import Connection, DaemonProcess
from tests.test_live import as_said, as_shown, catch_up, register

MOMENT = "2026-01-01T00:00:00.000Z"


def follow(
    daemon: DaemonProcess, task: str, play: Callable[[AsyncClient, TaskNodes], Awaitable[None]]
) -> None:
    """Play with a model of the task."""

    async def run() -> None:
        async with AsyncClient(daemon.socket_path) as client:
            nodes = TaskNodes(client, task)
            await nodes.update(Change([], 0, is_new=True))
            await play(client, nodes)

    asyncio.run(run())


def test_an_attempt_counts_once(shared: DaemonProcess, connection: Connection) -> None:
    """What was read may know an event already of which it is told afterwards, of any large task."""
    task = register(connection, nodes=[{} for _ in range(1_100)])

    async def play(client: AsyncClient, nodes: TaskNodes) -> None:
        place = (await client.watch_events(limit=1)).last_seq
        await client.acquire_next_node(task)
        await nodes.read()
        place = await catch_up(client, nodes, place)
        await catch_up(client, nodes, place)
        assert as_shown(nodes) == as_said(await client.task_status(task))

    follow(shared, task, play)


def first(nodes: TaskNodes) -> NodeRow:
    """The first node."""
    return next(iter(nodes.nodes.values()))


def test_a_moment_that_has_come(
    shared: DaemonProcess, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that waited for a moment is runnable when that has come, though nothing happens."""
    monkeypatch.setattr("agentd.live.task_nodes._LOOK", 0.0)
    task = register(connection, nodes=[{}])

    async def play(_client: AsyncClient, nodes: TaskNodes) -> None:
        row = first(nodes)
        row.not_before, row.blocked_by, row.state = 1.0, ["not_before"], "PENDING"
        await nodes.update(Change([], 0))
        assert (first(nodes).state, first(nodes).not_before) == ("runnable", None)

    follow(shared, task, play)


def test_a_limit_that_opened_by_itself(
    shared: DaemonProcess, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed limit opens, and a rate lets more through, without an event."""
    task = register(connection, nodes=[{}])

    async def play(_client: AsyncClient, nodes: TaskNodes) -> None:
        row = first(nodes)
        row.blocked_by, row.state = ["limit_closed"], "PENDING"
        await nodes.update(Change([], 0))
        assert first(nodes).state == "PENDING"  # not at once: it is asked now and then
        monkeypatch.setattr("agentd.live.task_nodes._AGAIN", 0.0)
        await nodes.update(Change([], 0))
        assert first(nodes).state == "runnable"

    follow(shared, task, play)


def test_a_large_task_that_another_holds_back(
    shared: DaemonProcess, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many nodes too it is seen at last that a limit which others filled holds them back."""
    connection.call("SetLimit", name="of-many", max_running=1)
    other = register(connection, nodes=[{"limits": ["of-many"]}])
    task = register(connection, nodes=[{"limits": ["of-many"]} for _ in range(1_001)])

    async def play(client: AsyncClient, nodes: TaskNodes) -> None:
        place = (await client.watch_events(limit=1)).last_seq
        await client.acquire_next_node(other)
        place = await catch_up(client, nodes, place)
        await nodes.update(Change([], place))
        monkeypatch.setattr("agentd.live.task_nodes._LARGE_AGAIN", 0.0)
        await nodes.update(Change([], place))
        assert as_shown(nodes) == as_said(await client.task_status(task))
        assert {row.state for row in nodes.nodes.values()} == {"PENDING"}

    follow(shared, task, play)


def test_words_that_are_nested_as_deeply_as_can_be() -> None:
    """What can just be decoded may be too deep to be written: it ends no view."""
    for depth in range(800, 1100):
        said = Raw(b"[" * depth + b"]" * depth)
        event = RecordedEventView("id", "task", "node", "SAY", said, MOMENT, 1, by_client=True)
        assert last_word(event) is None or last_word(event) in ("…", ("[" * depth)[:200])


def test_another_database(daemon: DaemonProcess) -> None:
    """A daemon that is back with other data is noticed, however long its journal is by then."""

    async def run() -> None:
        async with (
            AsyncClient(daemon.socket_path) as client,
            aclosing(Feed(client).changes()) as changes,
        ):
            before = await anext(changes)
            daemon.kill()
            for file in daemon.home.glob("agent_state.db*"):
                file.unlink()
            daemon.start()
            with daemon.connect() as connection:
                register(connection, nodes=[{}] * 50)
            change = await anext(changes)
            while change.away is not None:
                change = await anext(changes)
            assert (change.is_new, change.events) == (True, [])
            assert change.last_seq > before.last_seq

    with daemon.connect() as connection:
        register(connection)
    asyncio.run(run())


def test_what_changes_without_an_event(
    shared: DaemonProcess, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for work is seen, and a limit that opened by itself waits for nobody any more."""
    register(connection, nodes=[{"limits": ["brief"]}])
    connection.call("CloseLimit", name="brief", for_secs=600)

    async def run() -> None:
        async with AsyncClient(shared.socket_path) as client:
            board = Board(client)
            await board.update(Change([], 0, is_new=True))
            assert any(each.name == "brief" for each in board.waiting)
            await client.close_limit("brief", until=time.time() - 1)
            board.workers = []
            assert not await board.update(Change([], 0))
            monkeypatch.setattr("agentd.live.board._AGAIN", -1.0)
            monkeypatch.setattr("agentd.live.board._SECONDS", dict.fromkeys(_SECONDS, 0.0))
            changed = await board.update(Change([], 0))
            assert {"waiting", "limits", "workers"} <= changed
            assert not any(each.name == "brief" for each in board.waiting)

    register(connection, nodes=[{}])
    connection.call("AcquireNextNode", lease_owner="somebody")
    asyncio.run(run())
