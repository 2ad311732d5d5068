"""One client's connection.

The rule this file keeps: answers go out in the order of the requests. Commands in a row share batches;
a query waits for the commands before it and lets nothing pass it, so a client reads its own writes.
A client that does not read its answers is not read from either.
"""

import asyncio
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from msgspec import Struct

from agentd.daemon.log import logger
from agentd.decoding import decode
from agentd.errors import InternalError, RequestRefused
from agentd.methods import Method
from agentd.protocol import Rejected, Request, Requests, encode_error, encode_result
from agentd.transact import Outcome
from agentd.transact import Request as CommandRequest

if TYPE_CHECKING:
    from agentd.daemon.service import Service

MOST_WAITING = 1_024
"""Requests of one client that are read ahead; then its socket is left to fill up."""

_BUFFERED_ANSWERS = 1_048_576
"""Bytes of answers that are kept for a client before it is no longer read from."""


class _Job(NamedTuple):
    """A request that is decoded, or the error to answer it with."""

    id: bytes
    method: Method | None = None
    params: Struct | None = None
    error: RequestRefused | None = None


class Connection(asyncio.Protocol):
    """Reads requests, hands them to the service, and writes the answers."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._requests = Requests()
        self._waiting: deque[_Job] = deque()
        self._commands = 0  # in flight
        self._querying = False
        self._choked = False
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether every request that was read has been answered."""
        return not (self._waiting or self._commands or self._querying)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected: is it one of us?"""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_BUFFERED_ANSWERS)
        if self._service.admits(self._transport.get_extra_info("socket")):
            self._service.connections.add(self)
        else:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone: what it asked for and was not begun is dropped."""
        self._service.connections.discard(self)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Some bytes arrived, perhaps some requests with them."""
        self._take(self._requests.feed(data))

    def eof_received(self) -> bool:
        """The client sends no more; it may still be waiting for answers."""
        self._take(self._requests.end())
        self._ended = True
        self._proceed()
        return True

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._choked = True
        self._read_or_wait()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._choked = False
        self._proceed()

    def stop_reading(self) -> None:
        """Take no more requests; close when those that were read are answered."""
        self._ended = True
        self._proceed()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _take(self, messages: list[Request | Rejected]) -> None:
        self._waiting.extend(map(_job, messages))
        self._ended = self._ended or self._requests.closed
        self._proceed()

    def _proceed(self) -> None:
        """Start what may start: commands behind commands, anything else when all is answered."""
        while self._waiting and not self._querying and not self._choked:
            job = self._waiting[0]
            is_command = job.method is not None and job.method.command is not None
            if self._commands and not is_command:
                break
            self._waiting.popleft()
            self._start(job)
        self._read_or_wait()

    def _start(self, job: _Job) -> None:
        if job.method is None or job.params is None:
            self._write(encode_error(job.id, job.error or InternalError()))
        elif job.method.command is not None:
            self._commands += 1
            request = CommandRequest(job.method.command, job.params)
            answer = partial(self._answer, job, time.perf_counter_ns())
            self._service.writer.submit(request, answer)
        else:
            self._querying = True
            self._service.queries.submit(job.method, job.params, job.id, self._answer_query)

    def _answer(self, job: _Job, since: int, outcome: Outcome) -> None:
        self._commands -= 1
        if job.method is not None and job.method.name == "AcquireNextNode":
            self._service.acquire_took(time.perf_counter_ns() - since)
        self._write(_encode(job.id, outcome))
        if self._waiting or self._ended:
            self._proceed()

    def _answer_query(self, line: bytes) -> None:
        self._querying = False
        self._write(line)
        self._proceed()

    def _write(self, line: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(line)

    def _read_or_wait(self) -> None:
        """Close when all is said; else read on, unless there is enough to do already."""
        if self._transport.is_closing():
            return
        if self._ended and self.idle:
            self._transport.close()
        elif self._choked or self._ended or len(self._waiting) >= MOST_WAITING:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def _job(message: Request | Rejected) -> _Job:
    if isinstance(message, Rejected):
        return _Job(message.id, error=message.error)
    try:
        return _Job(message.id, *decode(message))
    except RequestRefused as error:
        return _Job(message.id, error=error)


def _encode(request_id: bytes, outcome: Outcome) -> bytes:
    if outcome.refusal is not None:
        return encode_error(request_id, outcome.refusal)
    try:
        return encode_result(request_id, outcome.result)
    except Exception as error:  # noqa: BLE001 - one answer must not keep the others of the batch
        logger.error("an answer could not be encoded: %r", error, exc_info=error)
        return encode_error(request_id, InternalError())
