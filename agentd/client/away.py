"""A daemon that stops, is started anew, or is busy: what is said of it, and by it.

The rule this file keeps: a verb that goes on for long waits for such a daemon, and ends with
whatever else it is told.
"""

from agentd.errors import (
    ConnectionLost,
    NoAnswer,
    NobodyListens,
    NoSocket,
    StorageError,
    TooManyConnections,
)

AWAY = (NoSocket, NobodyListens, NoAnswer, ConnectionLost, TooManyConnections, StorageError)
