"""Is the client still there? Its processes, and its ends of the pipes.

The rule this file keeps: the client is gone when its process is, also where another process keeps
the pipe open, or a launcher (`sh -c`, `uvx`) stands between; and when its pipe is closed, also
where nobody reads from it. A client that is stopped is there.
"""

import os
import select
from collections.abc import Callable

from agentd.processes import Look, launchers_above, look_up

LOOK_SECS = 1.0
"""Seconds between two looks."""


class Line:
    """The processes from this one up to its client, each with who started it."""

    def __init__(
        self,
        look: Look = look_up,
        own_parent: Callable[[], int] = os.getppid,
    ) -> None:
        self._look = look
        self._own_parent = own_parent
        self._parent = own_parent()
        self._launchers = launchers_above(self._parent, look)

    def is_broken(self) -> bool:
        """Whether one of them has ended."""
        if self._own_parent() != self._parent:
            return True
        return any(
            (found := self._look(pid)) is not None and found.parent != parent
            for pid, parent in self._launchers
        )


class Pipes:
    """The client's ends of standard input and output."""

    def __init__(self, stdin: int, stdout: int) -> None:
        self._poll = select.poll()
        self._stdin, self._stdout = stdin, stdout
        self._poll.register(stdin, 0)
        self._poll.register(stdout, 0)
        self._was_closed = False

    def are_closed(self) -> bool:
        """Whether the client has closed one; what it wrote before has the time of a look."""
        closed = {
            fd for fd, event in self._poll.poll(0) if event & (select.POLLHUP | select.POLLERR)
        }
        if self._stdout in closed:
            return True
        was, self._was_closed = self._was_closed, self._stdin in closed
        return was and self._was_closed


def wait_until_gone(
    line: Line, pipes: Pipes, sleep: Callable[[float], object], look_secs: float = LOOK_SECS
) -> str:
    """Why the client is gone, once it is."""
    while True:
        if line.is_broken():
            return "the process that started it has ended"
        if pipes.are_closed():
            return "its client has closed the pipe"
        sleep(look_secs)
