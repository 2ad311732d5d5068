"""The daemon's log: one line per event on standard error.

The rule this file keeps: what clients send reaches the log escaped, so that nobody can write a
line, or an instruction to a terminal, into it.
"""

import logging
import time
from typing import Any

logger = logging.getLogger("agentd")


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)-5s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = _escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        # Only the lines of the traceback's own making may look like lines: all are indented.
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {_escaped(line)}" for line in lines)


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def set_up(level: int) -> None:
    """Log to standard error from `level` (a number of `logging`) on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)
