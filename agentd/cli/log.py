"""What is logged while a verb works: a line each on standard error, as text or as JSON.

The rule this file keeps: what others wrote is shown as text, so none of it is a line of its own.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any

from agentd import config
from agentd.errors import BadSetting, Failure, LeaseLost, RequestRefused
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
    """Show what every logger says, as AGENTD_LOG_FORMAT has it. Raises `BadSetting`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATTER)
    if config.log_format() == "json":
        from agentd.json_log import JsonFormatter, log_uncaught

        handler.setFormatter(JsonFormatter())
        log_uncaught(logging.getLogger("agentd"))
    logging.basicConfig(handlers=[handler])


@contextlib.contextmanager
def failures_logged(*, as_json: bool = False) -> Iterator[None]:
    """What ends the verb is the last line of its log, where that is JSON. Raises `SystemExit` then.

    `as_json`: the envelope on standard output tells it.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (Failure, RequestRefused, LeaseLost, OSError, KeyboardInterrupt) as error:
        if as_json or not logs_json():
            raise
        from agentd.cli.failures import exit_code, kind_of, whole_message
        from agentd.json_log import json_line

        line = json_line("error", "agentd", whole_message(error), {"kind": kind_of(error)})
        print(line, file=sys.stderr, flush=True)
        raise SystemExit(exit_code(error)) from error


def logs_json() -> bool:
    """Whether AGENTD_LOG_FORMAT asks for it; where that does not parse, the log is text."""
    try:
        return config.log_format() == "json"
    except BadSetting:
        return False
