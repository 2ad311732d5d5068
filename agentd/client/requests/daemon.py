"""The daemon itself: its interface, its health and its metrics."""

from agentd import api
from agentd.client.requests.request import Request


def describe_interface() -> Request[api.DescribeInterfaceResult]:
    """Describe the protocol, its methods and their params and results as JSON Schema."""
    return Request("DescribeInterface", api.DescribeInterfaceParams(), api.DescribeInterfaceResult)


def health() -> Request[api.HealthResult]:
    """Say whether the daemon and its database are ready. Times are in seconds."""
    return Request("Health", api.HealthParams(), api.HealthResult)


def metrics() -> Request[api.MetricsResult]:
    """Count what the daemon has done since its start and what its database holds."""
    return Request("Metrics", api.MetricsParams(), api.MetricsResult)
