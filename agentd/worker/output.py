"""What a command writes, bounded: lines to show, and the end of its complaints.

The rule this file keeps: however much is written, so much is kept and no more.
"""

from agentd.protocol import LINE_LIMIT

LONGEST_LINE = LINE_LIMIT
"""Bytes after which a line is given out unfinished."""


class LineSplitter:
    """Splits pieces of output into lines, without their newlines."""

    def __init__(self) -> None:
        self._rest = bytearray()  # a long line may come in crumbs: none of it is copied twice

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that this piece completes."""
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        return lines + self.end() if len(self._rest) > LONGEST_LINE else lines

    def end(self) -> list[bytes]:
        """The last line, if it was not finished."""
        rest = bytes(self._rest)
        self._rest.clear()
        return [rest] if rest else []


class TailBuffer:
    """The last `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = b""

    def feed(self, piece: bytes) -> None:
        """Take it, and forget what came long before it."""
        self._kept = (self._kept + piece)[-self._limit :]

    def __bytes__(self) -> bytes:
        return self._kept
