"""Rolls back leases that ran out, and cancels tasks whose time is over, without being asked.

The rule this file keeps: it sleeps until the next of these moments, a second at a time, and looks
at most once a second. It decides nothing: it submits a command, like anybody else, and looks again
when that could not be done.
"""

import asyncio

from agentd.api import TaskParams
from agentd.daemon.clock import Clock
from agentd.daemon.grace import Grace
from agentd.daemon.log import FAILURES_SECONDS, RateLimitedLog
from agentd.daemon.writer import SubmittedCommand, Writer
from agentd.errors import StorageError
from agentd.methods import ROLL_BACK_EXPIRED, TIME_OUT_TASK, Command
from agentd.store import Store
from agentd.transact import Call, Outcome

SHORTEST_SLEEP_MS = 1_000

LONGEST_SLEEP_MS = 1_001
"""The loop's timers stand still while the machine is suspended, so none is set for long."""


class Sweeper:
    """Wakes at the end of the earliest lease or task. Times are Unix milliseconds."""

    def __init__(self, store: Store, writer: Writer, clock: Clock, grace: Grace) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due: int | None = None
        self._looked_at = 0
        self._timed_out_until = 0  # tasks whose time was over by then are seen to; at a start, none
        self._failures = RateLimitedLog(FAILURES_SECONDS)

    def wake_at(self, at: int) -> None:
        """Be awake when a lease ends that was granted or extended, or a task's time is over."""
        if self._due is None or at < self._due:
            self._sleep_until(at)

    def sweep(self) -> None:
        """Submit what every lease and every task needs whose end has come; sleep until the next."""
        now = self._looked_at = self._clock.now()
        self._due = None
        self._grace.note_suspension(self._clock.suspended_ms(), now)
        honoured = self._grace.honoured_until(now)
        try:
            tasks, late, next_end = self._find_due(now, honoured)
        except StorageError as error:
            self._failures.error("cannot look for leases that ran out: %s", error)
            self._sleep_until(now)
            return
        self._timed_out_until = now - 1  # one may be registered at this moment, and be late at once
        for task_id in tasks:
            self._submit(ROLL_BACK_EXPIRED, task_id)
        for task_id in late:
            self._submit(TIME_OUT_TASK, task_id)
        self._sleep_until(next_end)

    def answer(self, command: SubmittedCommand, outcome: Outcome) -> None:
        """The writer counts what was done; what was not is looked for again."""
        if outcome.refusal is not None:
            what = "a rollback" if command.call.command is ROLL_BACK_EXPIRED else "a time-out"
            self._failures.error("%s failed: %s", what, outcome.refusal)
            self._timed_out_until = 0
            self.wake_at(self._looked_at)

    def stop(self) -> None:
        """Wake no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _submit(self, command: Command, task_id: str) -> None:
        self._writer.submit(SubmittedCommand(Call(command, TaskParams(task_id)), self))

    def _find_due(self, now: int, honoured: int) -> tuple[set[str], list[str], int | None]:
        """The tasks with leases that are over, those whose time is, and when the next will be."""
        with self._store.read() as reader:
            tasks = {node.task_id for node in reader.expired_leases(honoured, now)}
            late = [task.task_id for task in reader.overdue_tasks(self._timed_out_until, now)]
            ends = [reader.next_expiry(max(now, honoured)), reader.next_timeout(now)]
            if honoured and reader.expired_leases(0, honoured):
                ends.append(self._grace.until)
        return tasks, late, min((end for end in ends if end is not None), default=None)

    def _sleep_until(self, moment: int | None) -> None:
        self.stop()
        if moment is not None:
            moment = max(moment, self._looked_at + SHORTEST_SLEEP_MS)
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
