"""Why a daemon does not answer, for eyes."""

import contextlib

from msgspec import UNSET

from agentd.client import AsyncClient
from agentd.client.address import Address
from agentd.client.away import AWAY
from agentd.errors import NoAnswer

_PATIENCE_SECONDS = 1.0


async def why_away(address: Address, error: Exception) -> str:
    """What is told of this error of a client's.

    A daemon whose database's server is gone lets requests wait: it says so, asked over a connection
    on which nothing waits.
    """
    if isinstance(error, NoAnswer):
        with contextlib.suppress(*AWAY):
            async with AsyncClient(address, _PATIENCE_SECONDS) as client:
                health = await client.health()
            if health.gone_since is not UNSET:
                return health.database
    return str(error)
