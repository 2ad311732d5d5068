"""What a failure leads to, and RetryNode: whether a node is tried again, and when.

The rule this file keeps: an attempt counts when it failed or timed out, and when its lease ran out
where the node says so. A node that says nothing of retries has one.
"""

from collections.abc import Collection, Sequence

from msgspec import Struct

from agentd.api import RetryNodeParams
from agentd.decide.context import Context
from agentd.decide.state import next_status, require_known, require_not_cancelled, require_task
from agentd.errors import NotRetryable
from agentd.events import NodeRetried, NodeSettings, Retry, TaskCancelled
from agentd.journal import Draft
from agentd.projections import NodeRow, TaskStateRow

_ATTEMPTS, _PAUSE, _FACTOR, _LONGEST_PAUSE, _JITTER = 1, 1.0, 2.0, 300.0, 0.2

_BEYOND = 1e12
"""Seconds: no pause is cut to more."""


def has_attempts_left(settings: NodeSettings, node: NodeRow) -> bool:
    """Whether the node may be tried again after the attempt that it is in, which counts."""
    return settings.retry is not None and node.counted + 1 < (
        _ATTEMPTS if settings.retry.max_attempts is None else settings.retry.max_attempts
    )


def expiry_counts(settings: NodeSettings) -> bool:
    """Whether an attempt whose lease ran out counts."""
    return settings.retry is not None and settings.retry.on_expiry is not False


def pause_ms(retry: Retry, attempts: int, chance: float) -> int:
    """Milliseconds to wait after so many attempts that counted; `chance` is from 0 to 1."""
    first = _or(retry.backoff_secs, _PAUSE)
    try:
        pause = min(first * _or(retry.factor, _FACTOR) ** (attempts - 1), _BEYOND)
    except OverflowError:
        pause = _BEYOND if first else 0.0
    pause *= 1 + _or(retry.jitter, _JITTER) * (2 * chance - 1)
    return round(min(pause, _or(retry.max_backoff_secs, _LONGEST_PAUSE)) * 1000)


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)


class FailedNode(Struct, frozen=True):
    """A node, whether its dependents run although it failed, and who they are."""

    row: NodeRow
    satisfied: bool
    dependents: Sequence[NodeRow]


class RetryState(Struct, frozen=True):
    """The state RetryNode decides on: the one node that is named, or all that are FAILED."""

    task_id: str
    version: int
    task: TaskStateRow | None
    nodes: Sequence[FailedNode]
    cancelled: TaskCancelled | None = None
    result_seq: int = 0


def retry_node(state: RetryState, params: RetryNodeParams, _context: Context) -> list[Draft]:
    """The node is PENDING again, or all that can be."""
    require_task(state)
    require_not_cancelled(state.task_id, state.cancelled)
    if params.failed:
        chosen = _retryable(state.nodes)
    else:
        row = state.nodes[0].row if state.nodes else None
        require_known(row, state.task_id, params.node_id or "")
        _require_retryable(state.nodes[0])
        chosen = state.nodes
    return [_retry(node, number, params) for number, node in enumerate(chosen, 1)]


def _retry(node: FailedNode, number: int, params: RetryNodeParams) -> Draft:
    status = next_status(node.row, "retry_failed")
    event = NodeRetried(status, node.satisfied, number, params.reason, params.by)
    return Draft(event, node.row.node_id)


def _retryable(nodes: Sequence[FailedNode]) -> Sequence[FailedNode]:
    """Those whose dependents are PENDING, or among these."""
    chosen = {node.row.node_id: node for node in nodes}
    while kept_back := [each for each in chosen.values() if _in_the_way(each, chosen)]:
        for node in kept_back:
            del chosen[node.row.node_id]
    return [*chosen.values()]


def _in_the_way(node: FailedNode, with_it: Collection[str] = ()) -> NodeRow | None:
    """A dependent that ran although the node failed, so that it cannot be tried again."""
    for each in node.dependents:
        if each.status != "PENDING" and each.node_id not in with_it:
            return each
    return None


def _require_retryable(node: FailedNode) -> None:
    row = node.row
    if row.status != "FAILED":
        raise NotRetryable(
            f"node {row.node_id} is {row.status}: only what is FAILED is tried again",
            node_id=row.node_id,
            status=row.status,
        )
    if (other := _in_the_way(node)) is not None:
        raise NotRetryable(
            f"node {row.node_id} cannot be tried again: node {other.node_id}, which depends on "
            f"it, ran although it failed, and is {other.status}",
            node_id=row.node_id,
            dependent_id=other.node_id,
        )
