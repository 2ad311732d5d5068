"""What the daemon says of itself, asked for at one time.

The rule this file keeps: it is what every client may ask, and bounded: one page of each list.
"""

from typing import NamedTuple

from agentd.api import ListGatesResult, ListLimitsResult, ListWorkersResult, MetricsResult
from agentd.client import Client


class Reading(NamedTuple):
    """The answers to the questions that the figures are made of."""

    metrics: MetricsResult
    limits: ListLimitsResult
    workers: ListWorkersResult
    gates: ListGatesResult


def read(client: Client) -> Reading:
    """Ask for all of it. Raises `DaemonUnreachable`, `RequestRefused`."""
    return Reading(
        client.metrics(), client.list_limits(), client.list_workers(), client.list_gates()
    )
