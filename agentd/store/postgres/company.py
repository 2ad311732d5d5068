"""Who else is connected to the database, and what time it is there."""

import time

from msgspec import Struct

from agentd.store.postgres.connecting import APPLICATION, connect_tool
from agentd.store.postgres.driver_errors import raise_storage_errors

_COMPANY = f"""
SELECT count(*), count(DISTINCT coalesce(client_addr::text, '')),
    CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name = '{APPLICATION}'
"""


class Company(Struct, frozen=True):
    """How many connections daemons have, from how many machines as far as that can be seen.

    `ahead_ms`: how far the server's clock is ahead of this machine's, in milliseconds.
    """

    connections: int
    machines: int
    ahead_ms: int


def look_around(url: str) -> Company:
    """What is so now. Raises `DatabaseGone`, `DatabaseRefused`, `StorageError`."""
    session = connect_tool(url)
    try:
        with raise_storage_errors(session.connection):
            before = time.time()
            [(connections, machines, now)] = session.executed((_COMPANY, None))
            here = (before + time.time()) / 2  # half of the way is back
    finally:
        session.close()
    return Company(connections, machines, round(now - here * 1_000))
