"""Requests that wait for a lock: answered when they have it, or when their time is over.

The rule this file keeps: nothing polls, and nobody is overtaken. A waiter is tried when something
has ended that was in its way, and only once no earlier one waits that it conflicts with; whoever
comes behind such a one stands in line at once, and is tried when his time is over at the latest: he
may have been answered before. Those that do not conflict are tried together. A waiter whose lock
would be bound to a lease is tried, too, when that ends: it is refused then.

A waiter is memory, and may be lost with the daemon: its client asks again.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from agentd.api import AcquireResourceLockParams, LockMode, RuntimeMetrics
from agentd.daemon.waiters import WaitingClient
from agentd.daemon.writer import Client, SubmittedCommand
from agentd.events import Ending, LockAcquired, LockEnded, LockExpired, LockReleased
from agentd.journal import Recorded
from agentd.lock_keys import overlap
from agentd.transact import Outcome

_NOTHING = Outcome(None, may_wait=True)


class _Waiter(Struct, eq=False):
    client: WaitingClient
    command: SubmittedCommand
    key: str
    mode: LockMode
    node_lease_id: str | None
    was_tried: bool
    is_trying: bool = False
    is_over: bool = False
    timer: asyncio.TimerHandle | None = None


class LockWaiters:
    """Who waits for a lock."""

    def __init__(self, counters: RuntimeMetrics) -> None:
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[Client, _Waiter] = {}  # as they came
        self._fresh: set[Client] = set()  # something has ended that was in their way
        self._stopping = False

    def stand_in_line(self, command: SubmittedCommand) -> bool:
        """Whether the command waits at once, because an earlier one does that is in its way."""
        params = command.call.params
        if not isinstance(params, AcquireResourceLockParams) or self._stopping:
            return False
        if command.client in self._waiters:  # it is its turn
            return False
        is_behind = _is_behind(params.resource_key, params.mode, self._waiters.values())
        if is_behind:
            self._add(command, was_tried=False)
        return is_behind

    def keep(self, command: SubmittedCommand, outcome: Outcome) -> bool:
        """Whether the command waits, or goes on waiting; if not, this is its outcome."""
        waiter = self._waiters.get(command.client)
        has_ended = not outcome.may_wait
        leaves = has_ended or self._stopping or (waiter is not None and waiter.is_over)
        if waiter is not None:
            waiter.is_trying = False
            self._fresh.discard(command.client)
            if leaves:
                # A repeat is answered as the first time, and has nothing of what it waited for.
                has_lock = any(isinstance(each.event, LockAcquired) for each in outcome.recorded)
                self._remove(waiter, got_it=has_lock)
        elif not leaves:
            self._add(command, was_tried=True)
        return not leaves

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Try those for whom there may be a lock now, or a refusal."""
        if not self._waiters:
            return
        for each in recorded:
            event = each.event
            if isinstance(event, LockReleased | LockEnded | LockExpired):
                self._free(event.key)
            elif isinstance(event, Ending):
                self._end_lease(event.lease_id)
        self._try_fresh()

    def __contains__(self, client: Client) -> bool:
        """Whether a request of it waits."""
        return client in self._waiters

    def forget(self, client: Client) -> None:
        """It waits no more."""
        if (waiter := self._waiters.get(client)) is not None:
            self._remove(waiter)

    def stop(self) -> None:
        """Answer all: those who are trying when they have."""
        self._stopping = True
        for waiter in list(self._waiters.values()):
            self._end(waiter)

    def _add(self, command: SubmittedCommand, *, was_tried: bool) -> None:
        params = cast("AcquireResourceLockParams", command.call.params)
        client = cast("WaitingClient", command.client)
        key, mode, node_lease_id = params.resource_key, params.mode, params.node_lease_id
        waiter = _Waiter(client, command, key, mode, node_lease_id, was_tried)
        waiter.timer = self._loop.call_later(command.wait_secs, self._end, waiter)
        self._waiters[client] = waiter
        self._counters.waiting_requests += 1

    def _remove(self, waiter: _Waiter, *, got_it: bool = False) -> None:
        """It leaves; those who stood behind it may be next, unless it has what they want."""
        del self._waiters[waiter.client]
        self._fresh.discard(waiter.client)
        if waiter.timer is not None:
            waiter.timer.cancel()
        self._counters.waiting_requests -= 1
        if not (got_it or self._stopping):
            self._free(waiter.key)
            self._try_fresh()

    def _end(self, waiter: _Waiter) -> None:
        """Its time is over; if it is trying, it is told when it has tried."""
        waiter.is_over = True
        if not (waiter.was_tried or self._stopping):
            self._try(waiter)
        elif not waiter.is_trying:
            self._remove(waiter)
            now = time.perf_counter_ns()
            waiter.client.answer(replace(waiter.command, wait_secs=0, since=now), _NOTHING)

    def _free(self, key: str) -> None:
        """What had this key is in nobody's way any more."""
        self._fresh |= {w.client for w in self._waiters.values() if overlap(w.key, key)}

    def _end_lease(self, lease_id: str) -> None:
        """Try those who wait under a lease that has ended, whoever is before them."""
        for waiter in list(self._waiters.values()):
            if waiter.node_lease_id == lease_id:
                self._try(waiter)

    def _try_fresh(self) -> None:
        for waiter in list(self._next()):
            self._try(waiter)

    def _next(self) -> Iterator[_Waiter]:
        """Those for whom there may be a lock, and whom no earlier one is in the way of."""
        before: dict[tuple[str, LockMode], _Waiter] = {}  # one of those who want the same will do
        left = len(self._fresh)
        for waiter in self._waiters.values():
            if not left:
                return
            if waiter.client in self._fresh:
                left -= 1
                if not _is_behind(waiter.key, waiter.mode, before.values()):
                    yield waiter
            before.setdefault((waiter.key, waiter.mode), waiter)

    def _try(self, waiter: _Waiter) -> None:
        if waiter.is_trying or waiter.client not in self._waiters:
            return
        waiter.is_trying = waiter.was_tried = True
        if not waiter.client.try_again(waiter.command):
            self.forget(waiter.client)


def _is_behind(key: str, mode: LockMode, before: Iterable[_Waiter]) -> bool:
    """Whether one of them wants what no such lock can be held beside."""
    return any(
        not waiter.mode == mode == "shared" and overlap(waiter.key, key) for waiter in before
    )
