"""A database on a server: what a daemon does about it that serves one.

The rules this file keeps: no moment is this machine's, and none is without the server's word. A
start waits for the server as long as a request does, and then ends with one line, without having
listened for clients: whoever starts daemons sees that one does not serve. A service manager starts
it again and again, but gives up on a program that ends too often; so under one it waits for longer.
"""

import time
from collections.abc import Callable
from random import random

from agentd.daemon.clock import ServerClock
from agentd.daemon.log import logger
from agentd.daemon.service_manager import ServiceManager
from agentd.errors import DatabaseGone, Failure
from agentd.server_url import ServerUrl
from agentd.store.postgres import PostgresStore

MANAGED_SECONDS = 60.0
"""With less than that between two starts, the fifth would be the last (see `service.units`)."""

PAUSE_SECONDS = 0.5
"""Between two tries to reach the server, on average."""


class DatabaseOnServer:
    """See `Database`."""

    def __init__(
        self,
        url: ServerUrl,
        manager: ServiceManager,
        wait_secs: float,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open it, as soon as the server is there. Raises `Failure`."""
        self.shown = url.shown
        self._clock = ServerClock()
        wait_secs = max(wait_secs, MANAGED_SECONDS) if manager.listens else wait_secs
        self._sleep = sleep
        self._seconds = seconds
        self.store = self._open(url.conninfo, wait_secs)

    def make_clock(self) -> ServerClock:
        """See `Database.make_clock`: the server has told its moment when it was opened."""
        return self._clock

    def watches(self) -> tuple[()]:
        """See `Database.watches`: the service looks whether the server answers."""
        return ()

    def close(self) -> None:
        """See `Database.close`."""
        self.store.close()

    def raise_failure(self) -> None:
        """See `Database.raise_failure`: what could not be trusted was not answered."""

    def _open(self, conninfo: str, wait_secs: float) -> PostgresStore:
        ends = self._seconds() + wait_secs
        was_told = False
        while True:
            try:
                return PostgresStore.open(conninfo, self._clock.note_moment)
            except DatabaseGone as gone:
                if self._seconds() >= ends:
                    raise Failure(
                        f"the server of {self.shown} could not be reached for {wait_secs:g} s: "
                        f"{gone.why}"
                    ) from gone
                if not was_told:
                    was_told = True
                    logger.warning(
                        "the server of %s cannot be reached, and is tried for %g s: %s",
                        self.shown,
                        wait_secs,
                        gone.why,
                    )
            self._sleep(PAUSE_SECONDS * (0.5 + random()))  # noqa: S311 - daemons come one by one
