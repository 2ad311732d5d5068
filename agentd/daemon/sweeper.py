"""Rolls back leases that ran out, without waiting for somebody to ask for work.

The rule this file keeps: it sleeps until the next lease ends, and looks at most once a second. It
decides nothing: it submits the rollback as a command, like anybody else.
"""

import asyncio

from agentd.api import TaskParams
from agentd.daemon.clock import Clock
from agentd.daemon.grace import Grace
from agentd.daemon.writer import Command, Writer
from agentd.methods import ROLL_BACK_EXPIRED
from agentd.store import Store
from agentd.transact import Outcome, Request

SHORTEST_SLEEP_MS = 1_000


class Sweeper:
    """Wakes at the end of the earliest lease."""

    def __init__(self, store: Store, writer: Writer, clock: Clock, grace: Grace) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._grace = grace
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = 0

    def lease_granted(self, ends_at: int) -> None:
        """Be awake when a new lease ends (Unix milliseconds), if not before."""
        if self._timer is None:
            self._sleep_until(ends_at)

    def look(self) -> None:
        """Submit the rollback of every lease that is over, and sleep until the next one ends."""
        self._timer = None
        now = self._looked_at = self._clock.now()
        honoured = self._grace.honoured(now)
        with self._store.read() as reader:
            tasks = {node.task_id for node in reader.expired(honoured, now)}
            ends = [reader.next_expiry(max(now, honoured))]
            if honoured and reader.expired(0, honoured):
                ends.append(self._grace.until)
        for task_id in tasks:
            self._writer.submit(Command(Request(ROLL_BACK_EXPIRED, TaskParams(task_id)), self))
        self._sleep_until(min((end for end in ends if end is not None), default=None))

    def answer(self, _command: Command, _outcome: Outcome) -> None:
        """The writer counts what was rolled back; there is nobody to tell."""

    def stop(self) -> None:
        """Wake no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sleep_until(self, moment: int | None) -> None:
        self._grace.appointment = None
        if moment is None:
            return
        moment = max(moment, self._looked_at + SHORTEST_SLEEP_MS)
        self._grace.appointment = moment
        # One millisecond more: a lease ends at its last moment, not before it.
        delay = (moment - self._clock.now() + 1) / 1000
        self._timer = self._loop.call_later(max(delay, 0), self.look)
