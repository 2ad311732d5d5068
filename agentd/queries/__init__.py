"""What the database is asked, one function per question, and what clients see of its rows.

The rule this package keeps: a query writes nothing and refuses only what does not exist.
"""

from agentd.queries.attempts import ended_attempts
from agentd.queries.events import task_events
from agentd.queries.explain import explain_node, explain_task
from agentd.queries.gates import gate_decision, gate_row, list_gates
from agentd.queries.growth import NO_EDGES, edges_between
from agentd.queries.imports import lock_in_way, may_end_early, seq_of_import
from agentd.queries.limits import limits_of_node, list_limits
from agentd.queries.locks import end_of_lock, list_resource_locks
from agentd.queries.metrics import database_metrics
from agentd.queries.node_context import ContextBounds, context_size, node_context
from agentd.queries.node_status import node_status
from agentd.queries.nodes import (
    dependencies_of,
    is_satisfied,
    node_row,
    node_settings,
    node_view,
)
from agentd.queries.past import find_place, look_back
from agentd.queries.queue import next_node
from agentd.queries.registration import registration_of, registration_of_task
from agentd.queries.task_list import list_tasks
from agentd.queries.task_states import (
    budget_of,
    cancellation,
    find_state_row,
    has_ended,
    require_state_row,
    state_of_task,
    state_row,
    usage_of_node,
    usage_of_task,
)
from agentd.queries.tasks import NodeStatus, read_status, task_row, task_status, task_view, view_of
from agentd.queries.watch import fits_watch, watch_events

__all__ = [
    "NO_EDGES",
    "ContextBounds",
    "NodeStatus",
    "budget_of",
    "cancellation",
    "context_size",
    "database_metrics",
    "dependencies_of",
    "edges_between",
    "end_of_lock",
    "ended_attempts",
    "explain_node",
    "explain_task",
    "find_place",
    "find_state_row",
    "fits_watch",
    "gate_decision",
    "gate_row",
    "has_ended",
    "is_satisfied",
    "limits_of_node",
    "list_gates",
    "list_limits",
    "list_resource_locks",
    "list_tasks",
    "lock_in_way",
    "look_back",
    "may_end_early",
    "next_node",
    "node_context",
    "node_row",
    "node_settings",
    "node_status",
    "node_view",
    "read_status",
    "registration_of",
    "registration_of_task",
    "require_state_row",
    "seq_of_import",
    "state_of_task",
    "state_row",
    "task_events",
    "task_row",
    "task_status",
    "task_view",
    "usage_of_node",
    "usage_of_task",
    "view_of",
    "watch_events",
]
