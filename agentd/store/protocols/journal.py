"""The journal: its records by place, by task, and what is shown of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from agentd.journal import Draft, Head, Recorded

LARGEST_SEQ = 2**63 - 1
"""No record has a larger one."""


class JournalReader(Protocol):
    """What is asked of the journal."""

    def head(self, task_id: str) -> Head:
        """The end of the task's stream; `GENESIS` where it has none."""

    def last_seq(self) -> int:
        """The last place in the journal, 0 when it is empty."""

    def last_at(self) -> int:
        """The moment of the journal's last record, 0 when it is empty."""

    def seq_at(self, moment: int) -> int:
        """The last place whose record is of that moment or before, 0 where there is none."""

    def record_at(self, seq: int) -> Recorded:
        """The journal's record at `seq`. Raises `JournalDamaged` when there is none to read."""

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """The newest `limit` records of the task that are `TOLD`, oldest first.

        With `until` they are the newest as they were when the task had so many records.
        """

    def tail_of_nodes(
        self, task_id: str, node_ids: Sequence[str], limit: int, until: int
    ) -> list[Recorded]:
        """As `tail`, of what is about these nodes."""

    def existing_events(self, event_ids: Sequence[str], after: int = 0) -> list[str]:
        """Those of the ids that records behind seq `after` have. It looks at all of these."""

    def payload_size(self, seq: int) -> int:
        """Bytes of the payload of the record at `seq`; 0 where it has none, or added a node."""

    def reach(self, after: int, entries: int, task_id: str | None = None) -> int:
        """The place up to which there are so many records behind `after`.

        Of the task, where one is given. It is the journal's end where there are fewer.
        """

    def records_of_kinds(
        self, after: int, until: int, task_id: str | None, kinds: Sequence[str]
    ) -> Iterator[Recorded]:
        """The records behind `after`, up to `until`, whose events have these names; in order.

        Of all tasks, or of one.
        """

    def records_of_locks(self, until: int) -> Iterator[Recorded]:
        """What happened to locks up to the seq `until`, in order, whosever streams it is in."""

    def records_without_heartbeats(
        self, task_id: str, after: int | None, limit: int
    ) -> Iterator[Recorded]:
        """The first `limit` records of the task behind seq `after`, heartbeats left out.

        Where `after` is None, the newest `limit` (1 or more), oldest first too.
        """

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """The first `limit` records behind seq `after`, of all tasks or of one, in their order.

        Raises `RecordDamaged` at one that cannot be read; ask again for those behind it.
        """


class JournalTx(Protocol):
    """The journal is added to."""

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
