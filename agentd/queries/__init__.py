"""What the database is asked, one function per question, and what clients see of its rows.

The rule this package keeps: a query writes nothing and refuses only what does not exist.
"""

from agentd.queries.attempts import ended_attempts
from agentd.queries.events import task_events
from agentd.queries.metrics import database_metrics
from agentd.queries.node_context import node_context
from agentd.queries.nodes import node_row, node_settings, node_status, node_view
from agentd.queries.registration import registration_warnings
from agentd.queries.tasks import list_tasks, task_row, task_status, task_view

__all__ = [
    "database_metrics",
    "ended_attempts",
    "list_tasks",
    "node_context",
    "node_row",
    "node_settings",
    "node_status",
    "node_view",
    "registration_warnings",
    "task_events",
    "task_row",
    "task_status",
    "task_view",
]
