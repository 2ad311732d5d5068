"""Who started the daemon, and what they are to be told.

The rule this file keeps: it is looked at first of all, before the daemon opens files of its own.
"""

from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import NamedTuple

from agentd.daemon.ready_line import READY, ReadyLine
from agentd.daemon.service_manager import ServiceManager, take_manager, take_sockets


class Supervision(NamedTuple):
    """A service manager, a descriptor for one line, and sockets with their names, if any."""

    manager: ServiceManager = ServiceManager()
    ready_line: ReadyLine | None = None
    sockets: Mapping[int, str] = MappingProxyType({})

    def tell_ready(self, status: str) -> None:
        """The first client can be served."""
        self.manager.tell("READY=1", f"STATUS={status}")
        if self.ready_line is not None:
            self.ready_line.write(READY)

    def tell_stopping(self) -> None:
        """The stop has begun."""
        self.manager.tell("STOPPING=1", "STATUS=answering what was read")


def take_supervision(environment: MutableMapping[str, str], ready_fd: int | None) -> Supervision:
    """What this process was given. Raises `BadSetting` where `ready_fd` cannot be written to."""
    return Supervision(
        take_manager(environment),
        None if ready_fd is None else ReadyLine(ready_fd),
        take_sockets(environment),
    )
