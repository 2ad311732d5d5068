"""The kept output of one stream of an attempt, read as it grows.

The rule this file keeps: nothing is told twice, and what is left out is told.
"""

import codecs
from collections.abc import Iterator
from typing import NamedTuple

from agentd.results.attempt_files import AttemptFiles, Stream
from agentd.results.kept_stream import read_stream


class Written(NamedTuple):
    """What was written, and how many bytes before it are kept no more."""

    left_out: int
    content: bytes


class StreamLog:
    """One stream, from its beginning; each piece is read once."""

    def __init__(self, files: AttemptFiles, stream: Stream) -> None:
        self.name = stream
        self._path = files.log(stream)
        self._read = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def pieces(self) -> Iterator[Written]:
        """What has come since the last time. Raises `OSError`."""
        for piece in read_stream(self._path, self._read):
            yield Written(piece.start - self._read, piece.content)
            self._read = piece.end

    def decode(self, written: Written) -> tuple[str, str]:
        """A piece as text: the end of what came before what is left out, and itself.

        A character that is cut in two by the end of a piece is in the next one.
        """
        before = self.decode_end() if written.left_out else ""
        return before, self._decoder.decode(written.content)

    def decode_end(self) -> str:
        """What is left of a character that was cut in two, and does not go on."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
