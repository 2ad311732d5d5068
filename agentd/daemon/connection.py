"""One client's connection.

The rules this file keeps: answers go out in the order of the requests. Commands in a row share
batches; a query waits for the commands before it and lets nothing pass it, so a client reads its
own writes.

What one client can make the daemon hold and do at a time is bounded. It is read from a piece at a
time, and not at all while it does not read its own answers; whoever goes on not reading them is cut
off (see `stalls`).
"""

import asyncio
import fcntl
import socket
import termios
import time
from array import array
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

from msgspec import Struct

from agentd.api import AcquireNextNodeParams
from agentd.daemon.log import logger
from agentd.daemon.writer import Submitted
from agentd.decoding import decode
from agentd.errors import InternalError, RequestRefused
from agentd.methods import Method
from agentd.peers import peer_name
from agentd.protocol import Rejected, Request, Requests, encode_error, encode_result
from agentd.transact import Call, Outcome

if TYPE_CHECKING:
    from agentd.daemon.service import Service

MOST_IN_FLIGHT = 32
"""Commands of one client in the writer's hands: a long pipeline leaves room for the others."""

LINES_AT_ONCE = 256
"""Lines that are looked at in one turn: a flood of broken ones leaves room for the others too."""

BREATH_SECONDS = 0.001
"""How long the others have before more of such a flood is looked at: the reading threads cannot
have the interpreter while the loop is at work.
"""

LARGE = 65_536
"""Bytes of a request, or of an acquired node's context, from which on a command goes alone."""

_BUFFERED_ANSWERS = 1_048_576
"""Bytes of answers that are kept for a client before it is no longer read from."""


class _Query(NamedTuple):
    """A query on its way to the reading threads."""

    id: bytes
    method: Method
    params: Struct


_Job = Submitted | _Query | Rejected


class Connection(asyncio.Protocol):
    """Reads requests, hands them to the service, and writes the answers."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._requests = Requests()
        self._received = b""  # and not looked at
        self._waiting: deque[Request | Rejected] = deque()
        self._next: _Job | None = None  # the first of them, decoded
        self._next_is_large = False
        self._commands = 0  # in flight
        self._alone = False  # the command in flight goes alone
        self._small: str | None = None  # the task whose context was small when last acquired
        self._querying = False
        self._choked = False
        self._paused = False
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether every request that was read has been answered."""
        return not (
            self._received or self._waiting or self._next or self._commands or self._querying
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client was let in."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_BUFFERED_ANSWERS)
        self._service.connected(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone: what it asked for and was not begun is dropped."""
        self._service.disconnected(self)
        self._waiting.clear()
        self._received, self._next = b"", None

    def data_received(self, data: bytes) -> None:
        """Some bytes arrived, perhaps some requests with them."""
        self._received += data
        self._proceed()

    def eof_received(self) -> bool:
        """The client sends no more; it may still be waiting for answers."""
        self._received += b"\n"  # its last line is one without it, too
        self.stop_reading()
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

    def unsent(self) -> tuple[int, int] | None:
        """See `stalls.Reader`: what is left here and, where the kernel tells, in the socket."""
        here = self._transport.get_write_buffer_size()
        return (here, _in_socket(self._transport.get_extra_info("socket"))) if here else None

    def cut_off(self, seconds: int) -> None:
        """Close at once, because the client has read nothing for so long."""
        client = peer_name(self._transport.get_extra_info("socket"))
        logger.warning("cut off %s: it has not read its answers for %d s", client, seconds)
        self.abort()

    def answer(self, command: Submitted, outcome: Outcome) -> None:
        """See `writer.Client`."""
        self._commands -= 1
        line = _encode(command.id, outcome)
        if isinstance(params := command.call.params, AcquireNextNodeParams):
            self._service.acquire_took(time.perf_counter_ns() - command.since)
            if outcome.result is not None:
                self._small = params.task_id if len(line) < LARGE else None
        self._write(line)
        if self._waiting or self._next or self._received or self._ended:
            self._proceed()

    def _proceed(self) -> None:
        """Start what may start now, and look at no more than one piece of what was received."""
        if self._received and not self._waiting:
            self._look_at_some()
        while (self._next or self._waiting) and not self._busy():
            job = self._next or self._decode_next()
            if self._commands and not self._may_follow(job):
                break
            self._next = None
            self._start(job)
        if self._received and not (self._next or self._busy()):
            asyncio.get_running_loop().call_later(BREATH_SECONDS, self._proceed)
        self._read_or_wait()

    def _busy(self) -> bool:
        return self._querying or self._choked or self._commands >= MOST_IN_FLIGHT

    def _look_at_some(self) -> None:
        piece, self._received = self._received, b""
        if piece.count(b"\n") > LINES_AT_ONCE:
            end = 0
            for _ in range(LINES_AT_ONCE):
                end = piece.index(b"\n", end) + 1
            piece, self._received = piece[:end], piece[end:]
        self._waiting.extend(self._requests.feed(piece))
        if self._requests.closed:
            self._ended = True
            self._received = b""

    def _decode_next(self) -> _Job:
        message = self._waiting.popleft()
        self._next = job = message if isinstance(message, Rejected) else self._decoded(message)
        return job

    def _decoded(self, message: Request) -> _Job:
        try:
            method, params = decode(message)
        except RequestRefused as error:
            return Rejected(message.id, error)
        if method.command is None:
            return _Query(message.id, method, params)
        self._next_is_large = len(message.params) + len(message.id) >= LARGE
        call = Call(method.command, params)
        return Submitted(call, self, message.id, time.perf_counter_ns())

    def _may_follow(self, job: _Job) -> bool:
        """Commands behind commands, unless one goes alone; anything else when all is answered."""
        return isinstance(job, Submitted) and not (self._alone or self._goes_alone(job))

    def _goes_alone(self, command: Submitted) -> bool:
        """Whether it is large, or an acquire whose context may be: others wait for its answer."""
        params = command.call.params
        return self._next_is_large or (
            isinstance(params, AcquireNextNodeParams) and params.task_id != self._small
        )

    def _start(self, job: _Job) -> None:
        if isinstance(job, Submitted):
            self._commands += 1
            self._alone = self._goes_alone(job)
            if self._next_is_large:
                self._small = None  # it may be an event of that task
            self._service.writer.submit(job)
        elif isinstance(job, _Query):
            self._querying = True
            self._service.queries.submit(job.method, job.params, job.id, self._answer_query)
        else:
            self._write(encode_error(job.id, job.error))

    def _answer_query(self, line: bytes) -> None:
        self._querying = False
        self._write(line)
        self._proceed()

    def _write(self, line: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(line)
            self._service.stalls.watch(self)

    def _read_or_wait(self) -> None:
        """Close when all is said; else read on, unless there is enough to do already."""
        if self._ended and self.idle:
            self._transport.close()
        elif self._transport.is_closing():
            return
        elif self._choked or self._ended or self._received:
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


def _in_socket(connection: socket.socket) -> int:
    """Memory that the socket's unread bytes take; 0 where the kernel does not tell."""
    size = array("i", [0])
    try:
        fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, size)
    except OSError:
        return 0
    return size[0]
