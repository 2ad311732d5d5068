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
_WHO = "SELECT pg_backend_pid()"


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
    if not _is_between(connection):
        return Pooler.NONE
    [[serving]] = connection.execute(_WHO, prepare=False).fetchall()
    other = dial(url)
    try:
        [[serving_other]] = other.execute(_WHO, prepare=False).fetchall()
    finally:
        other.close()
    return Pooler.SHARED if serving_other == serving else Pooler.OWN


def refuse_deafness(listening: Session, telling: Session, seconds: float = HEARD_SECONDS) -> None:
    """Raise `DatabaseRefused` where what the one session tells does not come to the other."""
    channel = f"agentd_test_{os.getpid()}"  # nobody else's business
    connection = listening.connection
    connection.execute(f"LISTEN {channel}", prepare=False)
    telling.connection.execute(f"NOTIFY {channel}", prepare=False)
    heard = list(connection.notifies(timeout=seconds, stop_after=1))
    connection.execute(f"UNLISTEN {channel}", prepare=False)
    if heard:
        return
    if _is_between(connection):
        raise DatabaseRefused(_LENDS)
    raise DatabaseRefused(
        "the database server delivers no notification (LISTEN, NOTIFY): agentd needs them to hear "
        "what other machines record"
    )


def _is_between(connection: Any) -> bool:
    """Whether it is another process that serves us than the server named when it let us in."""
    # Not prepared: among those that take turns, another may have prepared something of that name.
    [[serving]] = connection.execute(_WHO, prepare=False).fetchall()
    return bool(serving != connection.info.backend_pid)
