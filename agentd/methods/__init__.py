"""The methods: what each takes and answers, how it loads its state, decides, and shows the outcome.

The rule this package keeps: `METHODS` is the one list. Decoding, `DescribeInterface` and the
command line's help are made from it. How a method loads its state and shows its answer stands in
the file of its noun.
"""

from functools import cache

from msgspec import Struct

from agentd import api
from agentd.decide import Context
from agentd.methods import (
    control,
    daemon,
    endings,
    events,
    explain,
    forks,
    gates,
    growth,
    heartbeats,
    imports,
    leases,
    limits,
    locks,
    nodes,
    registration,
    retries,
    tasks,
    updates,
    watch,
    workers,
)
from agentd.methods.consequences import follow
from agentd.methods.control import TIME_OUT_TASK
from agentd.methods.gates import TIME_OUT_GATES
from agentd.methods.leases import SETTLE_DUE
from agentd.methods.lock_endings import EXPIRE_LOCKS, MOST_EXPIRED
from agentd.methods.method import Command, Method
from agentd.methods.state import MOST_DUE
from agentd.status_stream import TaskStatusStream
from agentd.store import Reader


@cache
def _interface() -> api.DescribeInterfaceResult:
    return daemon.describe_interface(METHODS)


def _describe(_reader: Reader, _params: Struct, _context: Context) -> api.DescribeInterfaceResult:
    return _interface()


METHODS: tuple[Method, ...] = (
    Method(
        "DescribeInterface",
        api.DescribeInterfaceParams,
        api.DescribeInterfaceResult,
        query=_describe,
        brief=True,
    ),
    Method(
        "Health",
        api.HealthParams,
        api.HealthResult,
        query=daemon.health,
        unready=daemon.unready_health,
        brief=True,
    ),
    Method("Metrics", api.MetricsParams, api.MetricsResult, query=daemon.metrics, brief=True),
    Method(
        "RegisterTask",
        api.RegisterTaskParams,
        api.RegisterTaskResult,
        registration.REGISTER_TASK,
        grows=True,
    ),
    Method(
        "AcquireNextNode",
        api.AcquireNextNodeParams,
        api.AcquireNextNodeResult | None,
        leases.ACQUIRE_NEXT_NODE,
    ),
    Method("CommitEvent", api.CommitEventParams, api.EventResult, events.COMMIT_EVENT),
    Method(
        "HeartbeatNode",
        api.HeartbeatNodeParams,
        api.HeartbeatResult,
        heartbeats.HEARTBEAT_NODE,
    ),
    Method("CompleteNode", api.CompleteNodeParams, api.EndingResult, endings.COMPLETE_NODE),
    Method("FailNode", api.FailNodeParams, api.FailNodeResult, endings.FAIL_NODE),
    Method(
        "TaskStatus",
        api.TaskStatusParams,
        api.TaskStatusResult,
        query=tasks.task_status,
        stream=TaskStatusStream,
        more_aliases=("GetTaskStatus", "get_task_status"),
    ),
    Method("ListTasks", api.ListTasksParams, api.ListTasksResult, query=tasks.list_tasks),
    Method("TaskEvents", api.TaskEventsParams, api.TaskEventsResult, query=events.task_events),
    Method("ReleaseNode", api.ReleaseNodeParams, api.ReleaseNodeResult, endings.RELEASE_NODE),
    Method("RetryNode", api.RetryNodeParams, api.RetryNodeResult, retries.RETRY_NODE),
    Method("NodeStatus", api.NodeStatusParams, api.NodeStatusResult, query=nodes.node_status),
    Method("CancelTask", api.CancelTaskParams, api.CancelTaskResult, control.CANCEL_TASK),
    Method("PauseTask", api.PauseTaskParams, api.OkResult, control.PAUSE_TASK),
    Method("ResumeTask", api.ResumeTaskParams, api.OkResult, control.RESUME_TASK),
    Method("SetBudget", api.SetBudgetParams, api.OkResult, control.SET_BUDGET),
    Method("AcquireNodes", api.AcquireNodesParams, api.AcquireNodesResult, leases.ACQUIRE_NODES),
    Method(
        "WatchEvents",
        api.WatchEventsParams,
        api.WatchEventsResult,
        query=watch.watch_events,
    ),
    Method(
        "ListWorkers",
        api.ListWorkersParams,
        api.ListWorkersResult,
        query=workers.list_workers,
        brief=True,
    ),
    Method("UpdateNode", api.UpdateNodeParams, api.UpdateNodeResult, updates.UPDATE_NODE),
    Method("SetLimit", api.SetLimitParams, api.OkResult, limits.SET_LIMIT),
    Method("CloseLimit", api.CloseLimitParams, api.OkResult, limits.CLOSE_LIMIT),
    Method("ListLimits", api.ListLimitsParams, api.ListLimitsResult, query=limits.list_limits),
    Method("ExplainNode", api.ExplainNodeParams, api.ExplainNodeResult, query=explain.explain_node),
    Method("ExplainTask", api.ExplainTaskParams, api.ExplainTaskResult, query=explain.explain_task),
    Method("AddNodes", api.AddNodesParams, api.AddNodesResult, growth.ADD_NODES, grows=True),
    Method("ForkTask", api.ForkTaskParams, api.ForkTaskResult, forks.FORK_TASK),
    Method(
        "ImportTask",
        api.ImportTaskParams,
        api.ImportTaskResult,
        imports.IMPORT_TASK,
        grows=True,
    ),
    Method("ListGates", api.ListGatesParams, api.ListGatesResult, query=gates.list_gates),
    Method("DecideGate", api.DecideGateParams, api.DecideGateResult, gates.DECIDE_GATE),
    Method(
        "AcquireResourceLock",
        api.AcquireResourceLockParams,
        api.AcquireResourceLockResult | None,
        locks.ACQUIRE_RESOURCE_LOCK,
    ),
    Method(
        "HeartbeatResourceLock",
        api.HeartbeatResourceLockParams,
        api.HeartbeatResourceLockResult,
        locks.HEARTBEAT_RESOURCE_LOCK,
    ),
    Method(
        "ReleaseResourceLock",
        api.ReleaseResourceLockParams,
        api.OkResult,
        locks.RELEASE_RESOURCE_LOCK,
    ),
    Method(
        "ListResourceLocks",
        api.ListResourceLocksParams,
        api.ListResourceLocksResult,
        query=locks.list_resource_locks,
    ),
)

BY_NAME = {name: method for method in METHODS for name in (method.name, *method.aliases)}

__all__ = [
    "BY_NAME",
    "EXPIRE_LOCKS",
    "METHODS",
    "MOST_DUE",
    "MOST_EXPIRED",
    "SETTLE_DUE",
    "TIME_OUT_GATES",
    "TIME_OUT_TASK",
    "Command",
    "Method",
    "follow",
]
