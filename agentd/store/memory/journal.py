"""The journal and the requests that were answered."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

from agentd.answers import KEPT_MS, Answered
from agentd.errors import Conflict, JournalDamaged
from agentd.events import HIDDEN, TOLD, NodeAdded
from agentd.journal import GENESIS, Draft, Head, Recorded, record
from agentd.projections import LOCKS
from agentd.store.memory.rows import Rows


class Journal(Rows):
    """See `protocols.journal` and `protocols.requests`."""

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        stream = list(self.journal(0, task_id))
        return Head(stream[-1].version, stream[-1].hash) if stream else GENESIS

    def schema(self) -> tuple[int, int]:
        """See `Reader.schema`: dictionaries have only one."""
        return 1, 1

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return max(self.records, default=0)

    def last_at(self) -> int:
        """See `Reader.last_at`."""
        return self.records[self.last_seq()].at if self.records else 0

    def seq_at(self, moment: int) -> int:
        """See `Reader.seq_at`."""
        return max((r.seq for r in self.records.values() if r.at <= moment), default=0)

    def record_at(self, seq: int) -> Recorded:
        """See `Reader.record_at`."""
        if seq not in self.records:
            raise JournalDamaged(f"the journal has no record {seq}")
        return self.records[seq]

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """See `Reader.tail`."""
        stream = itertools.islice(self.journal(0, task_id), until)
        return _take_newest([r for r in stream if isinstance(r.event, TOLD)], limit)

    def tail_of_nodes(
        self, task_id: str, node_ids: Sequence[str], limit: int, until: int
    ) -> list[Recorded]:
        """See `Reader.tail_of_nodes`."""
        told = self.tail(task_id, len(self.records), until)
        return _take_newest([recorded for recorded in told if recorded.node_id in node_ids], limit)

    def existing_events(self, event_ids: Sequence[str], after: int = 0) -> list[str]:
        """See `Reader.existing_events`."""
        wanted = set(event_ids)
        return [r.event_id for r in self.journal(after) if r.event_id in wanted]

    def payload_size(self, seq: int) -> int:
        """See `Reader.payload_size`."""
        recorded = self.record_at(seq)
        return 0 if isinstance(recorded.event, NodeAdded) else len(recorded.payload or b"")

    def reach(self, after: int, entries: int, task_id: str | None = None) -> int:
        """See `Reader.reach`."""
        behind = [recorded.seq for recorded in self.journal(after, task_id)]
        return behind[entries - 1] if len(behind) > entries else max(after, self.last_seq())

    def records_of_kinds(
        self, after: int, until: int, task_id: str | None, kinds: Sequence[str]
    ) -> Iterator[Recorded]:
        """See `Reader.records_of_kinds`."""
        behind = self.journal(after, task_id)
        return (r for r in behind if r.seq <= until and r.kind in kinds)

    def records_of_locks(self, until: int) -> Iterator[Recorded]:
        """See `Reader.records_of_locks`."""
        return (r for r in self.journal() if r.seq <= until and type(r.event) in LOCKS.kinds)

    def records_without_heartbeats(
        self, task_id: str, after: int | None, limit: int
    ) -> Iterator[Recorded]:
        """See `Reader.records_without_heartbeats`."""
        stream = self.journal(after or 0, task_id)
        shown = [r for r in stream if not isinstance(r.event, HIDDEN)]
        return iter(_take_newest(shown, limit) if after is None else shown[:limit])

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `Reader.journal`."""
        found = (r for r in self.records.values() if r.seq > after and task_id in (None, r.task_id))
        return itertools.islice(found, limit)

    def answered_request(self, request_id: str) -> Answered | None:
        """See `Reader.answered_request`."""
        return self.requests.get(request_id)

    def answered_requests(self) -> Iterator[Answered]:
        """See `Reader.answered_requests`."""
        return iter(self.requests.values())

    def append(
        self,
        task_id: str,
        expected_version: int,
        drafts: Iterable[Draft],
        at: int,
        new_id: Callable[[], str],
    ) -> list[Recorded]:
        """See `Tx.append`."""
        head = self.head(task_id)
        if head.version != expected_version:
            raise Conflict(f"task {task_id} is at {head.version}, not at {expected_version}")
        recorded = record(head, self.last_seq() + 1, task_id, drafts, at, new_id)
        self.records.update({r.seq: r for r in recorded})
        return recorded

    def remember(self, answered: Answered) -> None:
        """See `Tx.remember`."""
        at = answered.at
        known = self.requests.items()
        self.requests = {i: kept for i, kept in known if abs(at - kept.at) <= KEPT_MS}
        self.requests[answered.request_id] = answered


def _take_newest(records: list[Recorded], limit: int) -> list[Recorded]:
    return records[len(records) - min(limit, len(records)) :]
