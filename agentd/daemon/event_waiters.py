"""Requests that wait for events: answered by the first one that fits, or when their time is over.

The rule this file keeps: nothing polls and nothing is missed. Who may have to wait is known before
the journal is read for him, so what is committed meanwhile is noticed here and what was there
before is found there. Woken, he has the journal read again, from the event on that woke him.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct
from msgspec.structs import replace

from agentd import queries
from agentd.api import RuntimeMetrics, WatchEventsParams, WatchEventsResult
from agentd.journal import Recorded


class WatchingClient(Protocol):
    """Whoever has a request that waits for events."""

    def __hash__(self) -> int:
        """Clients are told apart by what they are."""


class _Wanted(NamedTuple):
    """What watchers that are alike wait for."""

    task_id: str | None
    kinds: tuple[str, ...] | None


class Watcher(Struct, eq=False):
    """A request that waits for events, or may have to.

    `read` has the journal read for these params, `end` answers it. `began` is the journal's end
    when it came; `hit` is the first event that fits and was committed since.
    """

    client: WatchingClient
    params: WatchEventsParams
    read: Callable[[WatchEventsParams], None]
    end: Callable[[WatchEventsResult], None]
    began: int
    deadline: float
    hit: int | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def wanted(self) -> _Wanted:
        """What it waits for."""
        kinds = self.params.kinds
        return _Wanted(self.params.task_id, None if kinds is None else tuple(kinds))


class EventWaiters:
    """Who waits for events."""

    def __init__(
        self,
        last_seq: int,
        counters: RuntimeMetrics,
        somebody_waits: Callable[[], None] = lambda: None,
    ) -> None:
        """`last_seq` is the journal's end; `somebody_waits` is called before he looks."""
        self._last_seq = self._newest = last_seq
        self._somebody_waits = somebody_waits
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._watchers: dict[WatchingClient, Watcher] = {}
        self._wanting: dict[_Wanted, dict[WatchingClient, Watcher]] = {}
        self._stopping = False

    def begin(
        self,
        client: WatchingClient,
        params: WatchEventsParams,
        read: Callable[[WatchEventsParams], None],
        end: Callable[[WatchEventsResult], None],
    ) -> None:
        """Have the journal read, and if there is nothing, wait for it."""
        if params.after_seq is None:
            params = replace(params, after_seq=max(self._last_seq, self._newest))
        self._somebody_waits()
        deadline = self._loop.time() + params.wait_secs
        watcher = Watcher(client, params, read, end, self._last_seq, deadline)
        self._watchers[client] = watcher
        self._wanting.setdefault(watcher.wanted, {})[client] = watcher
        read(params)

    def keep(self, client: WatchingClient, nothing_until: int | None) -> bool:
        """Whether it waits, or reads on; if not, it is answered with what was read.

        `nothing_until` is the place up to which nothing was found, None where something was.
        """
        watcher = self._watchers.get(client)
        if watcher is None:
            return False
        has_read_all = nothing_until is not None and nothing_until >= watcher.began
        if not has_read_all or self._stopping or self._loop.time() >= watcher.deadline:
            self.forget(client)
            return False
        if watcher.hit is not None:
            self._read_on(watcher)
        else:
            watcher.timer = self._loop.call_at(watcher.deadline, self._end, watcher)
            self._counters.waiting_requests += 1
        return True

    def note_newest(self, seq: int) -> None:
        """The journal has come so far; what is before may not have been told yet."""
        self._newest = seq

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Wake those who wait for one of these events."""
        if not recorded:
            return
        self._last_seq = recorded[-1].seq
        for wanted in list(self._wanting):
            first = next((each.seq for each in recorded if _fits(each, wanted)), None)
            if first is not None:
                for watcher in list(self._wanting[wanted].values()):
                    self._hit(watcher, first, self._last_seq)

    def __contains__(self, client: WatchingClient) -> bool:
        """Whether a request of it waits, or may have to."""
        return client in self._watchers

    def forget(self, client: WatchingClient) -> None:
        """It waits no more."""
        if (watcher := self._watchers.pop(client, None)) is not None:
            self._ignore(watcher)

    def stop(self) -> None:
        """Answer all who wait; those for whom the journal is being read when it is."""
        self._stopping = True
        for watcher in list(self._watchers.values()):
            if watcher.timer is not None:
                self._end(watcher)

    def _hit(self, watcher: Watcher, first: int, last: int) -> None:
        """One of the events from `first` to `last` fits; those up to `after_seq` do not count."""
        if last <= (watcher.params.after_seq or 0):
            return
        watcher.hit = first
        waits = watcher.timer is not None
        self._ignore(watcher)
        if waits:
            self._read_on(watcher)

    def _read_on(self, watcher: Watcher) -> None:
        """From the event on that was noticed: it is there."""
        after = max((watcher.hit or 1) - 1, watcher.params.after_seq or 0)
        self.forget(watcher.client)
        watcher.read(replace(watcher.params, after_seq=after))

    def _end(self, watcher: Watcher) -> None:
        """Its time is over: nothing fits up to the journal's end."""
        self.forget(watcher.client)
        last = max(self._last_seq, watcher.params.after_seq or 0)
        watcher.end(WatchEventsResult([], last))

    def _ignore(self, watcher: Watcher) -> None:
        """It is looked at no more."""
        if watcher.timer is not None:
            watcher.timer.cancel()
            watcher.timer = None
            self._counters.waiting_requests -= 1
        alike = self._wanting.get(watcher.wanted, {})
        if alike.pop(watcher.client, None) is not None and not alike:
            del self._wanting[watcher.wanted]


def _fits(recorded: Recorded, wanted: _Wanted) -> bool:
    of_task = wanted.task_id in (None, recorded.task_id)
    return of_task and queries.fits_watch(recorded, wanted.kinds)
