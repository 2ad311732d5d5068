"""How an attempt that came to nothing ends: the node is tried again, or FAILED."""

from msgspec import Struct

from agentd.decide.context import Context
from agentd.decide.retries import has_attempts_left, pause_ms
from agentd.decide.state import next_status
from agentd.events import Amounts, HowFailed, NodeFailed, NodeSettings, Retry
from agentd.journal import Draft
from agentd.projections import NodeRow


class Failure(Struct, frozen=True):
    """What came to nothing, and how; `payload` is the error, `usage` what it has cost."""

    node: NodeRow
    settings: NodeSettings
    payload: bytes
    how: HowFailed = "failed"
    kind: str | None = None
    usage: Amounts = {}
    spent: bool = False


def retry_or_fail(failure: Failure, context: Context, after_ms: int | None = None) -> Draft:
    """The node is tried again while it may be, after its pause or after exactly `after_ms`."""
    node, retry = failure.node, failure.settings.retry or Retry()
    if not has_attempts_left(failure.settings, node):
        return fail(failure)
    if after_ms is None:
        after_ms = pause_ms(retry, node.counted + 1, context.random())
    not_before = context.now + after_ms if after_ms else None
    event = NodeFailed(
        node.lease_id or "",
        next_status(node, "retry"),
        node.attempt,
        node.last_end_seq,
        node.lease_owner,
        failure.how,
        failure.kind,
        not_before,
        usage=failure.usage,
        spent=failure.spent,
    )
    return Draft(event, node.node_id, failure.payload)


def fail(failure: Failure) -> Draft:
    """The node is FAILED."""
    node = failure.node
    event = NodeFailed(
        node.lease_id or "",
        next_status(node, "fail"),
        node.attempt,
        node.last_end_seq,
        node.lease_owner,
        failure.how,
        failure.kind,
        satisfies=failure.settings.on_failure == "continue",
        usage=failure.usage,
        spent=failure.spent,
    )
    return Draft(event, node.node_id, failure.payload)
