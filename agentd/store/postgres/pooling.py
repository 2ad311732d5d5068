"""Is there a pooler between us and the server, and does it lend one connection to many?

The rule this file keeps: it is found out by what it does, whatever it calls itself. A pooler that
lends its connections for a transaction at a time (PgBouncer's `pool_mode = transaction`) makes
agentd's settings somebody else's, and hears no notification for us.
"""

import os
from enum import StrEnum
from typing import Any

from agentd.errors import DatabaseRefused
from agentd.store.postgres.connecting import dial
from agentd.store.postgres.session import Session

HEARD_SECONDS = 2.0
"""How long a notification may take, which takes less than a millisecond."""

_LENDS = (
    "a pooler lends its connections to the database server for a transaction at a time: name the "
    "server itself, or a pool in session mode (PgBouncer: pool_mode = session)"
)


class Pooler(StrEnum):
    """What is between us and the server."""

    NONE = "none"
    OWN = "own"
    """A pooler that keeps a connection for each of ours, as far as that can be seen."""

    SHARED = "shared"
    """One that lends a connection of its own to several of ours, in turns."""


def find_pooler(connection: Any, url: str) -> Pooler:
    """What is between this `connection` to `url`, outside of a transaction, and the server.

    Raises as `connect`, and errors of psycopg.
    """
    serving = _serving(connection)
    if serving == connection.info.backend_pid:
        return Pooler.NONE
    other = dial(url)
    try:
        return Pooler.SHARED if _serving(other) == serving else Pooler.OWN
    finally:
        other.close()


def refuse_deafness(listening: Session, telling: Session, seconds: float = HEARD_SECONDS) -> None:
    """Raise `DatabaseRefused` where what the one session tells does not come to the other."""
    channel = f"agentd_test_{os.getpid()}"  # nobody else's business
    connection = listening.connection
    connection.execute(f"LISTEN {channel}")
    telling.connection.execute(f"NOTIFY {channel}")
    heard = list(connection.notifies(timeout=seconds, stop_after=1))
    connection.execute(f"UNLISTEN {channel}")
    if heard:
        return
    if _serving(connection) != connection.info.backend_pid:
        raise DatabaseRefused(_LENDS)
    raise DatabaseRefused(
        "the database server delivers no notification (LISTEN, NOTIFY): agentd needs them to hear "
        "what other machines record"
    )


def _serving(connection: Any) -> int:
    """The process that serves us: without a pooler the one that the server named at the start."""
    # Not prepared: among those that take turns, another may have prepared something of that name.
    [[serving]] = connection.execute("SELECT pg_backend_pid()").fetchall()
    return int(serving)
