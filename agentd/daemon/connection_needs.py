"""What a connection needs of the service that it belongs to, and the service of a connection.

The rule this file keeps: the service makes connections, and they know it by this Protocol alone.
"""

from typing import Protocol

from agentd.daemon import queries
from agentd.daemon.answer_memory import AnswerMemory
from agentd.daemon.context_sizes import ContextSizes
from agentd.daemon.lock_waiters import LockWaiters
from agentd.daemon.long_line_permits import LongLinePermits, Sender
from agentd.daemon.queries import Queries
from agentd.daemon.stall_detector import StallDetector
from agentd.daemon.waiters import Waiters, WaitingClient
from agentd.daemon.writer import LargeClient, Writer


class ServedConnection(LargeClient, WaitingClient, queries.Client, Sender, Protocol):
    """A connection as the service sees it."""

    def stop_reading(self) -> None:
        """Take no more requests; close when those that were read are answered."""

    def abort(self) -> None:
        """Close at once."""


class ConnectionNeeds(Protocol):
    """What all connections share. `buffer` is where what arrives goes through."""

    writer: Writer
    waiters: Waiters
    lock_waiters: LockWaiters
    queries: Queries
    memory: AnswerMemory
    permits: LongLinePermits
    stalls: StallDetector
    sizes: ContextSizes
    buffer: bytearray

    def add_connection(self, connection: ServedConnection) -> None:
        """It has been made."""

    def forget_connection(self, connection: ServedConnection) -> None:
        """It is gone."""

    def is_waiting(self, connection: ServedConnection) -> bool:
        """Whether a request of it waits for work, for a lock or for events."""

    def forget_wait(self, connection: ServedConnection) -> None:
        """No request of it waits any more."""

    def count_acquire(self, nanoseconds: int) -> None:
        """Count a question for a node, from when it was read or woken to its commit."""
