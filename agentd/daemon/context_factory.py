"""What methods may know: made anew for every batch and every query.

The rule this file keeps: contexts are made on any thread. What is kept here does not change; the
clock, the grace and the workers say for themselves what makes them safe there.
"""

from random import random

from agentd.api import RuntimeMetrics
from agentd.daemon.clock import Clock
from agentd.daemon.grace import Grace
from agentd.decide import Context
from agentd.decide.context import NOBODY, KnownWorkers


class ContextFactory:
    """Makes the context of this moment."""

    def __init__(
        self,
        clock: Clock,
        grace: Grace,
        counters: RuntimeMetrics,
        lease_ms: int,
        event_limit: int,
        context_bytes: int | None = None,
        workers: KnownWorkers = NOBODY,
    ) -> None:
        self._clock = clock
        self._grace = grace
        self._counters = counters
        self._lease_ms = lease_ms
        self._event_limit = event_limit
        self._context_bytes = context_bytes
        self._workers = workers
        self._started_at = clock.now()

    def make(self) -> Context:
        """The context of this moment."""
        now = self._clock.now()
        self._grace.note_suspension(self._clock.suspended_ms(), now)
        return Context(
            now,
            self._clock.new_id,
            self._lease_ms,
            self._event_limit,
            self._counters,
            random,
            self._started_at,
            self._grace.honoured_until(now),
            self._context_bytes,
            self._workers,
        )
