"""What a worker's log says of a node whose handler has raised something.

The rule this file keeps: what became of the node is said as the daemon has answered it. An attempt
that is followed by another is no end.
"""

import logging
import time

from agentd.api import EventResult, FailNodeResult
from agentd.client.payloads import failure_payload
from agentd.client.repeats import TRANSIENT
from agentd.errors import UnknownMethod, WorkFailed, WorkReleased
from agentd.text import printable

logger = logging.getLogger("agentd.worker")

LET_GO = "let go of node %s, it goes back when its lease runs out: %s"

_LONGEST_LOGGED = 200
"""Bytes of a failure that the log repeats; the node has all of it."""


def log_end(node: str, error: Exception, ending: EventResult | None) -> None:
    """What the handler raised, or what came of telling its end: `ending`, or nothing."""
    notes = getattr(error, "__notes__", ())
    if isinstance(error, WorkReleased) and ending is None:
        logger.warning(LET_GO, node, printable(" ".join(notes)))
    elif isinstance(error, WorkReleased):
        cause = f", after {printable(repr(error.__cause__))}" if error.__cause__ else ""
        why = printable(error.reason or "no reason")
        logger.info("gave node %s back: %s%s", node, why, cause)
    elif isinstance(error, (*TRANSIENT, UnknownMethod)):
        logger.warning(LET_GO, node, printable(error))
    else:
        told = " ".join([_describe(error), *notes])
        logger.warning("node %s failed%s: %s", node, _what_next(ending), printable(told))


def _what_next(ending: EventResult | None) -> str:
    """Nothing where the node has failed for good."""
    if not isinstance(ending, FailNodeResult) or ending.status != "PENDING":
        return ""
    wait = 0 if ending.not_before is None else round(ending.not_before - time.time())
    when = f" in {wait} s" if wait > 0 else ""
    return f" (attempt {ending.attempt}), and is tried again{when}"


def _describe(error: Exception) -> str:
    if isinstance(error, WorkFailed):
        return bytes(failure_payload(error))[:_LONGEST_LOGGED].decode(errors="replace")
    return repr(error)
