"""A line on a descriptor of whoever started the daemon, when the first client can be served.

The rule this file keeps: the descriptor is checked before anything else is opened, and nobody who
does not read it holds the daemon up.
"""

import fcntl
import os
import select

from agentd.daemon.log import logger
from agentd.errors import BadSetting

READY = "ready"

_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2


class ReadyLine:
    """Written once: `ready`, or why that will not be. Then the descriptor is closed."""

    def __init__(self, descriptor: int) -> None:
        """Raises `BadSetting` where it cannot be written to."""
        try:
            mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        except (OSError, OverflowError) as error:
            raise BadSetting(
                f"--ready-fd {descriptor}: there is no such descriptor open"
            ) from error
        if mode == os.O_RDONLY or descriptor in (0, _STANDARD_ERROR):
            why = "the log goes there" if descriptor == _STANDARD_ERROR else "it is for reading"
            raise BadSetting(f"--ready-fd {descriptor}: {why}: give one that is open for writing")
        self._descriptor: int | None = descriptor
        if descriptor > _STANDARD_ERROR:
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - its own way

    def write(self, line: str) -> None:
        """Say it, where nothing was said before."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            if _has_room(descriptor):
                os.write(descriptor, f"{line}\n".encode(errors="replace"))
            else:
                logger.warning("nobody reads descriptor %d: not told %r", descriptor, line)
        except OSError as error:
            logger.warning("cannot write to descriptor %d: %s", descriptor, error.strerror)
        _close(descriptor)


def _has_room(descriptor: int) -> bool:
    look = select.poll()
    look.register(descriptor, select.POLLOUT)
    return bool(look.poll(0))


def _close(descriptor: int) -> None:
    """A standard one gets another file: nothing else may be opened in its place."""
    if descriptor != _STANDARD_OUTPUT:
        os.close(descriptor)
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
