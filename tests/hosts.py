"""Several daemons on one server's database, all in this process and each on a socket of its own.

The rule this file keeps: nothing is faked but the processes: each has a store, a clock and threads
of its own, as `agentd serve` gives it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from agentd.daemon.clock import ServerClock
from agentd.daemon.service import Service
from agentd.store.postgres import PostgresStore
from tests.core import EVENT_LIMIT, LEASE_MS
from tests.test_remote_service import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

SECONDS = 60.0
"""Far more than anything here takes."""


class Client(Connection):
    """Whose requests are not refused."""

    async def ask(self, method: str, **params: Any) -> Any:
        result = await super().ask(method, **params)
        assert result is None or "code" not in result, (method, result)
        return result


class Host:
    """A daemon."""

    def __init__(self, url: str, socket: Path) -> None:
        clock = ServerClock()
        self.store = PostgresStore.open(url, clock.note_moment)
        self.service = Service(self.store, clock, LEASE_MS, EVENT_LIMIT, lambda: None)
        self._socket = socket
        self._clients: list[Client] = []

    async def connect(self) -> Client:
        """One more client."""
        client = Client(*await asyncio.open_unix_connection(str(self._socket)))
        self._clients.append(client)
        return client

    async def ask(self, method: str, **params: Any) -> Any:
        """What a client of its own is answered."""
        client = await self.connect()
        return await client.ask(method, **params)

    async def end(self) -> None:
        """All clients go, and the daemon ends."""
        for client in self._clients:
            await client.close()
        await self.service.drain(0)
        self.store.close()


@asynccontextmanager
async def hosts(url: str, directory: Path, count: int) -> AsyncIterator[list[Host]]:
    """So many daemons."""
    loop, started = asyncio.get_running_loop(), []
    try:
        for number in range(count):
            socket = directory / f"{number}.sock"
            host = Host(url, socket)
            started.append(
                (host, await loop.create_unix_server(host.service.new_connection, socket))
            )
            host.service.sweeper.sweep()
        yield [host for host, _ in started]
    finally:
        for host, server in started:
            server.close()
            await host.end()


def play(
    acts: Callable[[list[Host]], Awaitable[None]], url: str, directory: Path, count: int = 2
) -> None:
    """Play a scene of so many daemons."""

    async def run() -> None:
        async with hosts(url, directory, count) as there:
            await asyncio.wait_for(acts(there), SECONDS)

    asyncio.run(run())
