"""One node, shown with what became of its attempts."""

from agentd import api
from agentd.client.requests.request import Id, Request


def node_status(task_id: Id, node_id: Id) -> Request[api.NodeStatusResult]:
    """Show a node, and how its newest 1,000 attempts ended, oldest first.

    Raises `TaskNotFound`, `NodeNotFound`.
    """
    params = api.NodeStatusParams(task_id=str(task_id), node_id=str(node_id))
    return Request("NodeStatus", params, api.NodeStatusResult)
