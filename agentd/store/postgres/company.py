"""Who else is connected to the database, and what time it is there."""

import time

from msgspec import Struct

from agentd.store.postgres.connecting import APPLICATION, tool_session
from agentd.store.postgres.session import NOW

_COMPANY = f"""
SELECT count(*), CASE WHEN bool_and(backend_start IS NOT NULL)
    THEN count(DISTINCT coalesce(client_addr::text, '')) END, {NOW}
FROM pg_stat_activity
WHERE datname = current_database() AND application_name = '{APPLICATION}'
"""


class Company(Struct, frozen=True):
    """How many connections daemons have, from how many machines as far as that can be seen.

    `machines` is None where another role has some of them: the server does not tell from where.
    `ahead_ms`: how far the server's clock is ahead of this machine's, in milliseconds.
    """

    connections: int
    machines: int | None
    ahead_ms: int


def look_around(url: str) -> Company:
    """What is so now. Raises `DatabaseGone`, `DatabaseRefused`, `StorageError`."""
    with tool_session(url) as session:
        before = time.time()
        [(connections, machines, now)] = session.run((_COMPANY, None))
        here = (before + time.time()) / 2  # half of the way is back
    return Company(connections, machines, round(now - here * 1_000))
