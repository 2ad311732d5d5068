"""What is logged while a verb works: a line each on standard error.

The rule this file keeps: what others wrote is shown as text, so none of it is a line of its own.
"""

import logging
import sys
from typing import Any

from agentd.text import printable


class _Formatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return "\n".join(
            f"    {printable(line)}" for line in super().formatException(ei).split("\n")
        )


FORMATTER = _Formatter("agentd: %(message)s")


def log_to_stderr() -> None:
    """Show what every logger says, as the program that runs this verb says things."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATTER)
    logging.basicConfig(handlers=[handler])
