"""What this daemon has done since its start: the `runtime` part of Metrics."""

from agentd.api import OTHER_KINDS, RuntimeMetrics
from agentd.events import NodeFailed

_MOST_KINDS = 4_096
"""Kinds of failures that are counted each for itself: they are texts of others."""

_FIELDS = {
    "TaskRegistered": "registered_tasks",
    "NodeAcquired": "acquired_nodes",
    "EventCommitted": "committed_events",
    "LeaseExtended": "heartbeats",
    "NodeCompleted": "completed_nodes",
    "LeaseExpired": "timeout_rollbacks",
    "LockAcquired": "acquired_resource_locks",
    "LockReleased": "released_resource_locks",
    "LockEnded": "released_resource_locks",
}


def new_counters() -> RuntimeMetrics:
    """All at zero."""
    return RuntimeMetrics()


def count_event(counters: RuntimeMetrics, kind: str) -> None:
    """Count an event of that kind."""
    if field := _FIELDS.get(kind):
        setattr(counters, field, getattr(counters, field) + 1)


def count_failure(counters: RuntimeMetrics, event: NodeFailed) -> None:
    """Count a failure: of a node, where it is final, and of its kind, where it has one."""
    counters.failed_nodes += event.status == "FAILED"
    if event.kind is not None:
        kinds = counters.failures_by_kind
        kinds[event.kind] = kinds.get(event.kind, 0) + 1
        if len(kinds) > _MOST_KINDS:
            _forget_rare(kinds)


def _forget_rare(kinds: dict[str, int]) -> None:
    """Count half of the kinds, those that occurred least, as one."""
    ordered = sorted(kinds, key=kinds.__getitem__)
    rare = [kind for kind in ordered if kind != OTHER_KINDS][: len(ordered) // 2]
    kinds[OTHER_KINDS] = kinds.get(OTHER_KINDS, 0) + sum(map(kinds.pop, rare))


def count_attempt(counters: RuntimeMetrics, micros: int) -> None:
    """Count an AcquireNextNode that took so many microseconds, waiting and commit included."""
    counters.acquire_attempts += 1
    counters.acquisition_latency_micros_total += micros
    counters.average_acquisition_latency_micros = (
        counters.acquisition_latency_micros_total // counters.acquire_attempts
    )
