"""What one client has sent and nobody has looked at.

The rule this file keeps: it is looked at a piece at a time, however much arrives.
"""

from collections import deque

from agentd.protocol import RejectedLine, Request, RequestParser

LINES_AT_ONCE = 256
"""Lines that are looked at in one turn: a flood of broken ones leaves room for the others."""


class Incoming:
    """Bytes that nobody has looked at (`unread`), and the requests `found` in those before them."""

    def __init__(self) -> None:
        self._requests = RequestParser()
        self.unread = b""
        self.found: deque[Request | RejectedLine] = deque()

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
        self.unread += data

    def end(self) -> None:
        """No more will come: the last line is one without its newline, too."""
        self.unread += b"\n"

    def look(self) -> None:
        """Find the requests in the next piece, once those before it are taken."""
        if self.found or not self.unread:
            return
        piece, self.unread = self.unread, b""
        if piece.count(b"\n") > LINES_AT_ONCE:
            end = 0
            for _ in range(LINES_AT_ONCE):
                end = piece.index(b"\n", end) + 1
            piece, self.unread = piece[:end], piece[end:]
        self.found.extend(self._requests.feed(piece))
        if self._requests.closed:
            self.unread = b""

    def drop(self) -> None:
        """Nobody is there to be answered."""
        self.found.clear()
        self.unread = b""
