"""Connections of an event loop for requests that wait in the daemon, one for each.

The rule this file keeps: nothing is sent behind a request that waits, and one that is given up
takes its connection with it, so that the daemon knows that nobody is there any more.
"""

import asyncio

from agentd.client.address import Address
from agentd.client.stream import Stream


class WaitingStreams:
    """Those that are idle wait for the next such request."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[Stream] = []

    async def exchange(self, line: bytes, deadline: float, seconds: float) -> bytes:
        """As `Stream.exchange`, on a connection of its own. Raises `DaemonUnreachable`."""
        idle = self._idle
        stream = self._take() or await self._connect(deadline)
        try:
            answer = await stream.exchange(line, deadline, seconds)
        except BaseException:
            stream.close()
            raise
        if idle is self._idle:
            idle.append(stream)
        else:  # closed during the call
            stream.close()
        return answer

    def close(self) -> None:
        """Close those that are idle."""
        idle, self._idle = self._idle, []
        for stream in idle:
            stream.close()

    def _take(self) -> Stream | None:
        loop = asyncio.get_running_loop()
        while self._idle:
            stream = self._idle.pop()
            if stream.is_open_in(loop):
                return stream
        return None

    async def _connect(self, deadline: float) -> Stream:
        try:
            async with asyncio.timeout_at(deadline):
                return await Stream.connect(self._address)
        except TimeoutError as error:
            raise self._address.connect_error(error) from error
