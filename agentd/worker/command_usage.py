"""What a command told of its usage by calls of its own, for the span of its attempt.

The rule this file keeps: the daemon adds it up, and is asked only where somebody traces.
"""

from agentd.client import AsyncClient, AsyncLease
from agentd.client.address import Address
from agentd.errors import DaemonUnreachable, RequestRefused


async def trace_usage(lease: AsyncLease, address: Address) -> None:
    """Tell it to the tracer, if there is one. The attempt is not over yet."""
    if not lease.trace.is_recorded:
        return
    async with AsyncClient(address) as client:
        try:
            shown = await client.node_status(lease.task_id, lease.node_id)
        except (RequestRefused, DaemonUnreachable):  # the call that ends the node tells more
            return
    before, now = lease.context.node.usage, shown.node.usage
    used = {unit: now[unit] - before.get(unit, 0) for unit in now}
    lease.trace.add_usage({unit: amount for unit, amount in used.items() if amount})
