"""ExplainNode and ExplainTask."""

from agentd import queries
from agentd.api import (
    ExplainNodeParams,
    ExplainNodeResult,
    ExplainTaskParams,
    ExplainTaskResult,
)
from agentd.decide import Context
from agentd.store import Reader


def explain_node(reader: Reader, params: ExplainNodeParams, context: Context) -> ExplainNodeResult:
    """What holds a node."""
    return queries.explain_node(reader, params, context.now, context.workers.offered())


def explain_task(reader: Reader, params: ExplainTaskParams, context: Context) -> ExplainTaskResult:
    """What holds the nodes of a task."""
    return queries.explain_task(reader, params, context.now, context.workers.offered())
