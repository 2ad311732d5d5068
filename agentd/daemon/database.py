"""The database that the settings name, whichever engine has it.

The rule this file keeps: it is the one place that chooses an engine. What is true of one alone is
in that one's file, and what the other needs is not even imported.
"""

from collections.abc import Sequence
from typing import Protocol

from agentd.config import Settings
from agentd.daemon.clock import Clock
from agentd.daemon.service_manager import ServiceManager
from agentd.store import ServedStore


class Watch(Protocol):
    """Something that is looked at while the daemon runs."""

    def start(self) -> None:
        """Look, from now on."""

    def stop(self) -> None:
        """Look no more."""


class Database(Protocol):
    """A database that is open."""

    @property
    def store(self) -> ServedStore:
        """What is served."""

    @property
    def shown(self) -> str:
        """How the log names it: a path, or a URL without what is secret."""

    def make_clock(self) -> Clock:
        """A clock that is not before the journal's end. Raises `StorageError`."""

    def watches(self) -> Sequence[Watch]:
        """What has to be looked at on the event loop's thread, meanwhile."""

    def close(self) -> None:
        """Let go of it."""

    def raise_failure(self) -> None:
        """Raise `Failure` where it was closed because it could not be trusted any more."""


def open_database(settings: Settings, manager: ServiceManager, *, backup: bool) -> Database:
    """Open it, made or migrated where due; `backup`: with a copy before, where it is a file.

    Raises `Failure` where it is refused, or its server cannot be reached in time.
    """
    if settings.server is None:
        from agentd.daemon.database_file import DatabaseFile  # noqa: PLC0415 - one engine is enough

        return DatabaseFile(settings.database, backup=backup)
    from agentd.daemon.database_on_server import DatabaseOnServer  # noqa: PLC0415 - needs an extra

    return DatabaseOnServer(settings.server, manager, settings.database_wait_secs)
