"""What the database holds, in numbers."""

from agentd.api import DatabaseMetrics
from agentd.projections import TOTALS, TotalsRow
from agentd.projections.totals import EMPTY_TOTALS, SCOPE
from agentd.queries.counts import count_by_status
from agentd.store import Reader


def database_metrics(reader: Reader, now: int) -> DatabaseMetrics:
    """What the database holds at `now` (Unix milliseconds)."""
    totals: TotalsRow = reader.get(TOTALS, (SCOPE,)) or EMPTY_TOTALS
    active, expired = reader.count_locks(now)
    schema_version, latest = reader.schema()
    return DatabaseMetrics(
        schema_version=schema_version,
        latest_schema_version=latest,
        total_tasks=totals.tasks,
        total_nodes=totals.nodes,
        total_events=totals.events,
        running_leases=totals.running,
        expired_running_leases=len(reader.expired_leases(0, now)),
        active_resource_locks=active,
        expired_resource_locks=expired,
        node_status_counts=count_by_status(totals),
    )
