"""One client's connection.

The rules this file keeps: answers go out in the order of the requests. Commands in a row share
batches; a query waits for the commands before it and lets nothing pass it, so a client reads its
own writes.

What one client can make the daemon hold and do at a time is bounded. It is read from a piece at a
time, and not at all while it does not read its own answers; whoever goes on not reading them is cut
off (see `stall_detector`). What all of them together can is bounded too: long lines need a permit
(`long_line_permits`), answers that may be large need memory (`answer_memory`), and large commands
take turns (`writer`); they are decoded when it is their turn.
"""

import asyncio
import time
from typing import cast

from msgspec.structs import replace

from agentd.api import AcquireResourceLockParams
from agentd.daemon.answer_memory import TIGHT
from agentd.daemon.connection_needs import ConnectionNeeds
from agentd.daemon.incoming import Incoming
from agentd.daemon.jobs import (
    LARGE,
    Job,
    Query,
    acquisition,
    answer_line,
    decode_request,
    is_large,
    note_contexts,
    once_more,
)
from agentd.daemon.lock_waiters import LockWaiters
from agentd.daemon.log import logger
from agentd.daemon.long_line_permits import LONG
from agentd.daemon.outgoing import Outgoing
from agentd.daemon.waiters import Waiters
from agentd.daemon.writer import SubmittedCommand
from agentd.errors import StorageError
from agentd.methods import Command
from agentd.peers import has_hung_up, peer_name
from agentd.protocol import Request, encode_error
from agentd.status_stream import TaskStatusStream
from agentd.transact import Outcome

MOST_IN_FLIGHT = 32
"""Commands of one client in the writer's hands: a long pipeline leaves room for the others."""

RECEIVED_AT_ONCE = 65_536
"""Bytes that are read from one client in one turn."""

CONTEXT_BYTES = TIGHT
"""Room that is kept for a context of unknown size, or a larger one: they are made by twos."""

BREATH_SECONDS = 0.001
"""How long the others have before more of a flood is looked at: the reading threads cannot have the
interpreter while the loop is at work.
"""

_NOT_BEGUN = StorageError(
    "the daemon is stopping, and did not begin this request: repeat it when it is started again"
)


class Connection(asyncio.BufferedProtocol):
    """Reads requests, hands them to the service, and writes the answers."""

    def __init__(self, service: ConnectionNeeds) -> None:
        self._service = service
        self._incoming = Incoming()
        self._next: Job | None = None  # the first of them, decoded unless it is large
        self._commands = 0  # in flight
        self._goes_alone = False  # the command in flight goes alone
        self._waiting: SubmittedCommand | Request | None = None  # for room, or a turn of its own
        self._query_id: bytes | None = None  # of the query that is asked
        self._has_permit = False
        self._paused = False
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether every request that was read has been answered."""
        return not (self._incoming.unread or self._incoming.found or self._next or self._working)

    @property
    def _working(self) -> bool:
        return bool(self._commands) or self._waiting is not None or self._query_id is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client was let in."""
        self._transport = cast("asyncio.Transport", transport)
        service = self._service
        self._outgoing = Outgoing(self._transport, service.stalls, service.memory, self)
        self._service.add_connection(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone: what it asked for and was not begun is dropped."""
        self._service.forget_connection(self)
        self._outgoing.end()
        self._incoming.drop()
        self._next = self._waiting = None

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Where the next bytes go: one place for all, because they are taken from it at once."""
        return self._service.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Some bytes arrived, perhaps some requests with them."""
        self._incoming.add(bytes(memoryview(self._service.buffer)[:nbytes]))
        self._proceed()

    def eof_received(self) -> bool:
        """The client sends no more; it may still be waiting for answers."""
        if self._service.is_waiting(self) and self._has_left():
            self.abort()
            return False
        self._incoming.end()
        self.stop_reading()
        return True

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._outgoing.pause()
        self._read_or_wait()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._outgoing.resume()
        self._take_more()
        self._proceed()

    def stop_reading(self) -> None:
        """Take no more requests; close when those that were read are answered."""
        self._ended = True
        self._proceed()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def answer(self, command: SubmittedCommand, outcome: Outcome) -> None:
        """See `writer.Client`."""
        if command.wait_secs and self._goes_on_waiting(command, outcome):
            return
        self._commands -= 1
        line = answer_line(command.id, outcome)
        if (wanted := acquisition(command.call.params)) is not None:
            self._service.count_acquire(time.perf_counter_ns() - command.since)
            if outcome.result:
                note_contexts(wanted, outcome.result, len(line), self._service.sizes)
        self._send(line)
        if command.answer_bytes >= LARGE:
            self._outgoing.account_unread()
        incoming = self._incoming
        if self._next or incoming.found or incoming.unread or self._ended or self._paused:
            self._proceed()

    def _goes_on_waiting(self, command: SubmittedCommand, outcome: Outcome) -> bool:
        """Whether the command waits for what is not there yet."""
        waiters: Waiters | LockWaiters = self._service.waiters
        if isinstance(command.call.params, AcquireResourceLockParams):
            waiters = self._service.lock_waiters
        waits = not self._has_left() and waiters.keep(command, outcome)
        if waits:
            self.hold_nothing()
        return waits

    def try_again(self, command: SubmittedCommand) -> bool:
        """See `waiters.WaitingClient`."""
        if self._has_left():
            self.abort()
            return False
        self._commands -= 1
        self._start(once_more(command, self._service.sizes))
        return True

    def _has_left(self) -> bool:
        """Whether the client is gone, and has not only closed its sending side."""
        closing = self._transport.is_closing()
        return closing or has_hung_up(self._transport.get_extra_info("socket").fileno())

    def begin(self) -> SubmittedCommand | None:
        """See `writer.LargeClient`."""
        waiting, self._waiting = self._waiting, None
        if isinstance(waiting, SubmittedCommand):
            self._commands, self._goes_alone = 1, True
            return waiting
        if waiting is None:
            return None
        job = decode_request(waiting, self, self._service.sizes)
        if isinstance(job, SubmittedCommand) and job.call.command.prepare is None:
            self._commands, self._goes_alone = 1, True
            return job
        self._start(job)
        self._proceed()
        return None

    def refuse(self, why: StorageError | None = None) -> None:
        """See `answer_memory.WaitingClient`."""
        waiting = self._waiting.id if self._waiting is not None else self._query_id
        self._service.forget_wait(self)
        self._waiting = self._query_id = None
        self._send(encode_error(waiting or b"", why or _NOT_BEGUN))
        self._outgoing.account_unread()
        asyncio.get_running_loop().call_soon(self._proceed)

    def take_piece(self, piece: bytes, rest: TaskStatusStream | None) -> None:
        """See `queries.Client`."""
        self._send(piece)
        self._outgoing.set_rest(rest)
        if rest is None:
            self._query_id = self._waiting = None
            self._proceed()
        else:
            self._query_id = b""  # it is in the first piece, and may be long
            self._take_more()

    def take_prepared(self, command: Command) -> None:
        """See `queries.Client`: it is large, so it takes turns with others."""
        self._query_id = None
        if isinstance(self._waiting, SubmittedCommand):
            call = replace(self._waiting.call, command=command)
            self._waiting = replace(self._waiting, call=call)
            self._service.writer.submit_large(self)

    def hold_nothing(self) -> None:
        """See `queries.Client`."""
        self._outgoing.account_unread()
        self._end_long_line()

    def break_off(self) -> None:
        """See `queries.Client`."""
        self.abort()

    def _take_more(self) -> None:
        if (rest := self._outgoing.next_rest()) is not None:
            self._service.queries.go_on(rest, self)

    def _proceed(self) -> None:
        """Start what may start now, and look at no more than one piece of what was received."""
        incoming = self._incoming
        if incoming.unread:
            incoming.look()
            self._ended = self._ended or incoming.closed
        while (self._next or incoming.found) and not self._is_busy():
            job = self._next or self._decode_next()
            if self._commands and not self._may_follow(job):
                break
            self._next = None
            self._start(job)
        if incoming.unread and not (self._next or self._is_busy()):
            asyncio.get_running_loop().call_later(BREATH_SECONDS, self._proceed)
        self._read_or_wait()

    def _is_busy(self) -> bool:
        return (
            self._outgoing.is_paused
            or self._commands >= MOST_IN_FLIGHT
            or self._waiting is not None
            or self._query_id is not None
        )

    def _decode_next(self) -> Job:
        message = self._incoming.found.popleft()
        if isinstance(message, Request) and not is_large(message):
            self._next = decode_request(message, self, self._service.sizes)
        else:
            self._next = message
        return self._next

    def _may_follow(self, job: Job) -> bool:
        """Commands behind commands, unless one goes alone; anything else when all is answered."""
        return isinstance(job, SubmittedCommand) and not (self._goes_alone or job.alone)

    def _start(self, job: Job) -> None:
        if isinstance(job, SubmittedCommand) and job.call.command.prepare is not None:
            self._waiting, self._query_id = job, job.id
            self._service.queries.prepare(job.call, job.id, self)
        elif isinstance(job, SubmittedCommand):
            self._goes_alone = job.alone
            if job.wait_secs and self._service.lock_waiters.stand_in_line(job):
                self._commands += 1
                self.hold_nothing()
            elif job.answer_bytes < LARGE:
                self._commands += 1
                self._service.writer.submit(job)
            else:
                self._waiting = job
                self._service.memory.reserve(
                    self, min(job.answer_bytes, CONTEXT_BYTES), self._submit_waiting
                )
        elif isinstance(job, Request):
            self._waiting = job
            self._service.writer.submit_large(self)
        elif isinstance(job, Query):
            self._query_id = job.id
            self._service.queries.submit(job.method, job.params, job.id, self)
        else:
            self._send(encode_error(job.id, job.error))

    def _submit_waiting(self) -> None:
        """There is room for the answer that may be large."""
        job, self._waiting = self._waiting, None
        if isinstance(job, SubmittedCommand):
            self._commands = 1
            self._service.writer.submit(job)

    def permit_granted(self) -> None:
        """See `long_line_permits.Sender`."""
        self._has_permit = True
        self._read_or_wait()

    def unfinished(self) -> int | None:
        """See `long_line_permits.Sender`."""
        waits_for_it = self.idle and not (self._ended or self._outgoing.is_paused)
        return self._incoming.unfinished if waits_for_it else None

    def cut_off_sending(self, seconds: int) -> None:
        """See `long_line_permits.Sender`."""
        client = peer_name(self._transport.get_extra_info("socket"))
        logger.warning("cut off %s: the rest of its line has not come for %d s", client, seconds)
        self.abort()

    def _may_read_on(self) -> bool:
        """Whether there is little of a line yet, or a permit for it.

        A long line is read on when it would be begun at once: then it alone has what it holds, and
        a permit is not kept by whoever takes his time over other answers.
        """
        if self._incoming.unfinished < LONG:
            return not self._has_permit
        if not self._has_permit and self.idle:
            self._has_permit = self._service.permits.take(self)
        return self._has_permit

    def _send(self, line: bytes) -> None:
        """Send an answer, the first part of one or more of it; the long line before it is over."""
        self._outgoing.write(line)
        self._end_long_line()

    def _end_long_line(self) -> None:
        if self._has_permit:
            self._has_permit = False
            self._service.permits.leave(self)

    def _read_or_wait(self) -> None:
        """Close when all is said; else read on, unless there is enough to do already."""
        incoming = self._incoming
        if self._ended and self.idle:
            self._transport.close()
        elif self._transport.is_closing():
            return
        elif self._ended or self._outgoing.is_paused or incoming.unread or not self._may_read_on():
            self._transport.pause_reading()
            self._paused = True
        elif self._paused:
            self._transport.resume_reading()
            self._paused = False
