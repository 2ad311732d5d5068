"""A result that no line has room for, kept whole as a file that the node's result names.

The rule this file keeps: under its name it is whole and on the disk, or it is not there. Until it
is finished it is NODE-ATTEMPT.part, and no more of it is in memory than the piece at hand.
"""

import codecs
import contextlib
import errno
import hashlib
import socket
from typing import TypedDict

from agentd.durable import sync_directory, sync_file
from agentd.results.attempt_files import AttemptFiles, append, create_file

HEAD_BYTES = 4096
"""The beginning that the node's result has as text."""


class KeptResult(TypedDict):
    """A node's result: where the whole of it is."""

    file: str
    host: str
    bytes: int
    sha256: str
    head: str


class ResultTooLong(OSError):
    """It has more bytes than a result may have."""


class LargeResult:
    """Writes such a file, `place`. What goes wrong is raised at the end; there is no file then."""

    def __init__(self, files: AttemptFiles, most: int) -> None:
        """`most` is how many bytes it may have."""
        self.place = files.result
        self._files = files
        self._most = most
        self._size = 0
        self._head = b""
        self._hash = hashlib.sha256()
        self._is_begun = False
        self._problem: OSError | None = None

    def feed(self, content: bytes) -> None:
        """Write what comes next."""
        self._size += len(content)
        if self._problem is not None:
            return
        try:
            if self._size > self._most:
                raise ResultTooLong(errno.EFBIG, f"it has more than {self._most:,} bytes")
            if not self._is_begun:
                self._begin()
            append(self._files.unfinished_result, content)
        except OSError as error:
            self._problem = error
            self.discard()
        self._hash.update(content)
        self._head += content[: HEAD_BYTES - len(self._head)]

    def finish(self) -> KeptResult:
        """Have the disk keep it under its name. Raises `OSError`, or `ResultTooLong`."""
        if self._problem is not None:
            raise self._problem
        unfinished = self._files.unfinished_result
        try:
            with unfinished.open("rb") as file:
                sync_file(file.fileno())
            unfinished.replace(self.place)
        except OSError:
            self.discard()
            raise
        self._is_begun = False
        for folder in self._files.folders:
            sync_directory(folder)
        return KeptResult(
            file=str(self.place),
            host=socket.gethostname(),
            bytes=self._size,
            sha256=self._hash.hexdigest(),
            head=_as_text(self._head),
        )

    def discard(self) -> None:
        """Remove what is not finished, if there is something."""
        if self._is_begun:
            self._is_begun = False
            with contextlib.suppress(OSError):
                self._files.unfinished_result.unlink()

    def _begin(self) -> None:
        self._files.left_by_attempt_before.unlink(missing_ok=True)  # by a worker that was killed
        create_file(self._files.unfinished_result)
        self._is_begun = True


def _as_text(head: bytes) -> str:
    """The beginning of a text; a character that is cut in two is left out."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(head)
