"""Standard error of a process that waits for nobody: a bounded queue, and a thread that writes.

The rule this file keeps: whoever says something never waits for whoever should read it. A full
pipe, a stopped terminal or a full disk costs lines, which are counted and told where they are
missing. The descriptor is not made non-blocking for that: it is shared with the user's shell.
A regular file needs nobody who reads it: what is said is in it at once, whatever kills us next.
"""

import atexit
import contextlib
import os
import signal
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from io import TextIOBase
from typing import TextIO, cast

from agentd.json_log import json_line

LONGEST_QUEUE = 2**18
"""Characters that may wait to be read: some 2,000 lines."""

LAST_SECONDS = 1.0
"""How long the end of the process waits for its last lines to be taken: a stop takes 5 s in all."""

_AGAIN_SECONDS = 0.05
"""Between two attempts at a descriptor that somebody else has made non-blocking."""

_STANDARD = 2
"""The last of the three standard descriptors."""


class QueuedStderr(TextIOBase):
    """A text file that can be written to at any time, and never has to be waited for."""

    def __init__(
        self, file: int, encoding: str = "utf-8", notice: Callable[[str], str] = "agentd: {}".format
    ) -> None:
        """`notice` makes the line that says how many are missing."""
        self._file = file
        self._notice = notice
        self._encoding = encoding
        self._changed = threading.Condition()
        self._waiting: deque[str | int] = deque()  # lines, or how many are missing at this place
        self._size = 0  # characters that wait or are being written
        self._begun = ""  # a line whose end is still to come
        self._is_writing = False
        self._is_refused = False  # the file takes nothing: the next line is the next attempt
        self._is_torn = False  # the last line in the file has no end
        self._is_regular = stat.S_ISREG(os.fstat(file).st_mode)
        if not self._is_regular:
            threading.Thread(target=self._write_on, name="stderr", daemon=True).start()

    def write(self, text: str) -> int:
        """Take the text, or drop it where too much waits. Returns at once."""
        with self._changed:
            lines, end, self._begun = (self._begun + text).rpartition("\n")
            if end:
                self._take(lines + end)
            while self._is_regular and self._has_work():
                self._write_next()
        return len(text)

    def fileno(self) -> int:
        """The descriptor that is written to."""
        return self._file

    def drain(self, seconds: float = LAST_SECONDS) -> None:
        """Wait until all is written, no longer than that, nor for a file that takes nothing."""
        if self._begun:
            self.write("\n")
        with self._changed:
            self._changed.wait_for(self._is_idle, seconds)

    def _take(self, lines: str) -> None:
        if self._size and self._size + len(lines) > LONGEST_QUEUE:
            before = self._waiting.pop() if self._is_missing_at(-1) else 0
            self._waiting.append(cast("int", before) + lines.count("\n"))
        else:
            self._waiting.append(lines)
            self._size += len(lines)
        self._is_refused = False
        self._changed.notify_all()

    def _is_missing_at(self, place: int) -> bool:
        return bool(self._waiting) and isinstance(self._waiting[place], int)

    def _is_idle(self) -> bool:
        return self._is_refused or not (self._waiting or self._is_writing)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work)
            self._write_next()

    def _has_work(self) -> bool:
        return bool(self._waiting) and not self._is_refused

    def _write_next(self) -> None:
        with self._changed:
            head, self._is_writing = self._next(), True
        left = self._put(head if isinstance(head, str) else f"{self._notice(_missing(head))}\n")
        with self._changed:
            self._is_writing = False
            if isinstance(head, str):
                self._size -= len(head)
            if left:
                self._lose(left if isinstance(head, str) else head)
            self._changed.notify_all()

    def _next(self) -> str | int:
        """All lines that wait up to the next that are missing, or how many are missing first."""
        head = self._waiting.popleft()
        if isinstance(head, int):
            return head
        lines = [head]
        while self._waiting and isinstance(self._waiting[0], str):
            lines.append(cast("str", self._waiting.popleft()))
        return "".join(lines)

    def _lose(self, count: int) -> None:
        after = self._waiting.popleft() if self._is_missing_at(0) else 0
        self._waiting.appendleft(count + cast("int", after))
        self._is_refused = True

    def _put(self, text: str) -> int:
        """Write the text, however long that takes; how many lines the file did not take."""
        start = "\n" if self._is_torn else ""
        whole = data = f"{start}{text}".encode(self._encoding, "backslashreplace")
        while data:
            try:
                data = data[os.write(self._file, data) :]
            except BlockingIOError:
                time.sleep(_AGAIN_SECONDS)
            except OSError:  # nobody will ever read it, or the disk is full
                if written := whole[: len(whole) - len(data)]:
                    self._is_torn = not written.endswith(b"\n")
                return min(data.count(b"\n"), text.count("\n"))
        self._is_torn = False
        return 0


def _missing(number: int) -> str:
    lines = "1 line is" if number == 1 else f"{number} lines are"
    return f"{lines} missing here: the log was not read, or could not be written"


def _json_notice(told: str) -> str:
    return json_line("warn", "agentd", told)


def replace_stderr(*, as_json: bool = False) -> None:
    """Let all that this process says on standard error go through a queue, to its end."""
    open_closed_descriptors()
    # Else a terminal that is set so (stty tostop) stops whoever writes to it in the background.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    notice = _json_notice if as_json else "agentd: {}".format
    queued = QueuedStderr(sys.stderr.fileno(), sys.stderr.encoding, notice)
    sys.stderr = cast("TextIO", queued)
    atexit.register(queued.drain)


def open_closed_descriptors() -> None:
    """Whoever writes to a standard file that was closed must not hit the database instead."""
    with contextlib.suppress(OSError):
        while (file := os.open(os.devnull, os.O_RDWR)) <= _STANDARD:
            pass
        os.close(file)
