"""Requests that wait for work: answered as soon as there is some, or when their time is over.

The rule this file keeps: nothing polls. A waiter is woken by a commit behind which there may be
work for it, and then its request runs again like any other; where it finds nothing, it keeps its
place. First come, first served.

First one is woken, then two, four, eight … as long as those that were woken get something: so one
node does not wake 500, and 500 nodes do not take 500 commits. Those that a commit may concern are
those of its tasks, and those of any task; one that finds nothing speaks for all that want the same.

A waiter is memory, and may be lost with the daemon: its client asks again.
"""

import asyncio
import heapq
import time
from collections.abc import Iterable, Sequence
from itertools import count, islice
from typing import NamedTuple, Protocol, cast

from msgspec import Struct, UnsetType
from msgspec.structs import replace

from agentd.api import AcquireNextNodeParams, RuntimeMetrics
from agentd.daemon.workers import Workers
from agentd.daemon.writer import Client, SubmittedCommand
from agentd.events import ENDS_LOCK, MAKES_WORK, OPENS_LIMITS, Ending, Event, NodeAcquired
from agentd.journal import Recorded
from agentd.projections import NodeRow
from agentd.transact import Outcome

_OPENS = OPENS_LIMITS | ENDS_LOCK
"""What there may be work behind for anybody."""


class _Wanted(NamedTuple):
    """What is wanted: a node of any task, or of this one; where it is named, this node of it.

    It is one that these labels do for.
    """

    task_id: str | None
    node_id: str | None
    labels: frozenset[str]


class WaitingClient(Client, Protocol):
    """Whoever has a request that waits."""

    def try_again(self, command: SubmittedCommand) -> bool:
        """Submit it once more; False where the client has left."""


class _Waiter(Struct, eq=False):
    client: WaitingClient
    command: SubmittedCommand
    nothing: Outcome
    number: int
    wants: _Wanted
    owner: str
    is_over: bool = False
    timer: asyncio.TimerHandle | None = None


class Waiters:
    """Who waits for work."""

    def __init__(
        self, counters: RuntimeMetrics, workers: Workers, leased: Iterable[NodeRow] = ()
    ) -> None:
        """`leased` are the nodes that are held at the start."""
        self._counters = counters
        self._workers = workers
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[Client, _Waiter] = {}
        self._wanting: dict[_Wanted, dict[Client, _Waiter]] = {}  # by what they want, as they came
        self._numbers = count()
        self._fresh: set[_Wanted] = set()  # for whom there may be something
        self._woken: set[Client] = set()
        self._width = 1
        self._was_in_vain = True  # one of those that were woken together got nothing
        self._limited = {node.lease_id for node in leased if node.demand}  # leases with slots
        self._stopping = False

    def keep(self, command: SubmittedCommand, outcome: Outcome) -> bool:
        """Whether the command waits, or goes on waiting; if not, this is its outcome."""
        client = command.client
        waiter = self._waiters.get(client)
        has_ended = not outcome.may_wait
        leaves = has_ended or self._stopping or (waiter is not None and waiter.is_over)
        if waiter is None and not leaves:
            self._add(command, outcome)
        if waiter is not None:
            if leaves:
                self._remove(waiter)
            self._note_try(waiter, in_vain=not has_ended)
        return not leaves

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Wake those for whom there may be work now."""
        tasks: set[str | None] = set()
        for each in recorded:
            event = each.event
            kind = type(event)
            if isinstance(event, NodeAcquired):
                if event.limits:
                    self._limited.add(event.lease_id)
            elif kind in _OPENS or (self._limited and self._frees_slot(event)):
                self.limits_opened()
            elif kind in MAKES_WORK:
                tasks.add(each.task_id)
        if tasks and self._waiters:
            tasks.add(None)
            self._fresh |= {wants for wants in self._wanting if wants.task_id in tasks}
            self._wake_more()

    def limits_opened(self) -> None:
        """Wake those for whom there may be work now: that may be anybody."""
        if self._waiters:
            self._fresh |= self._wanting.keys()
            self._wake_more()

    def _frees_slot(self, event: Event) -> bool:
        if not isinstance(event, Ending) or event.lease_id not in self._limited:
            return False
        self._limited.discard(event.lease_id)
        return True

    def __contains__(self, client: Client) -> bool:
        """Whether a request of it waits."""
        return client in self._waiters

    def forget(self, client: Client) -> None:
        """It waits no more."""
        if (waiter := self._waiters.get(client)) is not None:
            self._remove(waiter)
            if client in self._woken:
                self._woken.discard(client)
                self._wake_more()

    def stop(self) -> None:
        """Answer all: those who are about to try once more when they have."""
        self._stopping = True
        for waiter in list(self._waiters.values()):
            self._end(waiter)

    def _add(self, command: SubmittedCommand, nothing: Outcome) -> None:
        params = cast("AcquireNextNodeParams", command.call.params)
        task_id = None if isinstance(params.task_id, UnsetType) else params.task_id
        wants = _Wanted(task_id, params.node_id, frozenset(params.labels))
        client = cast("WaitingClient", command.client)
        number, owner = next(self._numbers), params.lease_owner
        waiter = _Waiter(client, command, nothing, number, wants, owner)
        waiter.timer = self._loop.call_later(command.wait_secs, self._end, waiter)
        self._waiters[client] = waiter
        self._wanting.setdefault(wants, {})[client] = waiter
        self._counters.waiting_requests += 1
        self._workers.waits(owner, params.labels)

    def _remove(self, waiter: _Waiter) -> None:
        del self._waiters[waiter.client]
        alike = self._wanting[waiter.wants]
        del alike[waiter.client]
        if not alike:
            del self._wanting[waiter.wants]
        if waiter.timer is not None:
            waiter.timer.cancel()
        self._counters.waiting_requests -= 1
        self._workers.waits_no_more(waiter.owner, [*waiter.wants.labels])

    def _end(self, waiter: _Waiter) -> None:
        """Its time is over; if it is trying, it is told when it has tried."""
        waiter.is_over = True
        if waiter.client not in self._woken:
            self._remove(waiter)
            now = time.perf_counter_ns()
            waiter.client.answer(replace(waiter.command, wait_secs=0, since=now), waiter.nothing)

    def _note_try(self, waiter: _Waiter, *, in_vain: bool) -> None:
        """One that was woken has tried."""
        self._woken.discard(waiter.client)
        if in_vain:
            self._fresh.discard(waiter.wants)
            self._was_in_vain = True
        self._wake_more()

    def _wake_more(self) -> None:
        """Wake the next ones, when all that were woken have tried."""
        if self._woken:
            return
        self._width = 1 if self._was_in_vain else 2 * self._width
        self._was_in_vain = False
        while not self._woken and (chosen := self._next(self._width)):
            self._woken.update(waiter.client for waiter in chosen)
            for waiter in chosen:
                if not waiter.client.try_again(waiter.command):
                    self._woken.discard(waiter.client)
                    self.forget(waiter.client)
        if not self._woken:
            self._fresh.clear()
            self._was_in_vain = True  # the next begin with one

    def _next(self, most: int) -> list[_Waiter]:
        """Those who have waited longest of those for whom there may be something."""
        queues: Iterable[Iterable[_Waiter]] = (
            self._wanting[wants].values() for wants in self._fresh if wants in self._wanting
        )
        return list(islice(heapq.merge(*queues, key=lambda waiter: waiter.number), most))
