"""NodeStatus."""

from agentd import queries
from agentd.api import NodeStatusParams, NodeStatusResult
from agentd.decide import Context
from agentd.store import Reader


def node_status(reader: Reader, params: NodeStatusParams, context: Context) -> NodeStatusResult:
    """A node, and how its attempts ended."""
    return queries.node_status(reader, params, context.now)
