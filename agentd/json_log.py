"""A log that programs read: one JSON object a line.

The rule this file keeps: what others wrote is spelled out as in the log for people, so a program
that prints a message prints nothing that a terminal obeys, and nobody can write a line.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agentd.text import printable_start

LONGEST_LINE = 2_000
"""Characters of a message, or of one line of a traceback, before they are escaped."""

_WORDS = ((40, "error"), (30, "warn"), (20, "info"), (10, "debug"), (0, "trace"))
"""The levels as AGENTD_LOG has them."""


class JsonFormatter(logging.Formatter):
    """A record as a line; `extra={"fields": {...}}` adds what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, Any] = getattr(record, "fields", {})
        if record.exc_info:
            lines = self.formatException(record.exc_info).split("\n")
            fields = {**fields, "exception": "\n".join(map(_escape_start, lines))}
        level = next(word for number, word in _WORDS if record.levelno >= number)
        return json_line(level, record.name, record.getMessage(), fields, record.created)


def json_line(
    level: str,
    name: str,
    message: str,
    fields: Mapping[str, object] | None = None,
    at: float | None = None,
) -> str:
    """One line, without its end; `at` is Unix seconds, now where it is left out."""
    import msgspec  # noqa: PLC0415 - a daemon that is sent away has no need of it

    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    told = {
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "logger": name,
        "message": _escape_start(message),
        "pid": os.getpid(),
        **(fields or {}),
    }
    return msgspec.json.encode(told).decode()


def log_uncaught(logger: logging.Logger) -> None:
    """Have what nobody catches logged, and not printed as Python prints it."""

    def hook(kind: Any, error: Any, trace: Any) -> None:
        logger.error("nobody caught this", exc_info=(kind, error, trace))

    sys.excepthook = hook
    threading.excepthook = lambda args: hook(args.exc_type, args.exc_value, args.exc_traceback)


def _escape_start(text: str) -> str:
    return printable_start(text, LONGEST_LINE)
