"""Looks now and then whether the database's files are still where they were.

The rule this file keeps: a daemon that nobody writes to notices as well, and saves what it can,
before it is killed.
"""

from typing import Protocol

from agentd.daemon.log import logger
from agentd.daemon.timer import PeriodicTimer
from agentd.errors import StorageError

SECONDS = 1.0
"""Between two looks, each of some microseconds."""


class WatchedDatabase(Protocol):
    """What is looked at."""

    def check_files(self) -> None:
        """Raise `StorageError` where something is wrong with its files."""


class DatabaseWatch:
    """Runs on the event loop's thread, as the writer does, from `start` until `stop`."""

    def __init__(self, store: WatchedDatabase) -> None:
        self._store = store
        self._timer = PeriodicTimer(SECONDS, self.look)
        self._told = ""

    def start(self) -> None:
        """Look now, and from now on."""
        self.look()
        self._timer.start()

    def look(self) -> None:
        """Look, and say once what is wrong or that it no longer is."""
        try:
            self._store.check_files()
            told = ""
        except (StorageError, OSError) as error:
            told = str(error)
        if told != self._told:
            self._told = told
            if told:
                logger.error("%s", told)
            else:
                logger.warning("the database's files are back in their place")

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()
