"""What a method may know besides the state."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from msgspec import Struct

from agentd.api import RuntimeMetrics, WorkerView


class KnownWorkers(Protocol):
    """Who works here, as far as the daemon knows."""

    def list(self) -> Sequence[WorkerView]:
        """All that there are now, by owner."""

    def offered(self) -> Collection[frozenset[str]]:
        """The sets of labels that they offer."""


class _Nobody:
    def list(self) -> Sequence[WorkerView]:
        return ()

    def offered(self) -> Collection[frozenset[str]]:
        return ()


NOBODY: KnownWorkers = _Nobody()


class Context(Struct, frozen=True):
    """What a method may know besides the state: the moment, new ids, the settings and the counters.

    `now` and `started_at` (the daemon's start) are Unix milliseconds. A lease that ended at or
    before `honoured_until` (Unix milliseconds) is still honoured, because the daemon was away when
    it ran out; 0 honours none. `random` gives chance, from 0 to 1. A node's context shows events
    up to `event_limit`, and up to `context_bytes` of their payloads, None being no bound. `workers`
    are those that there are now.
    """

    now: int
    new_id: Callable[[], str]
    lease_ms: int
    event_limit: int
    runtime: RuntimeMetrics
    random: Callable[[], float]
    started_at: int = 0
    honoured_until: int = 0
    context_bytes: int | None = None
    workers: KnownWorkers = NOBODY
