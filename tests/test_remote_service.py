"""A daemon on a server's database, over its socket: what it answers while the server is away."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentd.daemon.clock import ServerClock
from agentd.daemon.run import DRAIN_SECONDS
from agentd.daemon.service import Service
from tests.core import EVENT_LIMIT, LEASE_MS, NOW
from tests.remote_store import SECONDS, RemoteStore
from tests.test_writer import until

WHOLE_STOP_SECONDS = 5.0


class Connection:
    """A client's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, method: str, **params: Any) -> None:
        """Send a request."""
        line = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self._writer.write(msgspec.json.encode(line) + b"\n")

    async def answer(self) -> Any:
        """The next answer: the result, or the error."""
        decoded = msgspec.json.decode(await self._reader.readline())
        return decoded["result"] if "result" in decoded else decoded["error"]

    async def close(self) -> None:
        """Go."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def ask(self, method: str, **params: Any) -> Any:
        """Send a request, and wait for its answer."""
        self.send(method, **params)
        return await self.answer()


class Scene:
    """A service on a socket."""

    def __init__(self, store: RemoteStore, clock: ServerClock, path: Path, wait: float) -> None:
        self.store = store
        self.service = Service(store, clock, LEASE_MS, EVENT_LIMIT, lambda: None, wait_secs=wait)
        self._path = path
        self._connections: list[Connection] = []

    async def connect(self) -> Connection:
        """One more client."""
        connection = Connection(*await asyncio.open_unix_connection(str(self._path)))
        self._connections.append(connection)
        return connection

    async def close(self) -> None:
        """All clients go."""
        for connection in self._connections:
            await connection.close()

    async def stall(self) -> Connection:
        """Have a client's registration hang at its commit, and the reads with it."""
        client = await self.connect()
        self.store.stall("commit")
        client.send("RegisterTask", goal="hangs")
        await until(self.store.hung.is_set)
        self.store.stall("read")
        return client


def play(acts: Callable[[Scene], Awaitable[None]], path: Path, wait: float = 3_600.0) -> None:
    """Serve, and play the scene."""

    async def run() -> None:
        clock = ServerClock()
        clock.note_moment(NOW)
        scene = Scene(RemoteStore(clock.note_moment), clock, path / "socket", wait)
        server = await asyncio.get_running_loop().create_unix_server(
            scene.service.new_connection, str(path / "socket")
        )
        scene.service.sweeper.sweep()
        try:
            await asyncio.wait_for(acts(scene), SECONDS)
        finally:
            server.close()
            scene.store.answer()
            await scene.close()
            await scene.service.drain(0)

    asyncio.run(run())


def test_it_serves(tmp_path: Path) -> None:
    """As on a file: tasks are registered, nodes handed out and completed, all is well."""

    async def acts(scene: Scene) -> None:
        client = await scene.connect()
        await client.ask("RegisterTask", goal="g", initial_nodes=[{}])
        held = await client.ask("AcquireNextNode", lease_owner="me")
        ids = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        await client.ask("CompleteNode", **ids)
        assert (await client.ask("TaskStatus", task_id=ids["task_id"]))["counts"]["COMPLETED"] == 1
        assert (await client.ask("Health"))["status"] == "ok"
        assert (await client.ask("Metrics"))["runtime"]["conflicts"] == 0

    play(acts, tmp_path)


def test_a_server_that_stalls_makes_no_socket_deaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients are let in, and what needs no database is answered; the rest follows later."""
    monkeypatch.setattr("agentd.daemon.remote_queries.HEALTH_SECONDS", 0.05)

    async def acts(scene: Scene) -> None:
        hanging = await scene.stall()
        other = await scene.connect()
        assert (await other.ask("Health"))["status"] == "unavailable"
        assert (await other.ask("NoSuchMethod"))["data"]["kind"] == "unknown_method"
        scene.store.answer()
        assert "task_id" in await hanging.answer()
        monkeypatch.setattr("agentd.daemon.remote_queries.HEALTH_SECONDS", SECONDS)
        assert (await other.ask("Health"))["status"] == "ok"

    play(acts, tmp_path)


def test_a_server_that_goes_and_comes_back(tmp_path: Path) -> None:
    """Whoever asked meanwhile is answered then, and finds everything as it was."""

    async def acts(scene: Scene) -> None:
        client, other = await scene.connect(), await scene.connect()
        task = (await client.ask("RegisterTask", goal="g", initial_nodes=[{}]))["task_id"]
        scene.store.is_gone = True
        client.send("AcquireNextNode", task_id=task)
        other.send("TaskStatus", task_id=task)
        third = await scene.connect()
        await until(lambda: scene.store.writes > 2)
        health = await third.ask("Health")
        assert health["status"] == "unavailable"
        assert "gone since" in health["database"]
        scene.store.is_gone = False
        assert (await client.answer())["task_id"] == task
        assert "counts" in await other.answer()

    play(acts, tmp_path)


def test_who_has_waited_long_enough_is_told(tmp_path: Path) -> None:
    """Unknown where it may be recorded, and not recorded where it is not."""

    async def acts(scene: Scene) -> None:
        scene.store.loses_word = True
        hanging, behind = await scene.stall(), await scene.connect()
        scene.store.is_gone = True
        behind.send("RegisterTask", goal="behind")
        told = [await hanging.answer(), await behind.answer()]
        assert [each["data"]["kind"] for each in told] == ["storage_error"] * 2
        assert "unknown" in told[0]["message"]
        assert "nothing of this request is recorded" in told[1]["message"]

    play(acts, tmp_path, wait=1.0)


def test_stopping_while_the_server_stalls(tmp_path: Path) -> None:
    """Whoever waits is told in time, and the stop is over within its own."""

    async def acts(scene: Scene) -> None:
        client = await scene.stall()
        began = time.monotonic()
        await scene.service.drain(DRAIN_SECONDS)
        assert time.monotonic() - began < WHOLE_STOP_SECONDS
        assert "unknown" in (await client.answer())["message"]

    play(acts, tmp_path)
