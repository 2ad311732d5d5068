"""Workers: who waits for work, and who has some."""

from agentd import api
from agentd.client.requests.request import Request


def list_workers() -> Request[api.ListWorkersResult]:
    """List who waits for work, and who held some in the last 10 minutes."""
    return Request("ListWorkers", api.ListWorkersParams(), api.ListWorkersResult)
