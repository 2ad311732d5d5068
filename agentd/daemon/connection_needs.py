"""What a connection needs of the service that it belongs to, and the service of a connection.

The rule this file keeps: the service makes connections, and they know it by this Protocol alone.
"""

from typing import Protocol

from agentd.daemon import queries
from agentd.daemon.queries import Queries
from agentd.daemon.room import Room
from agentd.daemon.seats import Seats, Sender
from agentd.daemon.sizes import ContextSizes
from agentd.daemon.stalls import Stalls
from agentd.daemon.writer import LargeClient, Writer


class ServedConnection(LargeClient, queries.Client, Sender, Protocol):
    """A connection as the service sees it."""

    def stop_reading(self) -> None:
        """Take no more requests; close when those that were read are answered."""

    def abort(self) -> None:
        """Close at once."""


class ConnectionNeeds(Protocol):
    """What all connections share. `buffer` is where what arrives goes through."""

    writer: Writer
    queries: Queries
    room: Room
    seats: Seats
    stalls: Stalls
    sizes: ContextSizes
    buffer: bytearray

    def connected(self, connection: ServedConnection) -> None:
        """It has been made."""

    def disconnected(self, connection: ServedConnection) -> None:
        """It is gone."""

    def acquire_took(self, nanoseconds: int) -> None:
        """Count an AcquireNextNode, waiting and commit included."""
