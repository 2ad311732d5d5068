"""One connection through the proxy: the bytes of both directions, and what befalls them.

The rule this file keeps: what has befallen a connection is final before anybody is told of it, so
a test that was told may look at once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.faults.pg_messages import Conversation

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.faults.proxy import Weather

CHUNK_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: the kernel does not wait, it resets the connection."""


class Direction(StrEnum):
    """Which way bytes go."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class Trap(NamedTuple):
    """What befalls the next COMMIT, or its answer: the connection is cut there, or says no more."""

    direction: Direction
    holds: bool = False

    @property
    def what(self) -> str:
        """What is counted when it has sprung."""
        whose = "commits" if self.direction is Direction.TO_SERVER else "answers"
        return f"{whose} {'held' if self.holds else 'lost'}"


class Link:
    """A client's connection and its own to the server."""

    def __init__(self, weather: Weather, client: socket.socket) -> None:
        self._weather = weather
        self._client = client
        self._said = Conversation()
        self._writers: list[asyncio.StreamWriter] = []
        self._is_cut = False

    async def run(self) -> None:
        """Pass bytes on until one side ends, or it is cut."""
        try:
            with suppress(OSError):
                from_client, to_client = await self._opened(sock=self._client)
                await self._weather.clear[Direction.TO_SERVER].wait()
                host, port = self._weather.server
                from_server, to_server = await self._opened(host=host, port=port)
                await first_of(
                    self._pass_on(Direction.TO_SERVER, from_client, to_server),
                    self._pass_on(Direction.TO_CLIENT, from_server, to_client),
                )
        finally:
            for each in self._writers:
                each.close()

    async def _opened(self, **which: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(**which)
        self._writers.append(writer)
        return reader, writer

    def cut(self, *, reset: bool = False) -> None:
        """End both sides at once, what is on its way is lost; `reset` says so to both."""
        self._is_cut = True
        for writer in self._writers:
            if reset:
                whole: socket.socket = writer.get_extra_info("socket")
                whole.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        if not self._writers:  # it is just being let in
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    async def _pass_on(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await self._read(direction, reader):
            place = self._place_in(direction, data)
            trap = None if place is None else self._weather.sprung(direction)
            if trap is None:
                await self._forward(direction, data, writer)
                continue
            await self._forward(direction, data[:place], writer)
            if not trap.holds:
                self.cut()
                self._weather.count(trap.what)
                return
            self._weather.count(trap.what)
            await self._weather.released.wait()
            await self._forward(direction, data[place:], writer)

    async def _read(self, direction: Direction, reader: asyncio.StreamReader) -> bytes:
        """The next bytes; none where there will be no more, and the other side may know it."""
        try:
            data = await reader.read(CHUNK_BYTES)
        except OSError:
            data = b""
        if not data and not self._is_cut:
            await self._weather.clear[direction].wait()
        return data

    def _place_in(self, direction: Direction, data: bytes) -> int | None:
        if direction is Direction.TO_SERVER:
            return self._said.commit_in(data)
        return self._said.answer_in(data)

    async def _forward(
        self, direction: Direction, data: bytes, writer: asyncio.StreamWriter
    ) -> None:
        for piece in self._weather.pieces(data):
            fate = self._weather.fate(direction, len(piece))
            if fate.wait_seconds:
                await asyncio.sleep(fate.wait_seconds)
            await self._weather.clear[direction].wait()
            writer.write(piece[: fate.cut_at])
            await writer.drain()
            if fate.cut_at is not None:
                self.cut(reset=fate.resets)
                self._weather.count("cut")
                raise ConnectionResetError


async def first_of(*ways: Coroutine[object, object, None]) -> None:
    """Run them until one ends, however it does; the others are cancelled."""
    tasks = [asyncio.create_task(each) for each in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
