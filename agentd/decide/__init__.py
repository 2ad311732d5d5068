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
from agentd.decide.endings import complete_node, fail_node
from agentd.decide.events import commit_event
from agentd.decide.leases import acquire_next_node, heartbeat_node, roll_back_expired
from agentd.decide.registration import Registration, register_task
from agentd.decide.state import Ledger, NodeState, TaskState

__all__ = [
    "Cancellable",
    "Context",
    "ControlState",
    "Ledger",
    "NodeState",
    "Registration",
    "TaskState",
    "acquire_next_node",
    "cancel_task",
    "commit_event",
    "complete_node",
    "fail_node",
    "heartbeat_node",
    "pause_task",
    "register_task",
    "resume_task",
    "roll_back_expired",
    "set_budget",
    "time_out_task",
]
