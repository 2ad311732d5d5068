"""The writer of a store whose transactions may wait for another machine.

The rules this file keeps: batches run on a thread of their own, one at a time, so a server that
stalls never makes the sockets deaf; all that follows from a batch happens on the event loop. What
the database was gone for keeps its place and is tried again, until its client has waited long
enough: then it is refused, and told truthfully that nothing of it is recorded, or, where a batch
with it hangs, that this is unknown. A batch whose clients were told so is interrupted; whatever
becomes of it is made known to all but them.

Commands without a client that waits (`since` is 0) are refused as soon as the server is away.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from agentd.daemon.conflicts import Conflicts
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.database_server import HANGS_SECONDS, NO_ANSWER, DatabaseServer
from agentd.daemon.own_thread import OwnThread
from agentd.daemon.writer import SubmittedCommand, Writer, log_fault
from agentd.decide import Context
from agentd.errors import DatabaseGone, OutcomeUnknown, StorageError
from agentd.journal import Recorded
from agentd.store import ServedStore
from agentd.transact import Call, Outcome, run_batch

LOOK_SECONDS = 0.1
"""Between two looks whose time is over, while there is a batch that may hang."""

STOP_SECONDS = 1.0
"""For how long the server is waited for once the daemon stops."""

END_SECONDS = 0.5
"""How long the thread may take to end, when its batch was interrupted."""

TURN_SECONDS = 0.000_5
"""How long the loop may keep the interpreter from a batch whose answer has come, and a batch from
the loop. Python's own 5 ms, the time of two batches, cost some 7 % (benchmarks, `machines`).
"""


class _Nobody:
    """Whoever was told something in the place of the outcome."""

    def answer(self, _command: SubmittedCommand, _outcome: Outcome) -> None:
        """It is not told twice."""


_NOBODY = _Nobody()


class _Flight(Struct):
    """A batch on its way: since when, and when it was interrupted last, in the server's seconds."""

    batch: list[SubmittedCommand]
    began: float
    interrupted_at: float | None = None


class _Run(Struct):
    """What the thread is to do, in so many seconds from the moment that it could begin."""

    calls: Sequence[Call]
    began: float
    longest: float | None
    ends: float = float("inf")


class RemoteWriter(Writer):
    """Owns the write connection, on a thread of its own."""

    def __init__(
        self,
        store: ServedStore,
        contexts: ContextFactory,
        after_commit: Callable[[Sequence[Recorded]], None],
        server: DatabaseServer,
        on_conflict: Conflicts,
        has_room: Callable[[], bool] = lambda: True,
        on_batch_end: Callable[[], None] = lambda: None,
    ) -> None:
        """See `Writer`; clock and patience are the server's.

        `on_batch_end` is called when a batch is over and all was told that came of it.
        """
        super().__init__(store, contexts, after_commit, lambda: None, has_room, server.seconds)
        self._server = server
        self._on_conflict = on_conflict
        self._on_batch_end = on_batch_end
        self._thread = OwnThread("writer")
        sys.setswitchinterval(TURN_SECONDS)
        self._flight: _Flight | None = None
        self._stops_at = float("inf")
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        """See `Writer.is_busy`."""
        return self._flight is not None

    def stop(self) -> float:
        """See `Writer.stop`; who waits for the server waits little longer."""
        self._stops_at = self._seconds() + STOP_SECONDS
        return super().stop()

    def close(self) -> None:
        """See `Writer.close`; the batch that is under way is interrupted."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._flight is not None:
            self._interrupt(self._flight)
        self._thread.end(END_SECONDS)

    def _run(
        self, batch: list[SubmittedCommand], longest: float | None, then: Callable[[], None]
    ) -> None:
        if not batch:
            then()
            return
        self._flight = flight = _Flight(batch, self._seconds())
        self._watch()
        # The batch is the loop's own: who is told something meanwhile is replaced in it.
        run = _Run([command.call for command in batch], flight.began, longest)
        self._thread.do(partial(self._carry_out, run), partial(self._land, flight, then))

    # On the thread

    def _carry_out(self, run: _Run) -> list[Outcome]:
        make_context = partial(self._make_context, run)
        try:
            return run_batch(
                self._store,
                run.calls,
                make_context,
                log_fault,
                lambda: self._seconds() >= run.ends,
                self._on_conflict,
            )
        except Exception as error:  # noqa: BLE001 - the thread has to live
            log_fault(error)
            return [Outcome(None, refusal=OutcomeUnknown())] * len(run.calls)

    def _make_context(self, run: _Run) -> Context:
        """The transaction has begun: how long that took is not the batch's time."""
        if run.longest is not None:
            run.ends = self._seconds() + run.longest
        self._server.note_return(run.began)
        return self._contexts.make()

    # On the loop

    def _land(self, flight: _Flight, then: Callable[[], None], outcomes: list[Outcome]) -> None:
        """The thread is free, and this came of the batch."""
        self._flight = None
        gone = [o.refusal for o in outcomes if isinstance(o.refusal, DatabaseGone)]
        done = [o for o in outcomes if not isinstance(o.refusal, DatabaseGone)]  # they come first
        batch, rest = flight.batch[: len(done)], flight.batch[len(done) :]
        # Who was told that it is unknown repeats it: nothing of it is begun once more.
        self._deliver([*batch, *(each for each in rest if each.client is not _NOBODY)], done)
        self._on_batch_end()
        if gone:
            self._server.note_gone(gone[0])
            self._refuse_overdue(self._seconds(), gone[0])
            self._loop.call_later(self._server.pause, then)
            return
        if not any(isinstance(o.refusal, OutcomeUnknown) for o in outcomes):
            self._server.note_answer(flight.began)
        then()

    def _watch(self) -> None:
        if self._alarm is None:
            self._alarm = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        """Tell those whose time is over, while the server is away."""
        self._alarm = None
        flight, now = self._flight, self._seconds()
        if flight is not None and now - flight.began >= HANGS_SECONDS:
            self._tell_unknown(flight, now)
            self._refuse_overdue(now, None)
        elif self._server.fault is not None:
            self._refuse_overdue(now, self._server.fault)
        if flight is not None or self._scheduled:
            self._watch()

    def _tell_unknown(self, flight: _Flight, now: float) -> None:
        """Those in the batch that hangs."""
        late = [at for at, each in enumerate(flight.batch) if self._is_overdue(each, now)]
        for at in late:
            command = flight.batch[at]
            flight.batch[at] = replace(command, client=_NOBODY)
            _answer(command, OutcomeUnknown())
        has_waited = now >= min(flight.began + self._server.wait_secs, self._stops_at)
        if has_waited or any(flight.batch[at].since for at in late):
            self._interrupt(flight)

    def _refuse_overdue(self, now: float, why: DatabaseGone | None) -> None:
        """Those that were not begun. They are no longer waited for."""
        refusal = why or DatabaseGone(NO_ANSWER)
        late = [each for each in self._waiting if self._is_overdue(each, now)]
        if late:
            kept = [each for each in self._waiting if not self._is_overdue(each, now)]
            self._waiting.clear()
            self._waiting.extend(kept)
        for command in late:
            _answer(command, refusal)
        for client, since in list(self._large.items()):
            if self._is_late(since, now):
                del self._large[client]
                client.refuse(refusal)
        if self._flight is not None and any(command.since for command in late):
            self._interrupt(self._flight)

    def _is_overdue(self, command: SubmittedCommand, now: float) -> bool:
        if command.client is _NOBODY:
            return False
        return not command.since or self._is_late(command.since / 1e9, now)

    def _is_late(self, since: float, now: float) -> bool:
        return now >= min(since + self._server.wait_secs, self._stops_at)

    def _interrupt(self, flight: _Flight) -> None:
        """End what it waits for; again, where that came between two waits."""
        now, before = self._seconds(), flight.interrupted_at
        if before is None or now - before >= HANGS_SECONDS:
            flight.interrupted_at = now
            self._store.interrupt()


def _answer(command: SubmittedCommand, refusal: StorageError) -> None:
    try:
        command.client.answer(command, Outcome(None, refusal=refusal))
    except Exception as error:  # noqa: BLE001 - one client must not cost the others theirs
        log_fault(error)
