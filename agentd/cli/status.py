"""`agentd status`: Health and Metrics for a person."""

import argparse
from typing import Any

from agentd import config
from agentd.client import Client


def run(_options: argparse.Namespace) -> int:
    """Print both; 1 when the daemon says that it is not ready. Raises `DaemonUnreachable`."""
    settings = config.load()
    with Client(settings.socket_path) as client:
        health = client.call("Health")
        print(f"daemon    {health['status']}, listening on {settings.socket_path}")
        print(f"database  {health['database']}")
        if health["status"] != "ok":
            return 1
        _print_metrics(client.call("Metrics"))
    return 0


def _print_metrics(metrics: dict[str, Any]) -> None:
    runtime, database = metrics["runtime"], metrics["database"]
    counts = database["node_status_counts"]
    statuses = ", ".join(f"{number:,} {status}" for status, number in counts.items()) or "none"
    print(f"uptime    {_duration(metrics['uptime_secs'])}")
    print(f"tasks     {database['total_tasks']:,}")
    print(f"nodes     {database['total_nodes']:,} ({statuses})")
    print(f"events    {database['total_events']:,}, schema {database['schema_version']}")
    print(
        f"leases    {database['running_leases']:,} running, "
        f"{database['expired_running_leases']:,} run out; "
        f"{metrics['running_timeout_secs']} s each"
    )
    print(
        f"since its start  {runtime['acquired_nodes']:,} acquired, "
        f"{runtime['completed_nodes']:,} completed, {runtime['failed_nodes']:,} failed, "
        f"{runtime['timeout_rollbacks']:,} rolled back"
    )
    average = runtime["average_acquisition_latency_micros"] / 1000
    print(f"acquiring takes  {average:.1f} ms on average")


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(shown[:2]) or "0 s"
