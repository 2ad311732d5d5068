"""Whoever connects to be told the figures.

The rule this file keeps: they are bounded. So many at a time are heard, the others wait in the
kernel's queue; each has one request of 8 KiB, and seconds for all of it.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.figures.exposition import expose
from agentd.figures.figure import Figure
from agentd.figures.scrape import LARGEST_HEAD, Answer, Refused, accepted_formats, refusal
from agentd.text import printable

MOST_AT_ONCE = 16
"""Connections that are served; it is one, where one Prometheus scrapes."""

HEAD_SECONDS = 5.0
"""How long a request may take to arrive."""

TOTAL_SECONDS = 15.0
"""How long it may take until the answer was read."""

_PAUSE_SECONDS = 1.0
"""Until the next look where a connection cannot be taken: no descriptor is left, say."""


class ScrapeServer:
    """Serves a socket that listens, which is its own from then on."""

    def __init__(
        self, listening: socket.socket, read: Callable[[], Awaitable[list[Figure]]]
    ) -> None:
        self._socket = listening
        self._read = read
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._served: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until it is cancelled."""
        try:
            while True:
                await self._places.acquire()
                client = await self._accept()
                task = asyncio.create_task(self._serve(client))
                self._served.add(task)
                task.add_done_callback(self._leave)
        finally:
            self._socket.close()
            for task in self._served:
                task.cancel()
            await asyncio.gather(*self._served, return_exceptions=True)

    async def _accept(self) -> socket.socket:
        while True:
            try:
                client, _ = await asyncio.get_running_loop().sock_accept(self._socket)
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return client

    def _leave(self, task: "asyncio.Task[None]") -> None:
        self._served.discard(task)
        self._places.release()

    async def _serve(self, client: socket.socket) -> None:
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                reader, writer = await asyncio.open_connection(sock=client, limit=LARGEST_HEAD)
                try:
                    await self._reply(reader, writer)
                finally:
                    # Closing it would wait for who does not read, and keep its place in the loop.
                    writer.transport.abort()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):  # it is gone, or too slow
            client.close()

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = await self._answer(reader)
        writer.transport.set_write_buffer_limits(0)  # the kernel has all of it when it is drained
        writer.write(answer.encode())
        await writer.drain()
        writer.write_eof()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            return refusal(status, f"a request has at most {LARGEST_HEAD:,} bytes")
        try:
            accept = accepted_formats(head)
            found = await self._read()
        except Refused as refused:
            return refusal(refused.status, str(refused))
        except (DaemonUnreachable, RequestRefused, TimeoutError) as error:
            told = printable(error) or "the daemon does not answer"
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, told)
        text, content_type = expose(found, accept)
        return Answer(HTTPStatus.OK, content_type, text)
