"""What goes over the wire: one Params and one Result Struct per method, by noun.

The rule this package keeps: these Structs decode the requests, encode the results and describe the
interface, so the three cannot disagree. The docstring of a method's params is its help.
"""

from agentd.api.amounts import MOST_UNITS, Amount, Amounts, Text
from agentd.api.control import (
    CancelTaskParams,
    CancelTaskResult,
    OkResult,
    PauseTaskParams,
    ReasonedParams,
    ResumeTaskParams,
    SetBudgetParams,
)
from agentd.api.daemon import (
    DatabaseMetrics,
    DescribeInterfaceParams,
    DescribeInterfaceResult,
    ErrorDescription,
    HealthParams,
    HealthResult,
    MethodDescription,
    MetricsParams,
    MetricsResult,
    RuntimeMetrics,
    StateModel,
)
from agentd.api.endings import CompleteNodeParams, FailNodeParams
from agentd.api.events import (
    CommitEventParams,
    EventResult,
    EventView,
    RecordedEventView,
    TaskEventsParams,
    TaskEventsResult,
)
from agentd.api.leases import (
    AcquireNextNodeParams,
    AcquireNextNodeResult,
    HeartbeatNodeParams,
    HeartbeatNodeResult,
)
from agentd.api.moments import Moment, to_milliseconds
from agentd.api.node_context import DependencyView, NodeContext
from agentd.api.nodes import NodeView
from agentd.api.params import LeaseParams, NodeParams, NoParams, Params, TaskParams
from agentd.api.registration import MOST_NODES, NodeSpec, RegisterTaskParams, RegisterTaskResult
from agentd.api.tasks import (
    ListTasksParams,
    ListTasksResult,
    StatusField,
    TaskStatusParams,
    TaskStatusResult,
    TaskSummary,
    TaskView,
)
from agentd.api.types import (
    EMPTY_OBJECT,
    NULL,
    Id,
    Json,
    OptionalJson,
    OptionalObject,
    OrNull,
    PayloadAlias,
    RequestId,
    Timestamp,
    UnixSeconds,
    canonical_id,
    or_default,
    rfc3339,
)
from agentd.events import StateOfTask

__all__ = [
    "EMPTY_OBJECT",
    "MOST_NODES",
    "MOST_UNITS",
    "NULL",
    "AcquireNextNodeParams",
    "AcquireNextNodeResult",
    "Amount",
    "Amounts",
    "CancelTaskParams",
    "CancelTaskResult",
    "CommitEventParams",
    "CompleteNodeParams",
    "DatabaseMetrics",
    "DependencyView",
    "DescribeInterfaceParams",
    "DescribeInterfaceResult",
    "ErrorDescription",
    "EventResult",
    "EventView",
    "FailNodeParams",
    "HealthParams",
    "HealthResult",
    "HeartbeatNodeParams",
    "HeartbeatNodeResult",
    "Id",
    "Json",
    "LeaseParams",
    "ListTasksParams",
    "ListTasksResult",
    "MethodDescription",
    "MetricsParams",
    "MetricsResult",
    "Moment",
    "NoParams",
    "NodeContext",
    "NodeParams",
    "NodeSpec",
    "NodeView",
    "OkResult",
    "OptionalJson",
    "OptionalObject",
    "OrNull",
    "Params",
    "PauseTaskParams",
    "PayloadAlias",
    "ReasonedParams",
    "RecordedEventView",
    "RegisterTaskParams",
    "RegisterTaskResult",
    "RequestId",
    "ResumeTaskParams",
    "RuntimeMetrics",
    "SetBudgetParams",
    "StateModel",
    "StateOfTask",
    "StatusField",
    "TaskEventsParams",
    "TaskEventsResult",
    "TaskParams",
    "TaskStatusParams",
    "TaskStatusResult",
    "TaskSummary",
    "TaskView",
    "Text",
    "Timestamp",
    "UnixSeconds",
    "canonical_id",
    "or_default",
    "rfc3339",
    "to_milliseconds",
]
