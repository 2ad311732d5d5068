"""Queries run beside the writer, on threads and connections of their own.

The rules this file keeps: a read, however large, never holds up a write. SQLite gives each query
one consistent snapshot, and its steps run outside Python's interpreter lock. And no query holds up
one that is smaller: each of three kinds has a thread to itself.

- brief: the answer is small whatever the database holds;
- pages: it has a bound, a page of a list or a task of few nodes;
- large: a task of any size, answered in pieces. Its clients take turns, piece by piece, and whoever
  does not read what was sent gets no more. So is what is asked of a task as it was once: all its
  records are folded for that.

One thread each, because threads that are busy wait for each other's interpreter lock, and the event
loop waits with them.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from agentd.api import WatchEventsParams, WatchEventsResult
from agentd.daemon.answer_memory import AnswerMemory, WaitingClient
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.writer import log_fault
from agentd.decide import Context
from agentd.errors import DatabaseGone, InternalError, RequestRefused, StorageError
from agentd.methods import Command, Method
from agentd.protocol import RESULT_END, encode_error, encode_result, result_start
from agentd.status_stream import NODE_BYTES, TaskStatusStream
from agentd.store import Reader, ServedStore
from agentd.transact import Call

FEW_NODES = 500
"""Nodes of a task that is shown among the pages; one that has more is large."""

PAGE_BYTES = 1024 * 1024
"""What a page may take, until it is known what it takes."""


class Client(WaitingClient, Protocol):
    """Whoever asks, one query at a time."""

    def take_piece(self, piece: bytes, rest: TaskStatusStream | None) -> None:
        """A part of the answer's line, and what the rest is made of; None where that was all."""

    def hold_nothing(self) -> None:
        """The answer may be long in coming: no room is kept for it meanwhile."""

    def take_prepared(self, command: Command) -> None:
        """What the writer is to run in the place of the command that was prepared."""

    def break_off(self) -> None:
        """The rest of the answer cannot be had."""


class _Query(NamedTuple):
    """A query on its way to its thread."""

    id: bytes
    method: Method
    params: Any
    context: Context


class _Part(NamedTuple):
    """A part of an answer; without a line the rest cannot be had.

    `nothing_until` is the place up to which nothing was found by a query that may wait. Where the
    database's server is `gone`, the answer may be had later.
    """

    line: bytes | None
    rest: TaskStatusStream | None = None
    nothing_until: int | None = None
    gone: DatabaseGone | None = None


class _Large(NamedTuple):
    """What was to be a page, and is none."""

    query: _Query
    nodes: int


class _Preparation(NamedTuple):
    """A command that reads what it needs of the past."""

    id: bytes
    call: Call
    context: Context


_Outcome = _Part | _Large | Command


class Queries:
    """Answers queries with encoded lines, on the event loop's thread.

    `RemoteQueries` is its like for a store whose reads may wait for another machine.
    """

    def __init__(
        self,
        store: ServedStore,
        contexts: ContextFactory,
        memory: AnswerMemory,
        waiters: EventWaiters,
    ) -> None:
        self._store = store
        self._contexts = contexts
        self._memory = memory
        self._waiters = waiters
        self._loop = asyncio.get_running_loop()
        self._brief, self._pages, self._large = (
            ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("brief", "page", "large")
        )
        self._running: dict[Client, Future[_Outcome]] = {}
        self._opening: set[Client] = set()  # those whose large query may not have begun
        self._stopping = False

    def submit(self, method: Method, params: Struct, request_id: bytes, client: Client) -> None:
        """Run the query, when there is room for its answer, and let the client take that."""
        if isinstance(params, WatchEventsParams) and params.wait_secs:
            self._waiters.begin(
                client,
                params,
                lambda params: self._submit(method, params, request_id, client),
                lambda result: client.take_piece(encode_result(request_id, result), None),
            )
        else:
            self._submit(method, params, request_id, client)

    def _submit(self, method: Method, params: Struct, request_id: bytes, client: Client) -> None:
        query = _Query(request_id, method, params, self._contexts.make())
        if method.brief:
            self._start(self._brief, client, self._run_query, self._answer, query)
        elif getattr(params, "at", None) is not None:
            self._start_large(client, self._look_back, query)
        else:
            self._start_with_room(client, PAGE_BYTES, self._pages, self._page, query)

    def prepare(self, call: Call, request_id: bytes, client: Client) -> None:
        """Have the command read what it needs of the past; a refusal is its answer."""
        preparation = _Preparation(request_id, call, self._contexts.make())
        self._start_large(client, self._prepare, preparation)

    def go_on(self, rest: TaskStatusStream, client: Client) -> None:
        """Let the client take the next part, when it is its turn."""
        self._start(self._large, client, self._next_part, rest)

    def forget(self, client: Client) -> None:
        """It is gone: what was not begun for it is left."""
        self._opening.discard(client)
        if (future := self._running.pop(client, None)) is not None:
            future.cancel()

    def stop(self) -> None:
        """Refuse the large queries that were not begun, what waits for room, and such to come."""
        self._stopping = True
        refused: list[WaitingClient] = self._memory.stop_waiting()
        for client in self._opening & self._running.keys():
            if self._running[client].cancel():
                del self._running[client]
                refused.append(client)
        self._opening.clear()
        for each in refused:
            each.refuse()

    def close(self) -> None:
        """Wait for the query or the piece that runs; begin no more, and answer nobody."""
        self._running.clear()
        for thread in (self._brief, self._pages, self._large):
            thread.shutdown(cancel_futures=True)

    def _start_large(self, client: Client, work: Callable[[Any], _Outcome], query: Any) -> None:
        """Start what takes no more room than a page, and may take long."""
        self._opening.add(client)
        self._start_with_room(client, PAGE_BYTES, self._large, work, query)

    def _start_with_room(
        self,
        client: Client,
        size: int,
        thread: ThreadPoolExecutor,
        work: Callable[[Any], _Outcome],
        query: _Query | _Preparation,
    ) -> None:
        """Start when there is room for so many bytes."""
        if self._stopping and (thread is self._large or self._memory.is_tight):
            client.refuse()
        else:
            go = partial(self._start, thread, client, self._run_query, work, query)
            self._memory.reserve(client, size, go)

    def _start(
        self, thread: ThreadPoolExecutor, client: Client, work: Callable[..., _Outcome], *of: Any
    ) -> None:
        self._running[client] = future = thread.submit(work, *of)

        def done(future: Future[_Outcome]) -> None:
            if not future.cancelled():
                self._loop.call_soon_threadsafe(self._deliver, client, future)

        future.add_done_callback(done)

    def _deliver(self, client: Client, future: Future[_Outcome]) -> None:
        if self._running.get(client) is not future:
            return  # the client is gone
        del self._running[client]
        self._opening.discard(client)
        outcome = future.result()
        if isinstance(outcome, _Large):
            self._opening.add(client)
            self._start_with_room(
                client, outcome.nodes * NODE_BYTES, self._large, self._begin_large, outcome.query
            )
        elif isinstance(outcome, Command):
            client.take_prepared(outcome)
        elif self._waiters.keep(client, outcome.nothing_until):
            client.hold_nothing()
        elif outcome.line is None:
            client.break_off()
        else:
            client.take_piece(outcome.line, outcome.rest)

    # On the threads

    def _run_query(self, work: Callable[[Any], _Outcome], query: _Query | _Preparation) -> _Outcome:
        try:
            return work(query)
        except DatabaseGone as gone:
            return _Part(encode_error(query.id, gone), gone=gone)
        except RequestRefused as refusal:
            return _Part(encode_error(query.id, refusal))
        except Exception as error:  # noqa: BLE001 - one query's fault is answered, not fatal
            log_fault(error)
            return _Part(encode_error(query.id, InternalError()))

    def _next_part(self, rest: TaskStatusStream) -> _Part:
        try:
            with self._large_read() as reader:
                return _make_part(b"", rest, reader)
        except DatabaseGone as gone:
            return _Part(None, gone=gone)
        except Exception as error:  # noqa: BLE001 - half of the line is sent, and cannot be taken back
            log_fault(error)
            return _Part(None)

    def _answer(self, query: _Query) -> _Part:
        result = self._result(query.method, query.params, query.context)
        found_nothing = isinstance(result, WatchEventsResult) and not result
        return _Part(
            encode_result(query.id, result),
            nothing_until=result.last_seq if found_nothing else None,
        )

    def _page(self, query: _Query) -> _Outcome:
        if query.method.stream is None:
            self._store.wait_for_turn()
            return self._answer(query)
        with self._large_read() as reader:
            nodes = query.method.stream.count(reader, query.params)
            return _Large(query, nodes) if nodes > FEW_NODES else _first_part(query, reader)

    def _prepare(self, preparation: _Preparation) -> _Outcome:
        call = preparation.call
        assert call.command.prepare is not None  # noqa: S101 - others go to the writer at once
        with self._large_read() as reader:
            return call.command.prepare(reader, call.params, preparation.context)

    def _look_back(self, query: _Query) -> _Outcome:
        if query.method.stream is not None:
            return self._begin_large(query)
        self._store.wait_for_turn()
        return self._answer(query)

    def _begin_large(self, query: _Query) -> _Part:
        with self._large_read() as reader:
            return _first_part(query, reader)

    @contextmanager
    def _large_read(self) -> Iterator[Reader]:
        self._store.wait_for_turn()
        with self._store.read() as reader:
            yield reader

    def _result(self, method: Method, params: Any, context: Context) -> Any:
        assert method.query is not None  # noqa: S101 - commands go to the writer
        try:
            with self._store.read() as reader:
                return method.query(reader, params, context)
        except StorageError as error:
            if method.unready is None or isinstance(error, DatabaseGone):
                raise
            return method.unready(error, context)


def _first_part(query: _Query, reader: Reader) -> _Part:
    assert query.method.stream is not None  # noqa: S101 - only such a query is large
    status = query.method.stream(reader, query.params, query.context.now)
    return _make_part(result_start(query.id), status, reader)


def _make_part(before: bytes, status: TaskStatusStream, reader: Reader) -> _Part:
    piece = status.piece(reader)
    if status.done:
        return _Part(before + piece + RESULT_END)
    return _Part(before + piece, status)
