"""What stops a service from being installed, or looked at.

The rule this file keeps: as in `agentd.errors`, a class per kind, whose name is the word for
programs.
"""

from collections.abc import Sequence

from agentd.errors import Failure


class NoServiceManager(Failure):
    """Nothing on this machine starts services for a user."""


class TemporaryProgram(Failure):
    """The program that the service would start may be gone tomorrow."""


class ForeignFile(Failure):
    """A file of that name is there, and is not agentd's."""


class ServiceNotInstalled(Failure):
    """There is no service to look at."""


class ServiceFailed(Failure):
    """The service does not run as it should; `faults` are the last lines of its log."""

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = faults
