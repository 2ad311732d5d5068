"""given(state).when(command, params).then(events): what a command decides, without a store.

The states below are those that a node can be in; all of them are rows of the one node of one task.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from agentd import decide
from agentd.api import HeldLease
from agentd.decide import (
    Context,
    ControlState,
    KnownNode,
    LeaseState,
    NodesState,
    NodeState,
    TaskState,
)
from agentd.errors import RequestRefused
from agentd.events import NodeSettings
from agentd.journal import Draft
from agentd.projections import NodeRow, TaskRow, TaskStateRow
from tests.core import LEASE_MS, NOW, context, to_params, uid

TASK, NODE = uid(0x7A), uid(0x1)
LEASE, OLD_LEASE, OTHER_LEASE = uid(0xA), uid(0xB), uid(0xC)
ENDS = NOW + LEASE_MS

NO_SETTINGS = NodeSettings()
TASK_ROW = TaskRow(TASK, 1, NOW)
STATE_ROW = TaskStateRow(TASK, 1, 0, 0, 0)
PENDING = NodeRow(NODE, TASK, 0, 2, "PENDING", 0, NOW, batch=2)
RUNNING = replace(
    PENDING,
    status="RUNNING",
    acquired_at=NOW,
    lease_id=LEASE,
    lease_owner="worker-1",
    lease_expires_at=ENDS,
    attempt=1,
)
ROLLED_BACK = replace(PENDING, last_lease=OLD_LEASE, attempt=1, strikes=1, last_end_seq=8)
HELD_AGAIN = replace(RUNNING, last_lease=OLD_LEASE, attempt=2, strikes=1, last_end_seq=8)
COMPLETED = replace(
    PENDING, status="COMPLETED", last_lease=LEASE, result_seq=9, attempt=1, last_end_seq=9
)
FAILED = replace(COMPLETED, status="FAILED", counted=1)

_DECIDES: Mapping[str, Callable[..., list[Draft]]] = {
    "RegisterTask": decide.register_task,
    "AcquireNextNode": decide.acquire_next_node,
    "settle_due": decide.settle_due,
    "CommitEvent": decide.commit_event,
    "HeartbeatNode": decide.heartbeat,
    "CompleteNode": decide.complete_node,
    "FailNode": decide.fail_node,
    "ReleaseNode": decide.release_node,
    "RetryNode": decide.retry_node,
    "CancelTask": decide.cancel_task,
    "PauseTask": decide.pause_task,
    "ResumeTask": decide.resume_task,
    "SetBudget": decide.set_budget,
    "time_out_task": decide.time_out_task,
    "UpdateNode": decide.update_node,
    "SetLimit": decide.set_limit,
    "CloseLimit": decide.close_limit,
}


class Given:
    """A state and, once `when` is told, a command that meets it."""

    def __init__(self, state: object) -> None:
        self._state = state
        self._method = ""
        self._params: dict[str, Any] = {}
        self._context = context()

    def when(self, method: str, known: Context | None = None, **params: Any) -> "Given":
        """The command by its wire name, with plain params."""
        self._method, self._params = method, params
        self._context = known or context()
        return self

    def drafts(self) -> list[Draft]:
        """What is decided."""
        params = to_params(self._method, self._params)
        return _DECIDES[self._method](self._state, params, self._context)

    def then(self, *drafts: Draft) -> None:
        """Exactly these events, in this order."""
        decided = self.drafts()
        assert decided == list(drafts), decided

    def refused(self, error: type[RequestRefused], *words: str) -> None:
        """Exactly the refusal, with a message that has all the words."""
        with pytest.raises(error) as refusal:
            self.drafts()
        assert type(refusal.value) is error, refusal.value
        missing = [word for word in words if word not in refusal.value.message]
        assert not missing, refusal.value.message


def given(state: object) -> Given:
    """The state that a command meets."""
    return Given(state)


def node(row: NodeRow | None, **more: Any) -> NodeState:
    """A known task with this node, or without it."""
    return NodeState(TASK, 3, STATE_ROW, row, **more)


def task(
    *, expired: Sequence[NodeRow] = (), settings: NodeSettings = NO_SETTINGS, **more: Any
) -> TaskState:
    """A known task in which these leases ran out, of nodes with these settings."""
    return TaskState(TASK, 3, STATE_ROW, [KnownNode(row, settings) for row in expired], **more)


def candidate(row: NodeRow, settings: NodeSettings = NO_SETTINGS, **more: Any) -> LeaseState:
    """A node of a known task that may be handed out, if it is runnable."""
    state = {"task_id": TASK, "version": 3, "task": STATE_ROW, "node": KnownNode(row, settings)}
    return LeaseState(**{**state, **more})


def control(**more: Any) -> ControlState:
    """A known task that goes on, but for what is said otherwise."""
    return ControlState(**{"task_id": TASK, "version": 3, "task": TASK_ROW, **more})


def nodes(*known: tuple[NodeRow | None, str]) -> NodesState:
    """A known task with these nodes, each with the lease that its holder believes in."""
    return NodesState(
        [
            (node(row), HeldLease(TASK, NODE if row is None else row.node_id, lease))
            for row, lease in known
        ],
        {TASK: 3},
    )


def held(lease_id: str = LEASE) -> dict[str, Any]:
    """The three params of a holder's write."""
    return {"task_id": TASK, "node_id": NODE, "lease_id": lease_id}
