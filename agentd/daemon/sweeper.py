"""The one timekeeper: what is due without anybody asking.

That are leases that ran out, nodes whose moment has come, and gates, tasks and locks whose time is
over. The rule this file keeps: it sleeps until the next moment, a second at a time, and looks at
most once a second; just so often where other daemons write to the database as well. It decides
nothing: it submits what is due as a command, like anybody else, and looks again when that could not
be done. What another daemon's sweeper found as well is done once: the second command finds nothing.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from agentd.api import NoParams, TaskParams
from agentd.daemon.clock import Clock
from agentd.daemon.grace import Grace
from agentd.daemon.log import FAILURES_SECONDS, RateLimitedLog
from agentd.daemon.looks import Looks
from agentd.daemon.writer import SubmittedCommand, Writer
from agentd.errors import StorageError
from agentd.methods import (
    EXPIRE_LOCKS,
    MOST_DUE,
    MOST_EXPIRED,
    SETTLE_DUE,
    TIME_OUT_GATES,
    TIME_OUT_TASK,
    Command,
)
from agentd.projections import LockRow
from agentd.store import Reader
from agentd.transact import Call, Outcome

SHORTEST_SLEEP_MS = 1_000

_Due = tuple[Command, str]
"""A command, and the task that it is about."""

LONGEST_SLEEP_MS = 1_001
"""The loop's timers stand still while the machine is suspended, so none is set for long."""


class _Found(NamedTuple):
    """What is to be done in which task, the locks that are over, and the next moment."""

    due: Sequence[_Due]
    locks: Sequence[LockRow]
    next_moment: int | None


class Sweeper:
    """Wakes at the earliest moment that is due. Times are Unix milliseconds."""

    def __init__(self, looks: Looks, writer: Writer, clock: Clock, grace: Grace) -> None:
        self._looks = looks
        self._writer = writer
        self._clock = clock
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due: int | None = None
        self._looked_at = 0
        self._is_looking = False
        self._timed_out_until = 0  # tasks whose time was over by then are seen to; at a start, none
        self._failures = RateLimitedLog(FAILURES_SECONDS)

    def wake_at(self, at: int) -> None:
        """Be awake at this moment: something will be due."""
        if self._due is not None and self._due <= at:
            return
        if self._is_looking:
            self._due = at  # it may be too late to be found
        else:
            self._sleep_until(at)

    def sweep(self) -> None:
        """Submit what is due for every task that it concerns, and sleep until the next moment."""
        if self._is_looking:
            return
        now = self._looked_at = self._clock.now()
        self._due = None
        self._grace.note_suspension(self._clock.suspended_ms(), now)
        honoured = self._grace.honoured_until(now)
        self._is_looking = True
        self._looks.ask(partial(self._look, now, honoured), self._take, self._fail)

    def _fail(self, error: StorageError) -> None:
        self._is_looking = False
        self._failures.failure("cannot look for what is due: %s", error)
        self._sleep_until(self._looked_at)

    def _take(self, found: _Found) -> None:
        self._is_looking = False
        now, next_moment = self._looked_at, found.next_moment
        self._timed_out_until = now - 1  # one may be registered at this moment, and be late at once
        for command, task_id in found.due:
            self._submit(command, task_id)
        if len(found.locks) == MOST_EXPIRED:  # there may be more
            next_moment = now
        if found.locks:
            self._writer.submit(SubmittedCommand(Call(EXPIRE_LOCKS, NoParams()), self))
        if self._due is not None:  # what was recorded meanwhile
            next_moment = self._due if next_moment is None else min(next_moment, self._due)
        self._sleep_until(next_moment)

    def answer(self, _command: SubmittedCommand, outcome: Outcome) -> None:
        """The writer counts what was recorded; what was not is looked for again."""
        if outcome.refusal is not None:
            self._failures.failure("what is due could not be recorded: %s", outcome.refusal)
            self._timed_out_until = 0
            self.wake_at(self._looked_at)

    def check_time_of(self, task_id: str) -> None:
        """The task goes on again: cancel it where its time was over meanwhile."""
        self._submit(TIME_OUT_TASK, task_id)

    def stop(self) -> None:
        """Wake no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _submit(self, command: Command, task_id: str) -> None:
        self._writer.submit(SubmittedCommand(Call(command, TaskParams(task_id)), self))

    def _look(self, now: int, honoured: int, reader: Reader) -> _Found:
        """What is due, and the next moment."""
        due = reader.due_nodes(now, MOST_DUE)
        gates = reader.overdue_gates(now, MOST_DUE)
        tasks = {node.task_id for node in (*reader.expired_leases(honoured, now), *due)}
        late = [task.task_id for task in reader.overdue_tasks(self._timed_out_until, now)]
        found = [(SETTLE_DUE, task_id) for task_id in tasks]
        found += [(TIME_OUT_GATES, task_id) for task_id in {gate.task_id for gate in gates}]
        found += [(TIME_OUT_TASK, task_id) for task_id in late]
        moments = [
            reader.next_expiry(max(now, honoured)),
            reader.next_due(now),
            reader.next_timeout(now),
            reader.next_gate_timeout(now),
            reader.next_lock_expiry(now),
        ]
        if honoured and reader.expired_leases(0, honoured):
            moments.append(self._grace.until)
        if MOST_DUE in (len(due), len(gates)):  # there may be more
            moments.append(now)
        next_moment = min((each for each in moments if each is not None), default=None)
        return _Found(found, reader.expired_locks(now, MOST_EXPIRED), next_moment)

    def _sleep_until(self, moment: int | None) -> None:
        self.stop()
        soonest = self._looked_at + SHORTEST_SLEEP_MS
        if self._looks.is_shared:  # others may have recorded what this daemon has not seen
            moment = soonest
        elif moment is not None:
            moment = max(moment, soonest)
        self._due = self._grace.appointment = moment
        self._set_timer()

    def _set_timer(self) -> None:
        if self._due is not None:
            # One millisecond more: a lease ends at its last moment, not before it.
            delay = min(self._due - self._clock.now() + 1, LONGEST_SLEEP_MS) / 1000
            self._timer = self._loop.call_later(max(delay, 0), self._wake)

    def _wake(self) -> None:
        if self._due is not None and self._clock.now() <= self._due:
            self._set_timer()
        else:
            self.sweep()
