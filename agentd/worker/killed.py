"""A command that was killed by a signal that nobody sent to its worker: the OOM killer's, say.

The rule this file keeps: that may be the machine's fault, so the node is tried again; but not more
often than three times in a row, whichever workers it was, because it may be the node's own.
"""

import time
from typing import Any

import msgspec

from agentd.api import MOST_SHOWN, AttemptView
from agentd.client import AsyncLease
from agentd.errors import WorkFailed, WorkReleased
from agentd.worker.command_ending import CommandEnding

KILLED_BY = "killed by "
"""Begins the reason for which such a node is given back; by this they are counted."""

MOST_KILLED = 3
"""Attempts of one node in a row that a signal may end; the last one fails it."""


def killed_ending(lease: AsyncLease, ending: CommandEnding) -> WorkReleased | WorkFailed:
    """What becomes of a node whose command a signal has ended."""
    reason = f"{KILLED_BY}{ending.signal}"
    earlier = lease.context.attempts
    if _killed_in_a_row(earlier) + 1 < MOST_KILLED:
        return WorkReleased(reason)
    history = [*map(msgspec.structs.asdict, earlier), _this_attempt(lease, reason)][-MOST_SHOWN:]
    payload = {
        "kind": "killed",
        "signal": ending.signal,
        "exit_code": ending.exit_code,
        "stderr": ending.stderr,
        "attempts": history,
    }
    return WorkFailed(payload, kind="killed", retryable=False)


def _killed_in_a_row(attempts: list[AttemptView]) -> int:
    count = 0
    for attempt in reversed(attempts):
        if attempt.how != "released" or not _text(attempt).startswith(KILLED_BY):
            break
        count += 1
    return count


def _text(attempt: AttemptView) -> str:
    """The reason of a release."""
    try:
        return msgspec.json.decode(attempt.error, type=str)
    except msgspec.DecodeError:  # it gave none
        return ""


def _this_attempt(lease: AsyncLease, reason: str) -> dict[str, Any]:
    node = lease.context.node
    return {
        "attempt": node.attempt,
        "owner": node.lease_owner,
        "ended_at": time.time(),
        "how": "failed",
        "kind": "killed",
        "error": reason,
    }
