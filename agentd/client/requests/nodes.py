"""One node, shown with what became of its attempts."""

from agentd import api
from agentd.client.requests.request import Id, Request, refused_here


def node_status(
    task_id: Id, node_id: Id, *, at: int | str | None = None
) -> Request[api.NodeStatusResult]:
    """Show a node, how its newest 1,000 attempts ended, oldest first, and its checkpoint.

    With `at` as it was then: after the event of that seq, or up to a moment in RFC 3339.

    Raises `TaskNotFound`, `NodeNotFound`.
    """
    with refused_here("NodeStatus"):
        params = api.NodeStatusParams(task_id=str(task_id), node_id=str(node_id), at=at)
    return Request("NodeStatus", params, api.NodeStatusResult)
