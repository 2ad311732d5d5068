"""The daemon's log: one line per event on standard error.

The rule this file keeps: what clients send reaches the log escaped and shortened, so that nobody
can write a line, or an instruction to a terminal, into it, or fill a disk with it.
"""

import logging
import time
from typing import Any

from agentd.errors import DatabaseGone, RequestRefused, StorageError
from agentd.json_log import LONGEST_LINE, JsonFormatter, log_uncaught
from agentd.text import printable_start

logger = logging.getLogger("agentd")


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)-5s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = _escape(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        # Only the lines of the traceback's own making may look like lines: all are indented.
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {_escape(line)}" for line in lines)


class RateLimitedLog:
    """Writes a line at most once in so many seconds, however often it is given."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._next = 0.0
        self._left_out = 0

    def warning(self, message: str, *values: object) -> None:
        """Write a warning, with how often it was left out before."""
        self._write(logging.WARNING, message, *values)

    def error(self, message: str, *values: object) -> None:
        """Write an error, with how often it was left out before."""
        self._write(logging.ERROR, message, *values)

    def failure(self, message: str, error: RequestRefused) -> None:
        """Write why the daemon's own work failed; that a server is gone `DatabaseServer` tells."""
        if not isinstance(error, DatabaseGone):
            self.error(message, error.why if isinstance(error, StorageError) else error)

    def _write(self, level: int, message: str, *values: object) -> None:
        if (now := time.monotonic()) < self._next:
            self._left_out += 1
            return
        more = f" ({self._left_out} more were not logged)" if self._left_out else ""
        logger.log(level, f"{message}%s", *values, more)  # noqa: G004 - the message is the format
        self._next = now + self._seconds
        self._left_out = 0


FAILURES_SECONDS = 10.0
"""At most so often the log says that the database cannot be written: it may be on the full disk."""


def _escape(text: str) -> str:
    return printable_start(text, LONGEST_LINE)


def set_up(level: int, log_format: str = "text") -> None:
    """Log to standard error from `level` (a number of `logging`) on, as text or as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else _Formatter())
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)
    # What the event loop has to say quotes clients, too.
    loops = logging.getLogger("asyncio")
    loops.handlers[:] = [handler]
    loops.propagate = False
    loops.setLevel(max(level, logging.WARNING))
    if log_format == "json":
        log_uncaught(logger)
