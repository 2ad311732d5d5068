"""The journal's vocabulary: one frozen Struct per fact, in the past tense.

The rule this file keeps: the class names and field names are the storage format. An event records
the outcome (the new status, the lease, when it ends), never an intention that has to be worked out
again. A change of fields raises the class's `schema` and keeps a class for the old one in `EVENTS`,
so that old journals stay readable.

Times are Unix milliseconds. The task, the node, the moment and the user's payload are the record's
own columns (`journal.Recorded`), so they are not repeated here.
"""

from agentd.events.base import (
    STATUSES,
    Amount,
    Amounts,
    Event,
    StateOfTask,
    Status,
)
from agentd.events.gates import Decision, Gate, GateDecided, GateOpened
from agentd.events.leases import (
    HowFailed,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    NodeAcquired,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
)
from agentd.events.limits import (
    LIMITS_STREAM,
    LimitClosed,
    LimitSet,
    Rate,
)
from agentd.events.locks import (
    LOCKS_STREAM,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockExtended,
    LockMode,
    LockReleased,
)
from agentd.events.nodes import (
    DependenciesAdded,
    EventCommitted,
    LockOfNode,
    NodeAdded,
    NodeDue,
    NodeRetried,
    NodeSettings,
    NodeUpdated,
    OnFailure,
    Retry,
)
from agentd.events.tasks import (
    BudgetSet,
    ForkedFrom,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)

EVENTS: tuple[type[Event], ...] = (
    TaskRegistered,
    NodeAdded,
    NodeAcquired,
    LeaseExtended,
    LeaseExpired,
    EventCommitted,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeDue,
    LeaseRevoked,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
    BudgetSet,
    NodeUpdated,
    LimitSet,
    LimitClosed,
    DependenciesAdded,
    GateOpened,
    GateDecided,
    LockAcquired,
    LockExtended,
    LockReleased,
    LockEnded,
    LockExpired,
)
"""Every kind that a journal may hold, by name and schema version."""

TOLD: tuple[type[Event], ...] = (EventCommitted, NodeCompleted, NodeFailed)
"""What agents committed and how nodes ended: what a node's context shows of the journal."""

HIDDEN: tuple[type[Event], ...] = (LeaseExtended, NodeDue, LockExtended)
"""What no view of a task's events shows."""

MAKES_WORK: frozenset[type[Event]] = frozenset(
    {
        NodeAdded,
        NodeCompleted,
        NodeFailed,
        NodeReleased,
        NodeRetried,
        NodeDue,
        LeaseExpired,
        TaskResumed,
        TaskCancelled,
        BudgetSet,
        NodeUpdated,
    }
)
"""What there may be work behind, or the end of all work: those who wait for some look again."""

OPENS_LIMITS: frozenset[type[Event]] = frozenset({LimitSet, LimitClosed})
"""What there may be work behind for anybody. So is the end of a lease that had a slot."""

ENDS_LOCK: frozenset[type[Event]] = frozenset({LockReleased, LockEnded, LockExpired})
"""What there may be work behind, or a lock, for anybody who waits for one."""

FOLLOWING: tuple[type[Event], ...] = (GateOpened, LockEnded)
"""What happens by itself in the wake of something else: no request is answered with it."""

Ending = LeaseExpired | LeaseRevoked | NodeCompleted | NodeFailed | NodeReleased
"""How an attempt ended."""

__all__ = [
    "ENDS_LOCK",
    "EVENTS",
    "FOLLOWING",
    "HIDDEN",
    "LIMITS_STREAM",
    "LOCKS_STREAM",
    "MAKES_WORK",
    "OPENS_LIMITS",
    "STATUSES",
    "TOLD",
    "Amount",
    "Amounts",
    "BudgetSet",
    "Decision",
    "DependenciesAdded",
    "Ending",
    "Event",
    "EventCommitted",
    "ForkedFrom",
    "Gate",
    "GateDecided",
    "GateOpened",
    "HowFailed",
    "LeaseExpired",
    "LeaseExtended",
    "LeaseRevoked",
    "LimitClosed",
    "LimitSet",
    "LockAcquired",
    "LockEnded",
    "LockExpired",
    "LockExtended",
    "LockMode",
    "LockOfNode",
    "LockReleased",
    "NodeAcquired",
    "NodeAdded",
    "NodeCompleted",
    "NodeDue",
    "NodeFailed",
    "NodeReleased",
    "NodeRetried",
    "NodeSettings",
    "NodeUpdated",
    "OnFailure",
    "Rate",
    "Retry",
    "StateOfTask",
    "Status",
    "TaskCancelled",
    "TaskPaused",
    "TaskRegistered",
    "TaskResumed",
]
