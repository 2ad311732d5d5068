"""What one client has sent and nobody has looked at.

The rule this file keeps: it is looked at a piece at a time, however much arrives.
"""

from collections import deque

from agentd.protocol import Rejected, Request, Requests

LINES_AT_ONCE = 256
"""Lines that are looked at in one turn: a flood of broken ones leaves room for the others."""


class Incoming:
    """Bytes, and the requests that were found in them."""

    def __init__(self) -> None:
        self._requests = Requests()
        self._received = b""
        self._found: deque[Request | Rejected] = deque()

    @property
    def unread(self) -> bool:
        """Whether there are bytes that were not looked at."""
        return bool(self._received)

    @property
    def found(self) -> bool:
        """Whether there are requests to take."""
        return bool(self._found)

    @property
    def waits(self) -> bool:
        """Whether there is either."""
        return bool(self._found or self._received)

    @property
    def unfinished(self) -> int:
        """Bytes of the last line, the end of which has not come."""
        return self._requests.pending

    @property
    def closed(self) -> bool:
        """Whether a line was too long: nothing behind it counts."""
        return self._requests.closed

    def add(self, data: bytes) -> None:
        """Some bytes arrived."""
        self._received += data

    def end(self) -> None:
        """No more will come: the last line is one without its newline, too."""
        self._received += b"\n"

    def look(self) -> None:
        """Find the requests in the next piece, once those before it are taken."""
        if self._found or not self._received:
            return
        piece, self._received = self._received, b""
        if piece.count(b"\n") > LINES_AT_ONCE:
            end = 0
            for _ in range(LINES_AT_ONCE):
                end = piece.index(b"\n", end) + 1
            piece, self._received = piece[:end], piece[end:]
        self._found.extend(self._requests.feed(piece))
        if self._requests.closed:
            self._received = b""

    def take(self) -> Request | Rejected:
        """The next request."""
        return self._found.popleft()

    def drop(self) -> None:
        """Nobody is there to be answered."""
        self._found.clear()
        self._received = b""
