"""What one client is sent.

The rule this file keeps: what the client has not read is watched (`stall_detector`) and accounted
for (`answer_memory`), and an answer in pieces goes on when those before have been read.
"""

import asyncio
import fcntl
import socket
import termios
from array import array

from agentd.daemon.answer_memory import AnswerMemory, WaitingClient
from agentd.daemon.log import logger
from agentd.daemon.stall_detector import StallDetector
from agentd.peers import peer_name
from agentd.status_stream import TaskStatusStream

BUFFERED = 131_072
"""Bytes of answers that are kept for a client before it is no longer read from."""


class Outgoing:
    """The answers of one client, `is_paused` while it has to read before there is more."""

    def __init__(
        self,
        transport: asyncio.Transport,
        stalls: StallDetector,
        memory: AnswerMemory,
        client: WaitingClient,
    ) -> None:
        """`client` is whose unread bytes are accounted for."""
        transport.set_write_buffer_limits(high=BUFFERED)
        self._transport = transport
        self._stalls = stalls
        self._memory = memory
        self._client = client
        self.is_paused = False
        self._rest: TaskStatusStream | None = None

    def write(self, line: bytes) -> None:
        """Send it, unless nobody is there."""
        if not self._transport.is_closing():
            self._transport.write(line)
            self._stalls.watch(self)
            if self.is_paused:
                self.account_unread()

    def pause(self) -> None:
        """The client does not read."""
        self.is_paused = True
        self.account_unread()

    def resume(self) -> None:
        """The client reads again."""
        self.is_paused = False
        self.account_unread()

    def set_rest(self, rest: TaskStatusStream | None) -> None:
        """What is left of the answer that is being sent."""
        self._rest = rest
        self.account_unread()

    def next_rest(self) -> TaskStatusStream | None:
        """What to go on with now."""
        if self.is_paused:
            return None
        rest, self._rest = self._rest, None
        return rest

    def account_unread(self) -> None:
        """Tell what is held for this client now."""
        if not self._transport.is_closing():
            unread = self._transport.get_write_buffer_size() if self.is_paused else 0
            self._memory.set_unread(self._client, unread + (self._rest.size if self._rest else 0))

    def end(self) -> None:
        """The client is gone."""
        self._rest = None
        self._stalls.forget(self)
        self._memory.release(self._client)

    def unsent(self) -> tuple[int, int] | None:
        """See `WatchedClient`: what is left here and, where the kernel tells, in the socket."""
        here = self._transport.get_write_buffer_size()
        return (here, _in_socket(self._transport.get_extra_info("socket"))) if here else None

    def cut_off(self, seconds: int) -> None:
        """Close at once, because the client has read nothing for so long."""
        client = peer_name(self._transport.get_extra_info("socket"))
        logger.warning("cut off %s: it has not read its answers for %d s", client, seconds)
        self._transport.abort()


def _in_socket(connection: socket.socket) -> int:
    """Memory that the socket's unread bytes take; 0 where the kernel does not tell."""
    size = array("i", [0])
    try:
        fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, size)
    except OSError:
        return 0
    return size[0]
