"""What a Python agent imports: a typed client, blocking or for asyncio, and leases that last.

The rule this package keeps: a caller never has to guess. A request that lost its connection is sent
again for as long as its timeout allows, but only where a repeat has no second effect.
"""

import importlib
from typing import TYPE_CHECKING, Any

from agentd.client.blocking import Client
from agentd.client.lease import Lease
from agentd.client.lock import Lock

if TYPE_CHECKING:
    from agentd.client.async_lease import AsyncLease
    from agentd.client.async_lock import AsyncLock
    from agentd.client.asynchronous import AsyncClient

__all__ = ["AsyncClient", "AsyncLease", "AsyncLock", "Client", "Lease", "Lock"]

_LATE = {
    "AsyncClient": "asynchronous",
    "AsyncLease": "async_lease",
    "AsyncLock": "async_lock",
}


def __getattr__(name: str) -> Any:
    # Late: asyncio takes a fifth of the time in which a verb of the command line has to be done.
    if name in _LATE:
        return getattr(importlib.import_module(f"agentd.client.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
