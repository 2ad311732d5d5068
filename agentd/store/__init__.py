"""Where the journal and the projections are kept: what an engine must offer.

The rule this file keeps: nothing outside `store/` knows SQL, and nothing in here knows a rule of
agentd. Rows and records go in and out; the questions below are all that is asked of an engine.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from msgspec import Struct

from agentd.answers import Answered
from agentd.journal import Draft, Head, Recorded
from agentd.projections import Key, NodeRow, Projection, TaskRow


class Reader(Protocol):
    """One consistent view of the database. Times are Unix milliseconds."""

    def get(self, projection: Projection, key: Key) -> Any:
        """The row of that key, or None."""

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """All rows of a projection, in the order of their keys."""

    def next_runnable(self, task_id: str) -> NodeRow | None:
        """The first runnable node of the task in registration order."""

    def nodes(self, task_id: str) -> Iterator[NodeRow]:
        """The task's nodes in registration order."""

    def tasks(self, prefix: str, before: int | None, limit: int) -> list[TaskRow]:
        """The newest `limit` tasks whose ids begin with `prefix`, newest first.

        With `before` they are the newest of those that were registered before that seq.
        """

    def runnable_tasks(self, prefix: str, after: int, limit: int) -> list[TaskRow]:
        """The first `limit` tasks, registered behind seq `after`, that have a runnable node.

        Oldest first; their ids begin with `prefix`.
        """

    def dependents(self, node_id: str) -> list[str]:
        """The nodes that depend on this one."""

    def expired(self, after: int, until: int, task_id: str | None = None) -> list[NodeRow]:
        """The nodes whose lease ends later than `after`, at `until` or before, soonest first."""

    def next_expiry(self, after: int) -> int | None:
        """When the first lease ends that ends later than `after`."""

    def taken(self, node_ids: Sequence[str]) -> list[str]:
        """Those of the ids that are nodes already."""

    def head(self, task_id: str) -> Head:
        """The end of the task's stream; `GENESIS` where it has none."""

    def schema(self) -> tuple[int, int]:
        """The version of the database's schema, and the latest that this program knows."""

    def last_seq(self) -> int:
        """The last place in the journal, 0 when it is empty."""

    def last_at(self) -> int:
        """The moment of the journal's last record, 0 when it is empty."""

    def recorded(self, seq: int) -> Recorded:
        """The journal's record at `seq`. Raises `JournalDamaged` when there is none to read."""

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """The newest `limit` records of the task that are `TOLD`, oldest first.

        With `until` they are the newest as they were when the task had so many records.
        """

    def shown(self, task_id: str, after: int | None, limit: int) -> Iterator[Recorded]:
        """The first `limit` records of the task behind seq `after`, heartbeats left out.

        Where `after` is None, the newest `limit` (1 or more), oldest first too.
        """

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """The first `limit` records behind seq `after`, of all tasks or of one, in their order.

        Raises `RecordDamaged` at one that cannot be read; ask again for those behind it.
        """

    def answered(self, request_id: str) -> Answered | None:
        """The request that was answered under that id, if it is still remembered."""


class Tx(Reader, Protocol):
    """One write transaction; it sees its own writes."""

    def append(
        self,
        task_id: str,
        expected_version: int,
        drafts: Iterable[Draft],
        at: int,
        new_id: Callable[[], str],
    ) -> list[Recorded]:
        """Record the drafts at the end of the task's stream.

        Raises `Conflict` when the stream does not end at `expected_version`.
        """

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """Write a row, or remove it when it is None."""

    def remember(self, answered: Answered) -> None:
        """Keep an answered request; forget some that lie more than `KEPT_MS` from it."""


class Shadow(Protocol):
    """Projections folded beside the real ones, empty at first."""

    def get(self, projection: Projection, key: Key) -> Any:
        """The row of that key, or None."""

    def put(self, projection: Projection, key: Key, row: Struct | None) -> None:
        """Write a row, or remove it when it is None."""

    def dependents(self, node_id: str) -> list[str]:
        """The nodes that depend on this one."""

    def rows(self, projection: Projection) -> Iterator[Struct]:
        """All rows of a projection, in the order of their keys."""

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


class CheckpointedStore(Store, Protocol):
    """A store that tidies up between transactions."""

    def checkpoint(self) -> bool:
        """Do what has become due; False when it has to be tried again soon."""

    def wait_for_turn(self) -> None:
        """Wait until a large read may begin."""
