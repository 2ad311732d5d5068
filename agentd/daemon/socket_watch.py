"""Can the daemon be reached?

The rule this file keeps: a socket that was removed under the daemon, by a cleaner of temporary
files, say, is bound again, but only where nothing else has come in its place, and only as long as
the home is the one that the daemon was started in: of a home that was moved away another daemon may
have the place.
"""

import os
from pathlib import Path

from agentd.daemon.acceptor import Acceptor
from agentd.daemon.home import make_directory
from agentd.daemon.listener import Listener
from agentd.daemon.log import RateLimitedLog, logger
from agentd.daemon.timer import PeriodicTimer
from agentd.errors import Failure

LOOK_SECONDS = 2.0

_LOG_SECONDS = 60.0
"""At most so often the log says that nobody can reach the daemon."""


class SocketWatch:
    """Looks at the socket's file now and then, from `start` to `stop`."""

    def __init__(self, home: Path, listener: Listener, acceptor: Acceptor) -> None:
        self._home = home
        # Open, so that no other can be taken for it: the number of one that is gone is free.
        self._directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._listener = listener
        self._acceptor = acceptor
        self._timer = PeriodicTimer(LOOK_SECONDS, self.look)
        self._failure_log = RateLimitedLog(_LOG_SECONDS)

    def start(self) -> None:
        """Look from now on."""
        self._timer.start()

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()
        os.close(self._directory)

    def look(self) -> None:
        """Bind the socket again, if it is gone."""
        if self._listener.is_there():
            return
        path, was_inherited = self._listener.path, self._listener.is_inherited
        try:
            self._bind_again()
        except Failure as failure:
            self._failure_log.error("nobody can reach this daemon on %s: %s", path, failure)
        else:
            logger.warning("the socket %s was removed: it is bound again", path)
            if was_inherited:
                logger.warning("what listened there for this daemon has to be restarted: its unit")

    def _bind_again(self) -> None:
        if not self._is_home():
            raise Failure(f"{self._home} was moved away or removed")
        make_directory(self._listener.path.parent)
        self._acceptor.move(self._listener.bind())

    def _is_home(self) -> bool:
        try:
            return os.path.samestat(self._home.stat(), os.fstat(self._directory))
        except OSError:
            return False
