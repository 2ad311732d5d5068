"""Looks now and then whether the database's files are still where they were.

The rule this file keeps: a daemon that nobody writes to notices as well, and saves what it can,
before it is killed.
"""

import asyncio
from typing import Protocol

from agentd.daemon.log import logger
from agentd.errors import StorageError

SECONDS = 1.0
"""Between two looks, each of some microseconds."""


class Looked(Protocol):
    """What is looked at."""

    def look(self) -> None:
        """Raise `StorageError` where something is wrong with its files."""


class Lookout:
    """Runs on the event loop's thread, as the writer does, from `look` until `stop`."""

    def __init__(self, store: Looked) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._told = ""

    def look(self) -> None:
        """Look, say once what is wrong or that it no longer is, and look again in a while."""
        try:
            self._store.look()
            told = ""
        except (StorageError, OSError) as error:
            told = str(error)
        if told != self._told:
            self._told = told
            if told:
                logger.error("%s", told)
            else:
                logger.warning("the database's files are back in their place")
        self._timer = self._loop.call_later(SECONDS, self.look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
