"""The daemon's figures for whoever scrapes, however many and however often.

The rule this file keeps: the daemon is asked by one at a time, and after a rest: those who come
meanwhile share the answers to what is asked next.
"""

import asyncio

from agentd.client import AsyncClient
from agentd.figures.figure import Figure
from agentd.figures.reading import Reading
from agentd.figures.table import figures

REST_SECONDS = 0.1
"""After each reading: Prometheus scrapes every 15 s, or every second at the most."""

ANSWER_SECONDS = 5.0
"""How long a reading may take."""


class PacedFigures:
    """The figures, asked for over one connection."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[list[Figure]] | None = None
        self._rests_until = 0.0

    async def read(self) -> list[Figure]:
        """The figures, none older than this call.

        Raises `DaemonUnreachable`, `RequestRefused`, `TimeoutError`.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._read())
            self._next.add_done_callback(_hear)
        return await asyncio.shield(self._next)

    async def _read(self) -> list[Figure]:
        loop = asyncio.get_running_loop()
        async with self._turn:
            await asyncio.sleep(self._rests_until - loop.time())
            self._next = None  # who comes from now on wants what is asked after this
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return figures(await _ask(self._client))
            finally:
                self._rests_until = loop.time() + REST_SECONDS


async def _ask(client: AsyncClient) -> Reading:
    """What `read` asks for."""
    return Reading(
        await client.metrics(),
        await client.list_limits(),
        await client.list_workers(),
        await client.list_gates(),
    )


def _hear(reading: "asyncio.Task[list[Figure]]") -> None:
    """Whoever wanted it may be gone: then nobody else hears that it failed."""
    if not reading.cancelled():
        reading.exception()
