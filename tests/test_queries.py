"""Queries on their threads: none holds up a smaller one, and what becomes of them at the end."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import msgspec
import pytest

from agentd.api import HealthParams, ListTasksParams, TaskStatusParams
from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.clock import Clock
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.counters import new_counters
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.grace import Grace
from agentd.daemon.queries import FEW_NODES, Queries
from agentd.errors import StorageError
from agentd.methods import BY_NAME, Command
from agentd.status_stream import TaskStatusStream
from agentd.store.memory import MemoryStore, MemoryTx
from tests.core import EVENT_LIMIT, LEASE_MS, NOW, Core

SECONDS = 10.0
"""Far more than anything here takes."""


class Store(MemoryStore):
    """Its reads can be held up, by the thread that makes them, and made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.free = {name: threading.Event() for name in ("brief", "page", "large")}
        for event in self.free.values():
            event.set()
        self.fault: Exception | None = None
        self.large_begun = threading.Event()

    @contextmanager
    def read(self) -> Iterator[MemoryTx]:
        thread = threading.current_thread().name.partition("_")[0]
        if thread == "large":
            self.large_begun.set()
        if thread in self.free:
            assert self.free[thread].wait(SECONDS)
            if self.fault is not None:
                raise self.fault
        with super().read() as reader:
            yield reader

    def checkpoint(self) -> bool:
        return True

    def wait_for_turn(self) -> None:
        """It is always somebody's turn."""


class Client:
    """Takes what it is sent, and asks for the rest when it is told to read."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._rest: TaskStatusStream | None = None
        self.line = b""
        self.done = asyncio.Event()
        self.taken = asyncio.Event()
        self.broken_off = self.refused = False

    def ask(self, method: str, task: str | None = None) -> None:
        """Ask one query."""
        known = {"Health": HealthParams(), "ListTasks": ListTasksParams()}
        params = known.get(method) or TaskStatusParams(task_id=task or "")
        self._queries.submit(BY_NAME[method], params, b"7", self)

    def read(self) -> None:
        """Go on with an answer that came in part."""
        assert self._rest is not None
        self._queries.go_on(self._rest, self)

    def take_piece(self, piece: bytes, rest: TaskStatusStream | None) -> None:
        self.line += piece
        self._rest = rest
        self.taken.set()
        if rest is None:
            self.done.set()

    def take_prepared(self, command: Command) -> None:
        pytest.fail(f"{command} is no answer")

    def hold_nothing(self) -> None:
        pytest.fail("nobody asked for that")

    def break_off(self) -> None:
        self.broken_off = True
        self.done.set()

    def refuse(self, _why: StorageError | None = None) -> None:
        self.refused = True
        self.done.set()


class Scene:
    """Queries on a store with a small task and a large one."""

    def __init__(self) -> None:
        self.store = Store()
        core = Core(self.store)
        register = "RegisterTask"
        self.small = core.do(register, goal="s", initial_nodes=[{}] * FEW_NODES)["task_id"]
        self.large = core.do(register, goal="l", initial_nodes=[{}] * (FEW_NODES + 1))["task_id"]
        contexts = ContextFactory(
            Clock(), Grace(NOW, LEASE_MS), new_counters(), LEASE_MS, EVENT_LIMIT
        )
        self.room = AnswerMemory(lambda: None)
        self.queries = Queries(self.store, contexts, self.room, EventWaiters(0, new_counters()))

    def client(self) -> Client:
        """Somebody who asks."""
        return Client(self.queries)


def play(acts: Callable[[Scene], Awaitable[None]]) -> None:
    """Play a scene on a loop of its own."""

    async def run() -> None:
        scene = Scene()
        try:
            await asyncio.wait_for(acts(scene), SECONDS)
        finally:
            for event in scene.store.free.values():
                event.set()
            scene.queries.close()

    asyncio.run(run())


def test_large_queries_hold_up_nobody() -> None:
    """While one runs, brief ones, pages and small tasks are answered."""

    async def acts(scene: Scene) -> None:
        scene.store.free["large"].clear()
        slow = scene.client()
        slow.ask("TaskStatus", scene.large)
        for method in ("Health", "ListTasks", "TaskStatus"):
            other = scene.client()
            other.ask(method, scene.small)
            await other.done.wait()
            assert b'"result"' in other.line
        assert not slow.done.is_set()

    play(acts)


def test_pages_hold_up_no_health() -> None:
    """Nor do pages hold up what is brief."""

    async def acts(scene: Scene) -> None:
        scene.store.free["page"].clear()
        pages = [scene.client() for _ in range(3)]
        for client in pages:
            client.ask("ListTasks")
        brief = scene.client()
        brief.ask("Health")
        await brief.done.wait()
        assert not any(client.done.is_set() for client in pages)

    play(acts)


def test_brief_answers_need_no_room() -> None:
    """Where all of it is taken, what is brief is answered, and a page waits until some is free."""

    async def acts(scene: Scene) -> None:
        hog, page, brief = scene.client(), scene.client(), scene.client()
        scene.room.reserve(hog, 10**12, lambda: None)
        page.ask("ListTasks")
        brief.ask("Health")
        await brief.done.wait()
        assert not page.done.is_set()
        scene.room.release(hog)
        await page.done.wait()

    play(acts)


@pytest.mark.parametrize("size", ["small", "large"])
def test_an_answer_in_pieces(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a task's size is: a client that reads it all has the one line of its answer."""
    monkeypatch.setattr("agentd.status_stream.PIECE_BYTES", 20_000)

    async def acts(scene: Scene) -> None:
        client = scene.client()
        client.ask("TaskStatus", getattr(scene, size))
        await client.taken.wait()
        while not client.done.is_set():
            client.taken.clear()
            client.read()
            await client.taken.wait()
        answer = msgspec.json.decode(client.line)
        assert answer["id"] == 7
        assert len(answer["result"]["nodes"]) == FEW_NODES + (size == "large")
        assert (client.line.count(b"\n"), client.line[-1:]) == (1, b"\n")

    play(acts)


def test_a_rest_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is sent and cannot be taken back: the answer is broken off."""
    monkeypatch.setattr("agentd.status_stream.PIECE_BYTES", 20_000)

    async def acts(scene: Scene) -> None:
        client = scene.client()
        client.ask("TaskStatus", scene.large)
        await client.taken.wait()
        scene.store.fault = StorageError("gone")
        client.read()
        await client.done.wait()
        assert client.broken_off

    play(acts)


def test_a_query_that_cannot_begin() -> None:
    """Where the database fails before anything is sent, the answer is the refusal."""

    async def acts(scene: Scene) -> None:
        scene.store.fault = StorageError("gone")
        client = scene.client()
        client.ask("TaskStatus", scene.large)
        await client.done.wait()
        assert msgspec.json.decode(client.line)["error"]["message"] == "gone"

    play(acts)


def test_stopping_refuses_what_was_not_begun() -> None:
    """Large queries that wait, for their turn or for room, are refused at once; brief ones not."""

    async def acts(scene: Scene) -> None:
        scene.store.free["large"].clear()
        large = [scene.client() for _ in range(3)]
        for client in large:
            client.ask("TaskStatus", scene.large)
        after = scene.client()
        after.ask("ListTasks")
        await after.done.wait()  # so those before it are known to be large
        assert scene.store.large_begun.wait(SECONDS)
        first, waiting, brief = (scene.client() for _ in range(3))
        for client in (first, waiting):
            scene.room.reserve(client, 10**12, lambda: None)
        scene.queries.stop()
        assert [c.refused for c in (*large, first, waiting)] == [False, True, True, True, True]
        brief.ask("Health")
        await brief.done.wait()

    play(acts)


def test_nobody_is_answered_who_is_gone() -> None:
    """What was not begun for a client is left, and what was reaches nobody."""

    async def acts(scene: Scene) -> None:
        scene.store.free["page"].clear()
        begun, waiting, there = (scene.client() for _ in range(3))
        for client in (begun, waiting, there):
            client.ask("ListTasks")
        scene.queries.forget(begun)
        scene.queries.forget(waiting)
        scene.store.free["page"].set()
        await there.done.wait()
        assert (begun.line, waiting.line) == (b"", b"")

    play(acts)
