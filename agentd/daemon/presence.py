"""Can the daemon be reached?

The rule this file keeps: a socket that was removed under the daemon, by a cleaner of temporary
files, say, is bound again, but only where nothing else has come in its place, and only as long as
the home is the one that the daemon was started in: of a home that was moved away another daemon may
have the place.
"""

import asyncio
import os
from pathlib import Path

from agentd.daemon.door import Door
from agentd.daemon.home import make
from agentd.daemon.listener import Listener
from agentd.daemon.log import Seldom, logger
from agentd.errors import Failure

LOOK_SECONDS = 2.0

_SAID_SECONDS = 60.0
"""At most so often the log says that nobody can reach the daemon."""


class Presence:
    """Looks at the socket's file now and then, from `start` to `stop`."""

    def __init__(self, home: Path, listener: Listener, door: Door) -> None:
        self._home = home
        # Open, so that no other folder can be taken for it: the number of one that is gone is free.
        self._folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._listener = listener
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._unreachable = Seldom(_SAID_SECONDS)

    def start(self) -> None:
        """Look from now on."""
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look_again)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        os.close(self._folder)

    def look(self) -> None:
        """Bind the socket again, if it is gone."""
        if self._listener.is_there():
            return
        path = self._listener.path
        try:
            self._bind_again()
        except Failure as failure:
            self._unreachable.error("nobody can reach this daemon on %s: %s", path, failure)
        else:
            logger.warning("the socket %s was removed: it is bound again", path)

    def _bind_again(self) -> None:
        if not self._is_home():
            raise Failure(f"{self._home} was moved away or removed")
        make(self._listener.path.parent)
        self._door.move(self._listener.bind())

    def _is_home(self) -> bool:
        try:
            return os.path.samestat(self._home.stat(), os.fstat(self._folder))
        except OSError:
            return False

    def _look_again(self) -> None:
        try:
            self.look()
        finally:
            self.start()
