"""What a Python agent imports: a typed client, blocking or for asyncio, and leases that last.

The rule this package keeps: a caller never has to guess. A request that lost its connection is sent
again for as long as its timeout allows, but only where a repeat has no second effect.
"""

from agentd.client.asynchronous import AsyncClient
from agentd.client.blocking import Client
from agentd.client.lease import AsyncLease, Lease

__all__ = ["AsyncClient", "AsyncLease", "Client", "Lease"]
