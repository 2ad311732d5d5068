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
from agentd.decide.forks import ForkState, Origin, OriginNode, fork_task
from agentd.decide.gates import (
    GatesState,
    GateState,
    decide_gate,
    open_gates,
    time_out_gates,
)
from agentd.decide.growth import Growth, OldNode, add_nodes
from agentd.decide.imports import ImportState, import_task
from agentd.decide.leases import (
    acquire_next_node,
    check_wanted,
    heartbeat,
    refused_heartbeat,
)
from agentd.decide.limits import LimitsState, close_limit, set_limit
from agentd.decide.locks import (
    EndingLocks,
    HeldLockState,
    LockState,
    acquire_resource_lock,
    check_lock,
    end_locks,
    expire_locks,
    heartbeat_resource_lock,
    release_resource_lock,
)
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
from agentd.decide.takeovers import LiveLease, LiveLock, LiveLockState, TakeOver, take_lock
from agentd.decide.updates import UpdateState, update_node

__all__ = [
    "Cancellable",
    "Context",
    "ControlState",
    "EndingLocks",
    "FailedNode",
    "ForkState",
    "GateState",
    "GatesState",
    "Growth",
    "HeldLockState",
    "HeldNode",
    "ImportState",
    "KnownNode",
    "LeaseState",
    "Ledger",
    "LimitsState",
    "LiveLease",
    "LiveLock",
    "LiveLockState",
    "LockState",
    "NamedNode",
    "NodeOfTask",
    "NodeState",
    "NodesState",
    "OldNode",
    "Origin",
    "OriginNode",
    "Registration",
    "RetryState",
    "TakeOver",
    "TaskState",
    "UpdateState",
    "acquire_next_node",
    "acquire_resource_lock",
    "add_nodes",
    "cancel_task",
    "check_lock",
    "check_wanted",
    "close_limit",
    "commit_event",
    "complete_node",
    "decide_gate",
    "end_locks",
    "expire_locks",
    "fail_node",
    "fork_task",
    "heartbeat",
    "heartbeat_resource_lock",
    "import_task",
    "open_gates",
    "pause_task",
    "refused_heartbeat",
    "register_task",
    "release_node",
    "release_resource_lock",
    "resume_task",
    "retry_node",
    "set_budget",
    "set_limit",
    "settle_due",
    "take_lock",
    "time_out_gates",
    "time_out_task",
    "update_node",
]
