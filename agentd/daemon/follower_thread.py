"""The thread that hears of what other daemons record, and reads it.

The rule this file keeps: a connection that breaks is made anew, as often as it takes, and whoever
listens is told then that there may be something; so he is where the server says nothing for too
long, as one does whose machine is gone.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from random import random
from typing import TypeVar

from agentd.daemon.database_server import pause_after
from agentd.daemon.log import FAILURES_SECONDS, RateLimitedLog
from agentd.daemon.writer import log_fault
from agentd.errors import DatabaseGone, Failure, StorageError
from agentd.store.protocols.following import Follower, Piece

HANGS_SECONDS = 3.0
"""An answer that has not come by then will not come: what is asked takes milliseconds."""

LONGEST_WAIT_SECONDS = 60.0
_Done = TypeVar("_Done")
_Order = tuple[int, int | None, Collection[int]]


class FollowerThread:
    """Works from its making until `close`. What it has to say is said on the loop's thread."""

    def __init__(
        self, follower: Follower, told: Callable[[], None], take: Callable[[Piece | None], None]
    ) -> None:
        """`told`: others may have recorded something. `take`: a piece was read, or cannot be."""
        self._follower = follower
        self._told = told
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._listens = False
        self._order: _Order | None = None
        self._asked_at: float | None = None  # when the server was asked what it has not answered
        self._failures = 0
        self._log = RateLimitedLog(FAILURES_SECONDS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="following", daemon=True)
        self._thread.start()

    def listen(self, *, on: bool) -> None:
        """Be told of what others record, or no more; once it is so, `told` is called."""
        self._listens = on
        self._follower.wake()

    def read(self, after: int, before: int | None, known: Collection[int]) -> None:
        """See `Follower.read`; one at a time."""
        self._order = after, before, known
        self._follower.wake()

    def check(self) -> None:
        """Interrupt what hangs: call it now and then."""
        asked_at = self._asked_at
        if asked_at is not None and time.monotonic() - asked_at > HANGS_SECONDS:
            self._follower.interrupt()

    def stop(self) -> None:
        """Say nothing more."""
        self._stopping.set()
        self._follower.wake()

    def join(self, seconds: float) -> None:
        """Wait so many seconds at most until it has ended."""
        self._thread.join(seconds)

    # On the thread

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except (StorageError, Failure, OSError) as error:
                self._lose(error)
            except Exception as error:  # noqa: BLE001 - the thread has to live
                log_fault(error)
                self._lose(error)
        with contextlib.suppress(OSError):
            self._follower.close()

    def _serve(self) -> None:
        """Listen and read until that fails, or is over."""
        self._ask(self._follower.open)
        is_listening = False
        self._say(self._told)
        while not self._stopping.is_set():
            if self._listens != is_listening:
                is_listening = not is_listening
                self._ask(partial(self._follower.listen, on=is_listening))
                self._say(self._told)
            elif (order := self._order) is not None:
                piece = self._ask(partial(self._follower.read, *order))
                self._order = None
                self._failures = 0
                self._say(partial(self._take, piece))
            elif self._follower.wait(LONGEST_WAIT_SECONDS):
                self._say(self._told)

    def _ask(self, question: Callable[[], _Done]) -> _Done:
        self._asked_at = time.monotonic()
        try:
            return question()
        finally:
            self._asked_at = None

    def _lose(self, error: Exception) -> None:
        if self._order is not None:
            self._order = None
            self._say(partial(self._take, None))
        if not self._failures and not self._stopping.is_set():  # it is told once
            why = error.why if isinstance(error, DatabaseGone) else error
            self._log.error("cannot follow what other daemons record: %s", why)
        self._failures += 1
        pause = pause_after(self._failures, random())  # noqa: S311 - all daemons lose it at once
        self._stopping.wait(pause)

    def _say(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know
            self._loop.call_soon_threadsafe(what)
