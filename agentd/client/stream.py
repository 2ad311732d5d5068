"""One connection of an event loop: many calls under way, answered in their order.

The rule this file keeps: the daemon answers in the order of the requests, so an answer belongs to
the call that has waited longest. A call that gives up leaves its place behind, and what comes for
it is dropped.
"""

import asyncio
import contextlib
import errno
from collections import deque
from typing import TYPE_CHECKING, cast

from agentd.client.address import Address
from agentd.client.connection import LONGEST_PROOF_LINE
from agentd.client.starting import NOT_THERE, START_SECONDS
from agentd.client.unreachable import (
    NotSent,
    connection_lost_error,
    no_answer_error,
    other_user_error,
)
from agentd.errors import NotPermitted

_PROOF_SECONDS = 10.0
"""How long the other end may take over it; a daemon gives a client 5 s."""

if TYPE_CHECKING:
    from agentd.client.tcp_proof import Proof


class Stream(asyncio.Protocol):
    """A connection that is made by `connect`."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._path = str(address)
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._pieces: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._other_user_error: NotPermitted | None = None  # why it was closed, if that is why
        self._was_asked = False
        self._refusal: bytes | None = None  # what was said before anything was asked
        self._heard: asyncio.Queue[bytes] | None = None  # what comes before the proof is done

    @classmethod
    async def connect(cls, address: Address) -> "Stream":
        """Raises `DaemonUnreachable`, also where it is a stranger's: then nothing was sent."""
        retries = address.retries(START_SECONDS)
        while True:
            try:
                return await cls._connect(address)
            except ConnectionError as error:
                if isinstance(error, NOT_THERE) or (pause := next(retries, None)) is None:
                    raise address.connect_error(error) from error
                await asyncio.sleep(pause)
            except OSError as error:
                raise address.connect_error(error) from error

    @classmethod
    async def _connect(cls, address: Address) -> "Stream":
        """Raises `OSError`, too."""
        transport, stream = await cls._open(address)
        if transport.get_extra_info("peername") is None:
            # Where the daemon's queue is full the kernel says "again", and asyncio hears "done".
            stranger = other_user_error(str(address), transport.get_extra_info("socket"))
            transport.abort()
            raise stranger or NotSent(f"no daemon let us in on {address}: it is busy or stopped")
        try:
            address.check(transport.get_extra_info("socket"))
            if (steps := address.begin_proof()) is not None:
                await stream.prove(steps)
        except BaseException:
            transport.abort()
            raise
        return stream

    @classmethod
    async def _open(cls, address: Address) -> tuple[asyncio.Transport, "Stream"]:
        loop, later = asyncio.get_running_loop(), address.pauses(START_SECONDS)
        while True:
            try:
                return await address.open(loop, lambda: cls(address))
            except NOT_THERE:
                if (pause := next(later, None)) is None:
                    raise
                await asyncio.sleep(pause)

    async def prove(self, steps: "Proof") -> None:
        """Before the first request: say each line of the proof, and hear what is answered."""
        assert self._transport is not None  # noqa: S101 - it is connected
        self._heard = asyncio.Queue()
        line = next(steps)
        with contextlib.suppress(StopIteration):
            async with asyncio.timeout(_PROOF_SECONDS):
                while True:
                    self._transport.write(line)
                    heard, _, rest = (await self._hear(self._heard)).partition(b"\n")
                    line = steps.send(heard)
        pieces, self._heard = self._heard, None
        if rest:
            self.data_received(rest)
        while not pieces.empty():
            self.data_received(pieces.get_nowait())

    async def _hear(self, pieces: "asyncio.Queue[bytes]") -> bytes:
        """A line of a proof: a stranger cannot have us read more than that."""
        heard = b""
        while b"\n" not in heard and len(heard) < LONGEST_PROOF_LINE:
            # It may have closed before anybody listened to that.
            is_over = pieces.empty() and not self.is_open
            if is_over or not (piece := await pieces.get()):
                raise ConnectionResetError(errno.ECONNRESET, "closed before the proof")
            heard += piece
        return heard

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
        if self._refusal is not None:
            self.close()
            return self._refusal
        if self._transport is None or self._transport.is_closing():
            self._note_other_user()  # it may be closing, and not be lost yet
            raise self._other_user_error or NotSent(f"the connection to {self._path} is closed")
        self._was_asked = True
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
        if self._heard is not None:
            self._heard.put_nowait(data)
            return
        if b"\n" not in data:
            self._pieces.append(data)
            return
        *lines, rest = b"".join((*self._pieces, data)).split(b"\n")
        self._pieces = [rest] if rest else []
        for line in lines:
            if not self._waiting:  # a connection is refused so, of which there are too many
                if not self._was_asked:
                    self._refusal = self._refusal or line
                continue
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(line)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._heard is not None:
            self._heard.put_nowait(b"")
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
