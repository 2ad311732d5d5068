"""Leases that are kept alive from one thread, whatever the thread that works does meanwhile.

The rule this file keeps: a heartbeat goes out at a third of the lease, so two of them may be lost;
a lease is gone when the daemon says so, or when no daemon that others may reach has confirmed it
for its whole length. While no daemon runs nobody else can get the node, so it is held on to. After
the daemon, or the whole machine, was away, a heartbeat goes out within a few seconds, because the
daemon honours a lease that ran out meanwhile for 10 s at most: as long as that it may be busy.
"""

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from agentd.client.repeats import TRANSIENT
from agentd.client.requests import leases
from agentd.client.requests.request import Request
from agentd.client.thread_signals import leave_signals_to_main_thread
from agentd.errors import BadSetting, NobodyListens, NoSocket, RequestRefused, StorageError

_SHORTEST = 0.05
"""Seconds between two heartbeats, at least, however short the lease."""

_NO_LENGTH = 1.0
"""Seconds for which a lease of no length is held on to, unconfirmed: anybody may get its node."""

_RETRY = 2.0
"""Seconds after which a heartbeat that failed is repeated, at most."""

_NAP = 2.0
"""Seconds between two looks at the clock: whoever waits does not notice that the machine slept."""

_LOOK = 0.25
"""Seconds in which a machine, however busy, says that nobody listens."""

_GRACE = 10.0
"""Seconds for which a daemon that was away honours a lease of a node, at most, once it is back."""

_LINGER = 10.0
"""Seconds that the thread waits for another lease before it ends."""


boot_clock = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Seconds, also while the machine is suspended: leases run out meanwhile."""


class HolderStopped(Exception):
    """Whoever holds the lease is stopped: it is kept no longer than it lasts."""


class LeaseKeeper(Protocol):
    """Keeps leases alive: `Heartbeats` does it from a thread, others may from elsewhere."""

    def keep(
        self,
        lease: tuple[str, str, str],
        seconds: float,
        lose: Callable[[str], None],
        age: float = 0.0,
    ) -> Any:
        """See `Heartbeats.keep`; what it returns is what `release` takes."""

    def release(self, held: Any) -> None:
        """See `Heartbeats.release`."""


class HeldLease:
    """One lease that is kept alive since `now`. Of its `seconds` so many have passed (`age`).

    A daemon that was away honours it for so many seconds of `grace`.
    """

    def __init__(
        self,
        request: Request[Any],
        seconds: float,
        age: float,
        lose: Callable[[str], None],
        now: float,
        grace: float,
    ) -> None:
        self.request = request
        self.seconds = seconds or _NO_LENGTH
        self.every = max(seconds / 3, _SHORTEST)
        self.lose = lose
        self.confirmed_at = now
        self.away_at = float("-inf")  # when there was no daemon, the last time
        self._grace = grace
        self.due_at = now + max(self.every - max(age, 0.0), 0.0)

    @property
    def ends_at(self) -> float:
        """When it is gone, where nothing confirms it and some daemon is there.

        One that was back before the lease ran out does not honour it for longer.
        """
        ran_out_at = self.confirmed_at + self.seconds
        return self.away_at + self._grace if self.away_at >= ran_out_at else ran_out_at

    def patience(self, now: float) -> float:
        """Seconds that a heartbeat may take: what is over when the lease is, is told in time.

        Even the last one has the time to find out whether anybody listens.
        """
        left = self.ends_at - now
        return min(self.every, max(left, _LOOK)) if left > 0 else self.every


class Heartbeats:
    """Sends the heartbeats of all leases that one client holds."""

    def __init__(
        self,
        ask: Callable[[Request[Any], float], Any],
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """`ask` sends a request and waits for its answer for so many seconds at most.

        It raises what a client does, or `HolderStopped`.
        """
        self._ask = ask
        self._clock = clock
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._held: set[HeldLease] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def keep(
        self,
        lease: tuple[str, str, str],
        seconds: float,
        lose: Callable[[str], None],
        age: float = 0.0,
    ) -> HeldLease:
        """Keep a lease (task, node and lease id) alive; `lose` is told why it is gone.

        The lease is so many `seconds` long, and `age` of them have passed.
        """
        request = leases.heartbeat_node(*lease)
        return self.keep_with(request, seconds, lose, age, min(seconds, _GRACE))

    def keep_with(
        self,
        request: Request[Any],
        seconds: float,
        lose: Callable[[str], None],
        age: float = 0.0,
        grace: float = 0.0,
    ) -> HeldLease:
        """As `keep`, of what is kept alive with this request, and honoured with this `grace`."""
        if self._process != os.getpid():  # a fork leaves the thread behind, and its leases
            self._reset()
        held = HeldLease(request, seconds, age, lose, self._clock(), grace)
        with self._changed:
            self._held.add(held)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="agentd-heartbeats", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        return held

    def release(self, held: HeldLease) -> None:
        """No more heartbeats for this one, and no more news of it."""
        with self._changed:
            self._held.discard(held)

    def _run(self) -> None:
        leave_signals_to_main_thread()
        while (held := self._wait_for_next()) is not None:
            self._send(held)

    def _wait_for_next(self) -> HeldLease | None:
        """Waits for the next heartbeat that is due; None when there has been none for long."""
        with self._changed:
            while True:
                if not self._held and not self._changed.wait(_LINGER) and not self._held:
                    self._thread = None
                    return None
                first = min(self._held, key=lambda held: held.due_at, default=None)
                wait = first.due_at - self._clock() if first else 0.0
                if first and wait <= 0:
                    return first
                self._changed.wait(min(wait, _NAP))

    def _send(self, held: HeldLease) -> None:
        sent_at = self._clock()
        wait = min(held.every / 3, _RETRY)
        try:
            self._ask(held.request, held.patience(sent_at))
        except (NobodyListens, NoSocket):
            self._note_absence(sent_at)
        except (StorageError, HolderStopped):
            pass  # nobody gets the node meanwhile, but who can record again honours nothing
        except (*TRANSIENT, BadSetting) as error:  # settings are mended, too
            self._lose_overdue(error)
        except RequestRefused as refusal:
            self._lose(held, refusal.message)
        else:
            held.confirmed_at = sent_at
            wait = held.every
        held.due_at = self._clock() + wait

    # What one heartbeat met, the others would meet: they need not wait for their turn.

    def _note_absence(self, now: float) -> None:
        """Nobody gets a node while no daemon runs."""
        with self._changed:
            for held in self._held:
                held.away_at = now

    def _lose_overdue(self, error: Exception) -> None:
        with self._changed:
            held = list(self._held)
        now = self._clock()
        for each in held:
            if now >= each.ends_at:
                self._lose(each, f"not confirmed for {each.seconds:g} s: {error}")

    def _lose(self, held: HeldLease, why: str) -> None:
        with self._changed:
            known = held in self._held
            self._held.discard(held)
        if known:
            held.lose(why)
