"""One connection of an event loop: many calls under way, answered in their order.

The rule this file keeps: the daemon answers in the order of the requests, so an answer belongs to
the call that has waited longest. A call that gives up leaves its place behind, and what comes for
it is dropped.
"""

import asyncio
from collections import deque
from typing import cast

from agentd.client import trust
from agentd.client.starting import NOT_THERE, start_pauses
from agentd.client.unreachable import (
    NotSent,
    connect_error,
    connection_lost_error,
    no_answer_error,
    other_user_error,
)
from agentd.errors import NotPermitted


class Stream(asyncio.Protocol):
    """A connection that is made by `connect`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._pieces: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._other_user_error: NotPermitted | None = None  # why it was closed, if that is why

    @classmethod
    async def connect(cls, path: str) -> "Stream":
        """Raises `DaemonUnreachable`, also where it is a stranger's: then nothing was sent."""
        try:
            transport, stream = await cls._open(path)
        except OSError as error:
            raise connect_error(path, error) from error
        if transport.get_extra_info("peername") is None:
            # Where the daemon's queue is full the kernel says "again", and asyncio hears "done".
            stranger = other_user_error(path, transport.get_extra_info("socket"))
            transport.abort()
            raise stranger or NotSent(f"no daemon let us in on {path}: it is busy or stopped")
        try:
            trust.check(path, transport.get_extra_info("socket"))
        except BaseException:
            transport.abort()
            raise
        return stream

    @classmethod
    async def _open(cls, path: str) -> tuple[asyncio.Transport, "Stream"]:
        loop, later = asyncio.get_running_loop(), start_pauses(path)
        while True:
            try:
                return await loop.create_unix_connection(lambda: cls(path), path)
            except NOT_THERE:
                if (pause := next(later, None)) is None:
                    raise
                await asyncio.sleep(pause)

    @property
    def is_open(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def is_open_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether a call in that event loop may send another request."""
        return self._loop is loop and self.is_open

    async def exchange(self, line: bytes, deadline: float, seconds: float) -> bytes:
        """Send one line and return the line that answers it, without its newline.

        It has to come before `deadline`, by the event loop's clock: the end of the `seconds` that
        the call may take. Raises `NotSent`, `ConnectionLost` or `NoAnswer`.
        """
        if self._transport is None or self._transport.is_closing():
            self._note_other_user()  # it may be closing, and not be lost yet
            raise self._other_user_error or NotSent(f"the connection to {self._path} is closed")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting.append(answer)
        self._transport.write(line)
        end = self._loop.call_at(deadline, self._expire, answer, seconds)
        try:
            return await answer
        finally:
            end.cancel()

    def _expire(self, answer: "asyncio.Future[bytes]", seconds: float) -> None:
        if not answer.done():
            answer.set_exception(no_answer_error(self._path, seconds))

    def close(self) -> None:
        """Close it for good, sent or not; calls that are under way raise `ConnectionLost`."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if b"\n" not in data:
            self._pieces.append(data)
            return
        *lines, rest = b"".join((*self._pieces, data)).split(b"\n")
        self._pieces = [rest] if rest else []
        for line in lines:
            if not self._waiting:  # an answer that nobody asked for: a refused connection
                continue
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(line)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        reason = error if isinstance(error, OSError) else ConnectionResetError("it was closed")
        self._note_other_user()
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(
                    self._other_user_error or connection_lost_error(self._path, reason)
                )

    def _note_other_user(self) -> None:
        if self._transport is not None and self._other_user_error is None:
            connection = self._transport.get_extra_info("socket")
            self._other_user_error = other_user_error(self._path, connection)
