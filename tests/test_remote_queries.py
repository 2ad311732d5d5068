"""Queries of a database on a server: who waits for it, and who is told that it is gone."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from agentd.api import (
    HealthParams,
    ListTasksParams,
    MetricsParams,
    TaskStatusParams,
    WatchEventsParams,
)
from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.clock import ServerClock
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.counters import new_counters
from agentd.daemon.database_server import DatabaseServer
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.grace import Grace
from agentd.daemon.remote_queries import RemoteQueries
from agentd.errors import DatabaseGone, StorageError
from agentd.methods import BY_NAME, Command
from agentd.status_stream import TaskStatusStream
from tests.core import EVENT_LIMIT, LEASE_MS, NOW, Core
from tests.remote_store import SECONDS, RemoteStore
from tests.test_writer import until

LONG = 3_600.0
SHORT = 0.05

UNTIL_IT_HANGS = 1.0
"""Seconds of a request; by then its thread has begun, on a busy machine as well."""


class Client:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.line = b""
        self.done = asyncio.Event()
        self.broken_off = self.refused = False
        self.rest: TaskStatusStream | None = None

    def take_piece(self, piece: bytes, rest: TaskStatusStream | None) -> None:
        self.line += piece
        self.rest = rest
        self.done.set()

    def take_prepared(self, command: Command) -> None:
        pytest.fail(f"{command} is no answer")

    def hold_nothing(self) -> None:
        """Its query waits for events."""

    def break_off(self) -> None:
        self.broken_off = True
        self.done.set()

    def refuse(self, _why: StorageError | None = None) -> None:
        self.refused = True
        self.done.set()

    async def answer(self) -> Any:
        """What it is told, an error being an answer too."""
        await self.done.wait()
        decoded = msgspec.json.decode(self.line)
        return decoded.get("result") or decoded["error"]


class Scene:
    """Queries on a server's database with one task; requests wait for it so many seconds."""

    def __init__(self, wait_secs: float) -> None:
        clock = ServerClock()
        clock.note_moment(NOW)
        self.store = RemoteStore()
        self.task = Core(self.store).register({})
        grace = Grace(NOW, LEASE_MS)
        contexts = ContextFactory(clock, grace, new_counters(), LEASE_MS, EVENT_LIMIT)
        self.server = DatabaseServer(clock.now, grace, wait_secs)
        waiters = EventWaiters(0, new_counters())
        self.waiters = waiters
        memory = AnswerMemory(lambda: None)
        self.queries = RemoteQueries(self.store, contexts, memory, waiters, self.server)

    def ask(self, method: str, client: Client | None = None) -> Client:
        """Somebody asks."""
        params = {
            "Health": HealthParams(),
            "Metrics": MetricsParams(),
            "ListTasks": ListTasksParams(),
            "TaskStatus": TaskStatusParams(task_id=self.task),
            "WatchEvents": WatchEventsParams(after_seq=100, wait_secs=30),
        }[method]
        client = client or Client()
        self.queries.submit(BY_NAME[method], params, b"7", client)
        return client


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other soon."""
    monkeypatch.setattr("agentd.daemon.database_server.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("agentd.daemon.database_server.LONGEST_PAUSE_SECONDS", 0.002)


def play(acts: Callable[[Scene], Awaitable[None]], wait_secs: float = LONG) -> Scene:
    """Play a scene on a loop of its own."""
    scenes: list[Scene] = []

    async def run() -> None:
        scenes.append(scene := Scene(wait_secs))
        try:
            await asyncio.wait_for(acts(scene), SECONDS)
        finally:
            scene.store.answer()
            scene.queries.close()

    asyncio.run(run())
    return scenes[0]


@pytest.mark.parametrize("method", ["Metrics", "ListTasks", "TaskStatus"])
def test_a_query_waits_for_a_server_that_is_gone(method: str) -> None:
    """It is tried again, without a thread of its own meanwhile, and answered when that is back."""

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        client = scene.ask(method)
        await until(lambda: scene.server.fault is not None)
        others = [scene.ask(method) for _ in range(5)]
        assert not client.done.is_set()
        scene.store.is_gone = False
        for each in (client, *others):
            assert "kind" not in (await each.answer()).get("data", {})
        assert scene.server.fault is None

    play(acts)


@pytest.mark.parametrize("method", ["Metrics", "ListTasks", "WatchEvents"])
def test_a_query_that_has_waited_long_enough(method: str) -> None:
    """It is refused, and waits for nothing any more."""

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        client = scene.ask(method)
        error = await client.answer()
        assert error["data"]["kind"] == "storage_error"
        assert client not in scene.waiters

    play(acts, SHORT)


@pytest.mark.parametrize("method", ["Metrics", "ListTasks"])
def test_a_query_that_hangs(method: str) -> None:
    """At the end of its time it is refused and interrupted, and its thread is free again."""

    async def acts(scene: Scene) -> None:
        scene.store.stall("read")
        client = scene.ask(method)
        assert "does not answer" in (await client.answer())["message"]
        assert scene.store.interrupts == 1
        scene.server.wait_secs = LONG
        assert "message" not in await scene.ask(method).answer()

    play(acts, UNTIL_IT_HANGS)


def test_a_hang_whose_client_is_gone() -> None:
    """It is interrupted all the same: others wait for the thread."""

    async def acts(scene: Scene) -> None:
        scene.store.stall("read")
        client = scene.ask("ListTasks")
        await until(scene.store.hung.is_set)
        scene.queries.forget(client)
        await until(lambda: scene.store.interrupts == 1)
        assert client.line == b""

    play(acts, UNTIL_IT_HANGS)


def test_a_large_query_may_take_long() -> None:
    """While the server answers others it is not taken for one that hangs."""

    async def acts(scene: Scene) -> None:
        scene.store.stall("read")
        client = Client()
        params = TaskStatusParams(task_id=scene.task, at=1)
        scene.queries.submit(BY_NAME["TaskStatus"], params, b"7", client)
        await until(scene.store.hung.is_set)
        for _ in range(2):
            scene.server.note_answer()
            await asyncio.sleep(UNTIL_IT_HANGS)
        assert not client.done.is_set()
        scene.server.answered_at -= LONG
        assert "does not answer" in (await client.answer())["message"]
        assert scene.store.interrupts == 1

    play(acts, UNTIL_IT_HANGS)


def test_health_waits_for_nothing() -> None:
    """Where the server is known to be gone it says so, and since when, without asking it."""

    async def acts(scene: Scene) -> None:
        scene.server.note_gone(DatabaseGone("no route to the host"))
        scene.store.stall("read")
        health = await scene.ask("Health").answer()
        assert health["status"] == "unavailable"
        assert health["database"].startswith("no route to the host (gone since 2026-01-31T12:00:0")
        assert health["database"].endswith(")")  # nothing was asked to be recorded
        assert NOW / 1000 <= health["gone_since"] < NOW / 1000 + 60
        assert not scene.store.hung.is_set()

    play(acts)


def test_health_finds_that_the_server_is_gone() -> None:
    """The first who asks is told at once, too."""

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        health = await scene.ask("Health").answer()
        assert (health["status"], "gone_since" in health) == ("unavailable", True)

    play(acts)


def test_health_of_a_server_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits no longer than a moment for it, and interrupts nobody by that."""
    monkeypatch.setattr("agentd.daemon.remote_queries.HEALTH_SECONDS", 0.01)

    async def acts(scene: Scene) -> None:
        scene.store.stall("read")
        for _ in range(2):  # the second one behind the first
            health = await scene.ask("Health").answer()
            assert health["status"] == "unavailable"
            assert "does not answer" in health["database"]
        assert scene.store.interrupts == 0
        scene.store.answer()
        monkeypatch.setattr("agentd.daemon.remote_queries.HEALTH_SECONDS", LONG)
        assert (await scene.ask("Health").answer())["status"] == "ok"

    play(acts)


def test_a_rest_that_the_server_is_gone_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is sent: the answer is broken off, and that the server is gone is known."""
    monkeypatch.setattr("agentd.status_stream.PIECE_BYTES", 1)

    async def acts(scene: Scene) -> None:
        client = scene.ask("TaskStatus")
        await client.done.wait()
        assert client.rest is not None
        client.done.clear()
        scene.store.is_gone = True
        scene.queries.go_on(client.rest, client)
        await client.done.wait()
        assert client.broken_off
        assert scene.server.fault is not None

    play(acts)


def test_stopping_refuses_who_waits() -> None:
    """Who waits for a server that is gone is refused; a read that hangs ends soon."""

    async def acts(scene: Scene) -> None:
        scene.store.is_gone = True
        waiting = scene.ask("ListTasks")
        await until(lambda: scene.server.fault is not None)
        scene.queries.stop()
        await waiting.done.wait()
        assert waiting.refused or b"storage_error" in waiting.line

    play(acts)


def test_stopping_with_a_read_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client is told, and it is interrupted."""
    monkeypatch.setattr("agentd.daemon.remote_queries.STOP_SECONDS", 0.01)

    async def acts(scene: Scene) -> None:
        scene.store.stall("read")
        client = scene.ask("ListTasks")
        await until(scene.store.hung.is_set)
        scene.queries.stop()
        assert "does not answer" in (await client.answer())["message"]
        assert scene.store.interrupts == 1
        assert threading.active_count() > 1

    play(acts)
