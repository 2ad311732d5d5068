"""A client that does with its socket what no client should do."""

from __future__ import annotations

import select
from socket import MSG_DONTWAIT

from tests.daemon_process import Connection


class Rude(Connection):
    """A client whose socket the test may look at without reading from it."""

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def hung_up(self) -> bool:
        """Whether the daemon has closed the connection."""
        poll = select.poll()
        poll.register(self, 0)
        return bool(poll.poll(0))

    def some(self, most: int) -> bytes:
        """Read what is there, up to so many bytes."""
        return self._socket.recv(most)

    def send_what_goes(self, data: bytes) -> int:
        """Send until the daemon takes no more, and return how many bytes it took."""
        sent = 0
        while sent < len(data) and select.select([], [self], [], 0.3)[1]:
            sent += self.send_at_once(data[sent : sent + 65_536])
        return sent

    def send_at_once(self, data: bytes) -> int:
        """Send what goes without waiting, at least a byte, and return how many bytes went."""
        return self._socket.send(data, MSG_DONTWAIT)
