"""The figures, in the order in which they are told.

The rule this file keeps: the table is a literal, a line or two a figure, named as Prometheus'
readers expect it: `agentd_`, what it is of, the unit in words (seconds, never micros), `_total` for
what only grows. A label has few values: states, kinds of failures (the daemon tells 64 apart), and
limits, of which the first 100 are told apart. Tasks, nodes and owners are no labels.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from msgspec import UNSET

from agentd.api import LimitView
from agentd.events import STATUSES
from agentd.figures.figure import Figure, Kind, Sample
from agentd.figures.reading import Reading
from agentd.text import printable

MOST_LIMITS = 100
OTHER = "other"
"""The limits that are too many to be told apart."""

Number = int | float


class _Line(NamedTuple):
    """A figure, and where its number is; with a `label`, its numbers by the label's values."""

    name: str
    kind: Kind
    help: str
    take: Callable[[Reading], Number | Mapping[str, Number] | None]
    label: str = ""


def figures(reading: Reading) -> list[Figure]:
    """All figures of which the daemon says something."""
    made = (Figure(line.name, line.kind, line.help, _samples(line, reading)) for line in _LINES)
    return [each for each in made if each.samples]


def figures_of_none() -> list[Figure]:
    """What there is to say where no daemon answers, or has no figures."""
    up = _LINES[0]
    return [Figure(up.name, up.kind, up.help, [Sample(up.name, {}, 0)])]


def _samples(line: _Line, reading: Reading) -> list[Sample]:
    taken = line.take(reading)
    if not isinstance(taken, Mapping):
        return [] if taken is None else [Sample(line.name, {}, taken)]
    if line.kind == "summary":
        return [Sample(f"{line.name}_{part}", {}, number) for part, number in taken.items()]
    return [Sample(line.name, {line.label: value}, number) for value, number in taken.items()]


def _by_label(named: Iterable[tuple[str, Number]]) -> dict[str, Number]:
    """Names of others as text. Two that are the same text are one."""
    sums: dict[str, Number] = {}
    for name, number in named:
        shown = printable(name)
        sums[shown] = sums.get(shown, 0) + number
    return sums


def _by_limit(of: Callable[[LimitView], int | None]) -> Callable[[Reading], Mapping[str, Number]]:
    """A number of each limit; what the others come to is told as one."""

    def take(reading: Reading) -> Mapping[str, Number]:
        limits = reading.limits.limits
        names = [each.name for each in limits[:MOST_LIMITS]] + [OTHER] * len(limits[MOST_LIMITS:])
        numbers = zip(names, map(of, limits), strict=True)
        return _by_label((name, number) for name, number in numbers if number is not None)

    return take


def _by_known_limit(
    of: Callable[[LimitView], int | None],
) -> Callable[[Reading], Mapping[str, Number]]:
    """A number of each limit that is told apart; the others' cannot be added up."""

    def take(reading: Reading) -> Mapping[str, Number]:
        numbers = ((each.name, of(each)) for each in reading.limits.limits[:MOST_LIMITS])
        return _by_label((name, number) for name, number in numbers if number is not None)

    return take


def _statuses(reading: Reading) -> Mapping[str, Number]:
    counts = reading.metrics.database.node_status_counts
    return {status: counts.get(status, 0) for status in STATUSES}


def _version(reading: Reading) -> Mapping[str, Number]:
    version = reading.metrics.version
    return {} if version is UNSET else _by_label([(version, 1)])


def _started(reading: Reading) -> float | None:
    started = reading.metrics.started_at
    return None if started is UNSET else started


def _acquire_seconds(reading: Reading) -> Mapping[str, Number]:
    runtime = reading.metrics.runtime
    return {
        "count": runtime.acquire_attempts,
        "sum": runtime.acquisition_latency_micros_total / 1_000_000,
    }


_LINES = (
    _Line(
        "agentd_up", "gauge", "1 if the daemon answers and has its database, else 0.", lambda _: 1
    ),
    _Line("agentd_build_info", "gauge", "1; which agentd the daemon is.", _version, "version"),
    _Line("agentd_start_time_seconds", "gauge", "When the daemon started, Unix time.", _started),
    _Line(
        "agentd_schema_version",
        "gauge",
        "The database's schema.",
        lambda r: r.metrics.database.schema_version,
    ),
    _Line(
        "agentd_journal_events_total",
        "counter",
        "Events in the journal, of all time.",
        lambda r: r.metrics.database.total_events,
    ),
    _Line(
        "agentd_tasks",
        "gauge",
        "Tasks, ended ones too.",
        lambda r: r.metrics.database.total_tasks,
    ),
    _Line(
        "agentd_tasks_registered_total",
        "counter",
        "Tasks that were registered.",
        lambda r: r.metrics.runtime.registered_tasks,
    ),
    _Line("agentd_nodes", "gauge", "Nodes by their status.", _statuses, "status"),
    _Line(
        "agentd_nodes_acquired_total",
        "counter",
        "Nodes that were handed out, an attempt each.",
        lambda r: r.metrics.runtime.acquired_nodes,
    ),
    _Line(
        "agentd_nodes_completed_total",
        "counter",
        "Nodes that were completed.",
        lambda r: r.metrics.runtime.completed_nodes,
    ),
    _Line(
        "agentd_nodes_failed_total",
        "counter",
        "Nodes that failed for good.",
        lambda r: r.metrics.runtime.failed_nodes,
    ),
    _Line(
        "agentd_failures_total",
        "counter",
        "Attempts that failed, those tried again too, by the kind that was told.",
        lambda r: _by_label(r.metrics.runtime.failures_by_kind.items()),
        "kind",
    ),
    _Line(
        "agentd_acquire_seconds",
        "summary",
        "What AcquireNextNode took, its wait in the queue and its commit included.",
        _acquire_seconds,
    ),
    _Line(
        "agentd_waiting_requests",
        "gauge",
        "Requests that wait now, for work, locks or events.",
        lambda r: r.metrics.runtime.waiting_requests,
    ),
    _Line(
        "agentd_leases_running",
        "gauge",
        "Leases on nodes that are RUNNING.",
        lambda r: r.metrics.database.running_leases,
    ),
    _Line(
        "agentd_leases_overdue",
        "gauge",
        "Leases that ran out and are not rolled back yet.",
        lambda r: r.metrics.database.expired_running_leases,
    ),
    _Line(
        "agentd_lease_rollbacks_total",
        "counter",
        "Leases that ran out and were rolled back.",
        lambda r: r.metrics.runtime.timeout_rollbacks,
    ),
    _Line(
        "agentd_heartbeats_total",
        "counter",
        "Leases that were extended.",
        lambda r: r.metrics.runtime.heartbeats,
    ),
    _Line(
        "agentd_committed_events_total",
        "counter",
        "Events that holders committed about their nodes.",
        lambda r: r.metrics.runtime.committed_events,
    ),
    _Line(
        "agentd_workers",
        "gauge",
        "Workers that wait for work, or held some in the last 10 minutes.",
        lambda r: len(r.workers.workers),
    ),
    _Line(
        "agentd_workers_holding",
        "gauge",
        "Workers that hold a lease now.",
        lambda r: sum(each.holding > 0 for each in r.workers.workers),
    ),
    _Line(
        "agentd_workers_waiting",
        "gauge",
        "Workers that wait for work now.",
        lambda r: sum(each.waiting > 0 for each in r.workers.workers),
    ),
    _Line(
        "agentd_gates_open",
        "gauge",
        "Gates that wait for a decision, counted up to 1,000.",
        lambda r: len(r.gates.gates),
    ),
    _Line(
        "agentd_limits",
        "gauge",
        "Limits that were set or closed, counted up to 1,000.",
        lambda r: len(r.limits.limits),
    ),
    _Line(
        "agentd_limit_running",
        "gauge",
        "Slots of a limit that are taken.",
        _by_limit(lambda each: each.running),
        "limit",
    ),
    _Line(
        "agentd_limit_max_running",
        "gauge",
        "Slots that a limit has; of one without a number of them there is no sample.",
        _by_known_limit(lambda each: each.max_running),
        "limit",
    ),
    _Line(
        "agentd_limit_waiting",
        "gauge",
        "Ready nodes that name a limit.",
        _by_limit(lambda each: each.waiting),
        "limit",
    ),
    _Line(
        "agentd_limit_closed",
        "gauge",
        "1 while a limit is closed, else 0.",
        _by_known_limit(lambda each: int(each.closed_until is not None)),
        "limit",
    ),
    _Line(
        "agentd_locks_held",
        "gauge",
        "Resource locks that are held.",
        lambda r: r.metrics.database.active_resource_locks,
    ),
    _Line(
        "agentd_locks_overdue",
        "gauge",
        "Resource locks that are over and not ended yet.",
        lambda r: r.metrics.database.expired_resource_locks,
    ),
    _Line(
        "agentd_locks_acquired_total",
        "counter",
        "Resource locks that were taken, those of nodes included.",
        lambda r: r.metrics.runtime.acquired_resource_locks,
    ),
    _Line(
        "agentd_locks_released_total",
        "counter",
        "Resource locks that were given back; not those that ran out.",
        lambda r: r.metrics.runtime.released_resource_locks,
    ),
    _Line(
        "agentd_conflicts_total",
        "counter",
        "Batches that were decided again, because another daemon was faster.",
        lambda r: r.metrics.runtime.conflicts,
    ),
)
