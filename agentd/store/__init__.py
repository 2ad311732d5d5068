"""Where the journal and the projections are kept: what an engine must offer.

The rule this file keeps: nothing outside `store/` knows SQL, and nothing in here knows a rule of
agentd. Rows and records go in and out; the questions in `protocols`, one file per noun, are all
that is asked of an engine.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from msgspec import Struct

from agentd.events import LockMode
from agentd.projections import GateRow, Key, LockRow, Projection, StretchRow, WishRow
from agentd.store.protocols.following import Follower
from agentd.store.protocols.gates import GateReader
from agentd.store.protocols.journal import JournalReader, JournalTx
from agentd.store.protocols.leases import LeaseReader
from agentd.store.protocols.limits import LimitReader
from agentd.store.protocols.locks import LockReader
from agentd.store.protocols.nodes import NodeReader
from agentd.store.protocols.queue import QueueReader
from agentd.store.protocols.requests import RequestReader, RequestTx
from agentd.store.protocols.rows import RowReader, RowTx
from agentd.store.protocols.tasks import TaskReader
from agentd.store.protocols.usage import UsageReader


class Reader(
    RowReader,
    JournalReader,
    TaskReader,
    NodeReader,
    QueueReader,
    LeaseReader,
    LimitReader,
    GateReader,
    LockReader,
    RequestReader,
    UsageReader,
    Protocol,
):
    """One consistent view of the database. Times are Unix milliseconds."""

    def schema(self) -> tuple[int, int]:
        """The version of the database's schema, and the latest that this program knows."""

    def past(self, task_id: str, until: int) -> "Reader":
        """The task alone, and its rows as they were after the record at `until`.

        It costs what the task's own records cost, however many others there are.
        """

    def past_locks(self, until: int) -> "Reader":
        """The locks as they were after the record at `until`, and the nodes that held some.

        It costs what the records of locks cost, and those of the tasks whose nodes held some.
        """


class Tx(Reader, RowTx, JournalTx, RequestTx, Protocol):
    """One write transaction; it sees its own writes."""


class Shadow(Protocol):
    """Projections folded beside the real ones, empty at first."""

    def get(self, projection: Projection, key: Key) -> Any:
        """The row of that key, or None."""

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """Write a row, or remove it when it is None."""

    def dependents(self, node_id: str) -> list[str]:
        """The nodes that depend on this one."""

    def stretches(self, task_id: str) -> Sequence[StretchRow]:
        """See `Reader.stretches`."""

    def gates_in(self, task_id: str, stage: str) -> list[GateRow]:
        """See `Reader.gates_in`."""

    def conflicting_locks(self, key: str, mode: LockMode) -> Sequence[LockRow]:
        """See `Reader.conflicting_locks`."""

    def conflicting_wishes(self, key: str, mode: LockMode) -> Sequence[WishRow]:
        """See `Reader.conflicting_wishes`."""

    def wishes_of(self, node_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of`."""

    def wishes_of_task(self, task_id: str) -> Sequence[WishRow]:
        """See `Reader.wishes_of_task`."""

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """All rows of a projection, in the order of their keys."""

    def hold(self) -> JournalReader:
        """Let nobody record anything from here on, until the end of the block.

        Returns the journal as it is then. Where others may write, `swap` comes after it.
        """

    def swap(self) -> None:
        """Put the shadow in the place of the real projections, in one transaction."""


class Store(Protocol):
    """A database of agentd's."""

    def write(self) -> AbstractContextManager[Tx]:
        """A write transaction: on disk at the end of the block, undone by an exception."""

    def read(self) -> AbstractContextManager[Reader]:
        """A read transaction: a snapshot for the length of the block."""

    def shadow(self) -> AbstractContextManager[Shadow]:
        """Empty projections to refold the journal into, gone at the end of the block."""

    def close(self) -> None:
        """Release the database."""


class ServedStore(Store, Protocol):
    """A store that a daemon serves.

    Where it `is_remote`, a transaction may wait for another machine, and raise `DatabaseGone` or
    `OutcomeUnknown`; those of `write` are one thread's, whichever that is.
    """

    @property
    def is_remote(self) -> bool:
        """Whether a transaction may wait for another machine."""

    def interrupt(self) -> None:
        """From any thread, at once: what waits for another machine now, waits no longer."""

    def follow(self) -> Follower | None:
        """What tells of what others record; None where nobody else records anything."""

    def checkpoint(self) -> bool:
        """Do what has become due; False when it has to be tried again soon."""

    def wait_for_turn(self) -> None:
        """Wait until a large read may begin."""
