"""AcquireNextNode, HeartbeatNode, and the rollback of leases that ran out."""

from agentd import decide, queries
from agentd.api import AcquireNextNodeResult, HeartbeatNodeResult
from agentd.decide import Context
from agentd.events import LeaseExtended, NodeAcquired
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.methods.state import load_node, load_task
from agentd.store import Reader


def _show_lease(
    reader: Reader, recorded: Recorded, context: Context
) -> AcquireNextNodeResult | None:
    event = recorded.event
    if not isinstance(event, NodeAcquired):  # leases were rolled back, and nothing is runnable
        return None
    return AcquireNextNodeResult(
        recorded.task_id,
        recorded.node_id or "",
        event.lease_id,
        event.lease_owner,
        event.lease_expires_at // 1000,
        queries.node_context(reader, recorded, context.event_limit),
    )


def _show_extension(_reader: Reader, recorded: Recorded, _context: Context) -> HeartbeatNodeResult:
    event = recorded.event
    assert isinstance(event, LeaseExtended)  # noqa: S101 - that is what heartbeat_node decides
    return HeartbeatNodeResult(ok=True, lease_expires_at=event.lease_expires_at // 1000)


def _show_nothing(_reader: Reader, _recorded: Recorded, _context: Context) -> None:
    return None


ACQUIRE_NEXT_NODE = Command(load_task, decide.acquire_next_node, _show_lease)
HEARTBEAT_NODE = Command(load_node, decide.heartbeat_node, _show_extension)

ROLL_BACK_EXPIRED = Command(load_task, decide.roll_back_expired, _show_nothing)
"""The daemon's own command; it stands in no client's list."""
