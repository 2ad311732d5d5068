"""What systemd is told of the daemon, and what it hands over: sd_notify(3), sd_listen_fds(3).

The rule this file keeps: the variables are taken out of the environment, so that nothing that the
daemon starts takes them for its own, and a service manager that does not listen stops no daemon.
"""

import contextlib
import os
from collections.abc import MutableMapping

from agentd.daemon.log import logger

_FIRST_DESCRIPTOR = 3
_PATIENCE_SECONDS = 1.0
"""How long a word to it may wait for its queue to have room."""


class ServiceManager:
    """Whoever supervises the daemon: systemd, something that does as it does, or nobody."""

    def __init__(self, address: str | None = None, watchdog_seconds: float | None = None) -> None:
        """`watchdog_seconds`: after so long without a word it ends the daemon, and starts it."""
        self._address = address
        self.watchdog_seconds = watchdog_seconds if address else None

    @property
    def listens(self) -> bool:
        """Whether there is one."""
        return self._address is not None

    def tell(self, *lines: str) -> None:
        """Say something, such as `READY=1`."""
        if self._address is None:
            return
        import socket  # noqa: PLC0415 - the locks come first

        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.settimeout(_PATIENCE_SECONDS)
                to.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.warning("the service manager was not told %s: %s", lines[0], error)


def take_manager(environment: MutableMapping[str, str]) -> ServiceManager:
    """The service manager that started this process; the variables are gone then."""
    given = environment.pop("NOTIFY_SOCKET", "")
    seconds, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    if not given.startswith(("/", "@")):
        if given:
            logger.warning("NOTIFY_SOCKET=%r is left out: expected a path, or @ and a name", given)
        return ServiceManager()
    address = f"\0{given[1:]}" if given.startswith("@") else given
    is_watched = seconds.isdigit() and int(seconds) > 0 and pid in ("", str(os.getpid()))
    return ServiceManager(address, int(seconds) / 1e6 if is_watched else None)


def take_sockets(environment: MutableMapping[str, str]) -> dict[int, str]:
    """The descriptors that were handed over to this process, with their names."""
    count, pid = environment.pop("LISTEN_FDS", ""), environment.pop("LISTEN_PID", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if not count.isdigit() or pid != str(os.getpid()):  # another process's, that started this one
        return {}
    found = range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count[:4]))
    for file in found:
        with contextlib.suppress(OSError):  # that it is not open is told later
            os.set_inheritable(file, False)  # noqa: FBT003 - its own way
    return {file: names[i] if i < len(names) else "" for i, file in enumerate(found)}
