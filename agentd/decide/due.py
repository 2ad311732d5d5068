"""What is due without anybody asking: leases that ran out, times that are over, moments that came.

The rule this file keeps: a lease that ran out is a rollback, unless the node counts such attempts;
one that was cut to the deadline of its attempt is a failure.
"""

from collections.abc import Sequence

import msgspec

from agentd.api import MOST_SHOWN, NULL, AttemptView
from agentd.decide.context import Context
from agentd.decide.failures import Failure, fail, retry_or_fail
from agentd.decide.retries import expiry_counts, has_attempts_left
from agentd.decide.state import KnownNode, TaskState, next_status, require_task
from agentd.events import HowFailed, LeaseExpired, NodeDue
from agentd.journal import Draft

TIMEOUT = "timeout"
"""The kind of a failure whose time was over."""


def settle_due(state: TaskState, _params: object, context: Context) -> list[Draft]:
    """The end of every lease of the task that ran out, and every moment that has come."""
    require_task(state)
    ended = [end_expired(node, context) for node in state.expired]
    return ended + [Draft(NodeDue(), row.node_id) for row in state.due]


def end_expired(node: KnownNode, context: Context) -> Draft:
    """What becomes of a node whose lease ran out."""
    row, settings = node.row, node.settings
    if _is_timed_out(node, context):
        return _time_out(node, context)
    counts = expiry_counts(settings)
    if counts and not has_attempts_left(settings, row):
        told = {"kind": "attempts_exhausted", "attempts": _attempts(node, context, "expired")}
        return fail(Failure(row, settings, msgspec.json.encode(told), "expired"))
    event = LeaseExpired(
        row.lease_id or "",
        row.lease_owner or "",
        row.lease_expires_at or 0,
        next_status(row, "timeout_rollback"),
        row.attempt,
        row.last_end_seq,
        counts,
    )
    return Draft(event, row.node_id)


def _is_timed_out(node: KnownNode, context: Context) -> bool:
    """Whether the lease was cut to the deadline, or is honoured for longer than that."""
    deadline, ends = node.row.deadline_at, node.row.lease_expires_at or 0
    if deadline is None or deadline > context.now:
        return False
    return ends >= deadline or ends <= context.honoured_until


def _time_out(node: KnownNode, context: Context) -> Draft:
    told = {"kind": TIMEOUT, "timeout_secs": (node.settings.timeout_ms or 0) // 1000}
    error = msgspec.json.encode(told)
    if not has_attempts_left(node.settings, node.row):
        attempts = _attempts(node, context, "timed_out", error)
        error = msgspec.json.encode({**told, "attempts": attempts})
    return retry_or_fail(Failure(node.row, node.settings, error, "timed_out", TIMEOUT), context)


def _attempts(
    node: KnownNode, context: Context, how: HowFailed, error: bytes = NULL
) -> Sequence[AttemptView]:
    """How the newest attempts ended, the one that ends now included."""
    row, kind = node.row, TIMEOUT if how == "timed_out" else None
    last = AttemptView(
        row.attempt, row.lease_owner, context.now / 1000, how, kind, msgspec.Raw(error)
    )
    return [*node.attempts, last][-MOST_SHOWN:]
