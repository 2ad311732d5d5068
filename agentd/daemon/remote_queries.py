"""Queries of a store whose reads may wait for another machine.

The rule this file keeps: a query that the database is gone for is tried again by the event loop,
and keeps no thread meanwhile, until its client has waited long enough; one that hangs is
interrupted then. What asks how the database is waits for nothing: it is told that it is gone, or
that it does not answer.

A large query may take long by itself: while the server answers others, it is not taken for one that
hangs.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from msgspec import Struct

from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.database_server import HANGS_SECONDS, NO_ANSWER, DatabaseServer
from agentd.daemon.event_waiters import EventWaiters
from agentd.daemon.queries import Client, Queries
from agentd.errors import DatabaseGone
from agentd.methods import Method
from agentd.protocol import encode_error, encode_result
from agentd.store import ServedStore

HEALTH_SECONDS = 1.0
"""How long who asks how the database is waits for it."""

STOP_SECONDS = 1.0
"""For how long the server is waited for once the daemon stops."""


class _Asked(Struct, eq=False):
    """What a client asked: the work for a thread, its arguments, and until when it is waited for.

    The last argument is the query. `ends` is of the loop's clock.
    """

    thread: ThreadPoolExecutor
    work: Callable[..., Any]
    of: tuple[Any, ...]
    ends: float
    future: Future[Any] | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def method(self) -> Method | None:
        """The method, where it is a query with an answer that was not begun."""
        return getattr(self.of[-1], "method", None)

    @property
    def is_urgent(self) -> bool:
        """Whether it is asked how the database is."""
        return self.method is not None and self.method.unready is not None

    @property
    def is_running(self) -> bool:
        """Whether a thread is at it."""
        return self.future is not None and self.future.running()


class RemoteQueries(Queries):
    """Answers queries as far as the server does."""

    def __init__(
        self,
        store: ServedStore,
        contexts: ContextFactory,
        memory: AnswerMemory,
        waiters: EventWaiters,
        server: DatabaseServer,
    ) -> None:
        super().__init__(store, contexts, memory, waiters)
        self._server = server
        self._asked: dict[Client, _Asked] = {}

    def forget(self, client: Client) -> None:
        """See `Queries.forget`; a read that hangs is interrupted in its time all the same."""
        asked = self._asked.pop(client, None)
        if asked is not None and asked.timer is not None and not asked.is_running:
            asked.timer.cancel()
        super().forget(client)

    def stop(self) -> None:
        """See `Queries.stop`; who waits for the server waits little longer."""
        super().stop()
        ends = self._loop.time() + STOP_SECONDS
        for client, asked in list(self._asked.items()):
            if client not in self._running:
                self._let_go(client, asked)
                client.refuse()
            else:
                asked.ends = min(asked.ends, ends)
                self._set_timer(client, asked)

    def close(self) -> None:
        """See `Queries.close`."""
        for asked in self._asked.values():
            if asked.timer is not None:
                asked.timer.cancel()
        self._asked.clear()
        self._store.interrupt()
        super().close()

    def _start(
        self, thread: ThreadPoolExecutor, client: Client, work: Callable[..., Any], *of: Any
    ) -> None:
        asked = _Asked(thread, work, of, self._loop.time() + self._server.wait_secs)
        if asked.is_urgent:
            asked.ends = self._loop.time() + min(HEALTH_SECONDS, self._server.wait_secs)
            if self._server.fault is not None:
                self._asked[client] = asked
                asked.timer = self._loop.call_later(0, self._time_out, client, asked)
                return
        self._ask(client, asked)

    def _ask(self, client: Client, asked: _Asked) -> None:
        self._asked[client] = asked
        super()._start(asked.thread, client, asked.work, *asked.of)
        asked.future = self._running[client]
        self._set_timer(client, asked)

    def _set_timer(self, client: Client, asked: _Asked) -> None:
        if asked.timer is not None:
            asked.timer.cancel()
        asked.timer = self._loop.call_at(asked.ends, self._time_out, client, asked)

    def _deliver(self, client: Client, future: Future[Any]) -> None:
        if self._running.get(client) is not future:
            return  # the client is gone, or was told
        asked = self._asked[client]
        self._let_go(client, asked)
        gone = getattr(future.result(), "gone", None)
        if gone is None:
            self._server.note_answer()
            super()._deliver(client, future)
            return
        del self._running[client]
        self._opening.discard(client)
        self._server.note_gone(gone)
        is_over = asked.is_urgent or self._loop.time() >= asked.ends
        if is_over or asked.work == self._next_part:
            self._refuse(client, asked)
        elif self._stopping:
            client.refuse()
        else:
            self._asked[client] = asked
            pause = min(self._server.pause, asked.ends - self._loop.time())
            asked.timer = self._loop.call_later(pause, self._ask_again, client, asked)

    def _ask_again(self, client: Client, asked: _Asked) -> None:
        *others, query = asked.of
        asked.of = (*others, query._replace(context=self._contexts.make()))
        self._ask(client, asked)

    def _time_out(self, client: Client, asked: _Asked) -> None:
        """It has been waited for long enough."""
        if asked.thread is self._large and asked.is_running and self._answers_others():
            asked.ends = self._loop.time() + self._server.wait_secs
            self._set_timer(client, asked)
            return
        if self._asked.get(client) is asked:
            self._let_go(client, asked)
            if (future := self._running.pop(client, None)) is not None:
                future.cancel()
            self._opening.discard(client)
            self._refuse(client, asked)
        if asked.is_urgent:
            self._loop.call_later(self._server.wait_secs, self._end_hang, asked)
        else:
            self._end_hang(asked)

    def _end_hang(self, asked: _Asked) -> None:
        if asked.is_running:
            self._store.interrupt()

    def _answers_others(self) -> bool:
        server = self._server
        return server.fault is None and server.seconds() - server.answered_at < 2 * HANGS_SECONDS

    def _let_go(self, client: Client, asked: _Asked) -> None:
        del self._asked[client]
        if asked.timer is not None:
            asked.timer.cancel()

    def _refuse(self, client: Client, asked: _Asked) -> None:
        """Tell the client that the server is not there."""
        fault = self._server.fault or DatabaseGone(NO_ANSWER)
        query = asked.of[-1]
        self._waiters.forget(client)
        if asked.work == self._next_part:
            client.break_off()
        elif asked.method is not None and asked.method.unready is not None:
            told = asked.method.unready(fault, query.context)
            client.take_piece(encode_result(query.id, told), None)
        else:
            client.take_piece(encode_error(query.id, fault), None)
