"""What this daemon has done since its start: the `runtime` part of Metrics."""

from agentd.api import RuntimeMetrics

_FIELDS = {
    "TaskRegistered": "registered_tasks",
    "NodeAcquired": "acquired_nodes",
    "EventCommitted": "committed_events",
    "LeaseExtended": "heartbeats",
    "NodeCompleted": "completed_nodes",
    "NodeFailed": "failed_nodes",
    "LeaseExpired": "timeout_rollbacks",
}


def new_counters() -> RuntimeMetrics:
    """All at zero."""
    return RuntimeMetrics(*(0 for _ in RuntimeMetrics.__struct_fields__))


def count_event(counters: RuntimeMetrics, kind: str) -> None:
    """Count an event of that kind."""
    if field := _FIELDS.get(kind):
        setattr(counters, field, getattr(counters, field) + 1)


def count_attempt(counters: RuntimeMetrics, micros: int) -> None:
    """Count an AcquireNextNode that took so many microseconds, waiting and commit included."""
    counters.acquire_attempts += 1
    counters.acquisition_latency_micros_total += micros
    counters.average_acquisition_latency_micros = (
        counters.acquisition_latency_micros_total // counters.acquire_attempts
    )
