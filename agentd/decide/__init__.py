"""What each command means: (state, params, context) -> the events that happen, or a refusal.

The rule this package keeps: every refusal is raised here, before anything is written, and a change
of status goes through `lifecycle.step`. Clock and ids come in with the context, so the same state,
params and context always give the same events. A repeated command gives no events.
"""

from agentd.decide.context import Context
from agentd.decide.control import (
    Cancellable,
    ControlState,
    cancel_task,
    pause_task,
    resume_task,
    set_budget,
    time_out_task,
)
from agentd.decide.due import settle_due
from agentd.decide.endings import complete_node, fail_node, release_node
from agentd.decide.events import commit_event
from agentd.decide.leases import (
    acquire_next_node,
    check_wanted,
    heartbeat,
    refused_heartbeat,
)
from agentd.decide.limits import LimitsState, close_limit, set_limit
from agentd.decide.registration import Registration, register_task
from agentd.decide.retries import FailedNode, RetryState, retry_node
from agentd.decide.state import (
    HeldNode,
    KnownNode,
    LeaseState,
    Ledger,
    NamedNode,
    NodeOfTask,
    NodesState,
    NodeState,
    TaskState,
)
from agentd.decide.updates import UpdateState, update_node

__all__ = [
    "Cancellable",
    "Context",
    "ControlState",
    "FailedNode",
    "HeldNode",
    "KnownNode",
    "LeaseState",
    "Ledger",
    "LimitsState",
    "NamedNode",
    "NodeOfTask",
    "NodeState",
    "NodesState",
    "Registration",
    "RetryState",
    "TaskState",
    "UpdateState",
    "acquire_next_node",
    "cancel_task",
    "check_wanted",
    "close_limit",
    "commit_event",
    "complete_node",
    "fail_node",
    "heartbeat",
    "pause_task",
    "refused_heartbeat",
    "register_task",
    "release_node",
    "resume_task",
    "retry_node",
    "set_budget",
    "set_limit",
    "settle_due",
    "time_out_task",
    "update_node",
]
