"""One client's connection.

The rule this file keeps: answers go out in the order of the requests. Commands in a row share
batches; a query waits for the commands before it and lets nothing pass it, so a client reads its
own writes. A client that does not read its answers is not read from either.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

from msgspec import Struct

from agentd.daemon.log import logger
from agentd.daemon.writer import Command
from agentd.decoding import decode
from agentd.errors import InternalError, RequestRefused
from agentd.methods import BY_NAME, Method
from agentd.protocol import Rejected, Request, Requests, encode_error, encode_result
from agentd.transact import Outcome
from agentd.transact import Request as CommandRequest

if TYPE_CHECKING:
    from agentd.daemon.service import Service

ACQUIRE = BY_NAME["AcquireNextNode"].command

MOST_WAITING = 1_024
"""Requests of one client that are read ahead; then its socket is left to fill up."""

MOST_IN_FLIGHT = 32
"""Commands of one client in the writer's hands: a long pipeline leaves room for the others."""

_BUFFERED_ANSWERS = 1_048_576
"""Bytes of answers that are kept for a client before it is no longer read from."""


class _Query(NamedTuple):
    """A query on its way to the reading threads."""

    id: bytes
    method: Method
    params: Struct


_Job = Command | _Query | Rejected


class Connection(asyncio.Protocol):
    """Reads requests, hands them to the service, and writes the answers."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._requests = Requests()
        self._waiting: deque[Request | Rejected] = deque()
        self._commands = 0  # in flight
        self._querying = False
        self._choked = False
        self._paused = False
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether every request that was read has been answered."""
        return not (self._waiting or self._commands or self._querying)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected: is it one of us?"""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_BUFFERED_ANSWERS)
        if self._service.admits(self._transport.get_extra_info("socket")):
            self._service.connections.add(self)
        else:
            self._transport.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone: what it asked for and was not begun is dropped."""
        self._service.disconnected(self)
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

    def answer(self, command: Command, outcome: Outcome) -> None:
        """See `writer.Client`."""
        self._commands -= 1
        if command.request.command is ACQUIRE:
            self._service.acquire_took(time.perf_counter_ns() - command.since)
        self._write(_encode(command.id, outcome))
        if self._waiting or self._ended:
            self._proceed()

    def _take(self, messages: list[Request | Rejected]) -> None:
        for message in messages:
            if self._waiting or not self._start(message):
                self._waiting.append(message)
        if self._requests.closed:
            self._ended = True
        if self._waiting or self._ended:
            self._read_or_wait()

    def _job(self, message: Request | Rejected) -> _Job:
        if isinstance(message, Rejected):
            return message
        try:
            method, params = decode(message)
        except RequestRefused as error:
            return Rejected(message.id, error)
        if method.command is None:
            return _Query(message.id, method, params)
        request = CommandRequest(method.command, params)
        return Command(request, self, message.id, time.perf_counter_ns())

    def _proceed(self) -> None:
        """Start what may start now."""
        while self._waiting and self._start(self._waiting[0]):
            self._waiting.popleft()
        self._read_or_wait()

    def _start(self, message: Request | Rejected) -> bool:
        """Start it if it may: commands behind commands, anything else when all is answered."""
        if self._querying or self._choked or self._commands >= MOST_IN_FLIGHT:
            return False
        job = self._job(message)
        if isinstance(job, Command):
            self._commands += 1
            self._service.writer.submit(job)
        elif self._commands:
            return False
        elif isinstance(job, _Query):
            self._querying = True
            self._service.queries.submit(job.method, job.params, job.id, self._answer_query)
        else:
            self._write(encode_error(job.id, job.error))
        return True

    def _answer_query(self, line: bytes) -> None:
        self._querying = False
        self._write(line)
        self._proceed()

    def _write(self, line: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(line)

    def _read_or_wait(self) -> None:
        """Close when all is said; else read on, unless there is enough to do already."""
        if self._ended and self.idle:
            self._transport.close()
        elif self._transport.is_closing():
            return
        elif self._choked or self._ended or len(self._waiting) >= MOST_WAITING:
            self._transport.pause_reading()
            self._paused = True
        elif self._paused:
            self._transport.resume_reading()
            self._paused = False


def _encode(request_id: bytes, outcome: Outcome) -> bytes:
    if outcome.refusal is not None:
        return encode_error(request_id, outcome.refusal)
    try:
        return encode_result(request_id, outcome.result)
    except Exception as error:  # noqa: BLE001 - one answer must not keep the others of the batch
        logger.error("an answer could not be encoded: %r", error, exc_info=error)
        return encode_error(request_id, InternalError())
