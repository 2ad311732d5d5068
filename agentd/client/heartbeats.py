"""Leases that are kept alive from one thread, whatever the thread that works does meanwhile.

The rule this file keeps: a heartbeat goes out at a third of the lease, so two of them may be lost;
a lease is gone when the daemon says so, or when no daemon that others may reach has confirmed it
for its whole length. While no daemon runs nobody else can get the node, so it is held on to: the
daemon honours such a lease for a while after it is back.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from agentd.client import requests
from agentd.client.repeats import PASSING
from agentd.client.requests import Request
from agentd.errors import NobodyListens, NoSocket, RequestRefused

_SHORTEST = 0.05
"""Seconds between two heartbeats, at least, however short the lease."""

_LINGER = 10.0
"""Seconds that the thread waits for another lease before it ends."""


class Held:
    """One lease that is kept alive. `seconds` is its length."""

    def __init__(self, request: Request[Any], seconds: float, lose: Callable[[str], None]) -> None:
        self.request = request
        self.seconds = seconds
        self.every = max(seconds / 3, _SHORTEST)
        self.lose = lose
        self.confirmed_at = time.monotonic()
        self.due_at = self.confirmed_at + self.every


class Heartbeats:
    """Sends the heartbeats of all leases that one client holds."""

    def __init__(self, ask: Callable[[Request[Any], float], Any]) -> None:
        """`ask` sends a request and waits for its answer for so many seconds at most."""
        self._ask = ask
        self._held: set[Held] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def keep(
        self, lease: tuple[str, str, str], seconds: float, lose: Callable[[str], None]
    ) -> Held:
        """Keep a lease (task, node and lease id) alive; `lose` is told why it is gone."""
        held = Held(requests.heartbeat_node(*lease), seconds, lose)
        with self._changed:
            self._held.add(held)
            if self._thread is None or not self._thread.is_alive():  # a fork leaves it behind
                self._thread = threading.Thread(
                    target=self._run, name="agentd-heartbeats", daemon=True
                )
                self._thread.start()
            self._changed.notify()
        return held

    def release(self, held: Held) -> None:
        """No more heartbeats for this one, and no more news of it."""
        with self._changed:
            self._held.discard(held)

    def _run(self) -> None:
        while (held := self._next()) is not None:
            self._beat(held)

    def _next(self) -> Held | None:
        """Waits for the next heartbeat that is due; None when there has been none for long."""
        with self._changed:
            while True:
                if not self._held and not self._changed.wait(_LINGER) and not self._held:
                    self._thread = None
                    return None
                first = min(self._held, key=lambda held: held.due_at, default=None)
                wait = first.due_at - time.monotonic() if first else 0.0
                if first and wait <= 0:
                    return first
                self._changed.wait(wait)

    def _beat(self, held: Held) -> None:
        sent_at = time.monotonic()
        why = None
        try:
            self._ask(held.request, held.every)
            held.confirmed_at = sent_at
        except PASSING as error:
            # Nobody gets the node while no daemon runs.
            nobody = isinstance(error, NobodyListens | NoSocket)
            if sent_at - held.confirmed_at > held.seconds and not nobody:
                why = f"not confirmed for {held.seconds:g} s: {error}"
        except RequestRefused as refusal:
            why = refusal.message
        now = time.monotonic()
        held.due_at = now + (held.every if held.confirmed_at == sent_at else held.every / 3)
        if why is not None:
            self._lose(held, why)

    def _lose(self, held: Held, why: str) -> None:
        with self._changed:
            known = held in self._held
            self._held.discard(held)
        if known:
            held.lose(why)
