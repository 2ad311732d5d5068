"""`agentd status`: Health and Metrics for a person."""

import argparse

from agentd.api import MetricsResult
from agentd.cli.printing import print_data
from agentd.client import Client
from agentd.text import printable

_OK = "ok"


def run(options: argparse.Namespace) -> int:
    """Print both; 1 when the daemon says that it is not ready. Raises `DaemonUnreachable`."""
    with Client() as client:
        address = str(client.address)
        health = client.health()
        metrics = client.metrics() if health.status == _OK else None
    if options.json:
        print_data({"socket": address, "health": health, "metrics": metrics})
    else:
        print(f"daemon    {printable(health.status)}, listening on {printable(address)}")
        print(f"database  {printable(health.database)}")
        if metrics is not None:
            _print_metrics(metrics)
    return 0 if metrics is not None else 1


def _print_metrics(metrics: MetricsResult) -> None:
    runtime, database = metrics.runtime, metrics.database
    counts = database.node_status_counts
    statuses = ", ".join(f"{number:,} {status}" for status, number in counts.items()) or "none"
    print(f"uptime    {_format_duration(metrics.uptime_secs)}")
    print(f"tasks     {database.total_tasks:,}")
    print(f"nodes     {database.total_nodes:,} ({printable(statuses)})")
    print(f"events    {database.total_events:,}, schema {database.schema_version}")
    print(
        f"leases    {database.running_leases:,} running, "
        f"{database.expired_running_leases:,} run out; "
        f"{metrics.running_timeout_secs} s each"
    )
    print(
        f"since its start  {runtime.acquired_nodes:,} acquired, "
        f"{runtime.completed_nodes:,} completed, {runtime.failed_nodes:,} failed, "
        f"{runtime.timeout_rollbacks:,} rolled back"
    )
    average = runtime.average_acquisition_latency_micros / 1000
    print(f"acquiring takes  {average:.1f} ms on average")


def _format_duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    words = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(words[:2]) or "0 s"
