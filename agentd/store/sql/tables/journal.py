"""The journal: its records by place, by task, and what is shown of them.

The rule this file keeps: the parts of a task's stream are merged along an index, in their order. In
a write transaction a task's end and its newest records come from memory, and new records are
written before an index is asked.
"""

import json
from abc import abstractmethod
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from agentd.errors import Conflict, JournalDamaged, RecordDamaged
from agentd.events import HIDDEN
from agentd.journal import GENESIS, Draft, Head, Recorded, decode, record
from agentd.projections import NODES
from agentd.store.sql.cache import TailCache
from agentd.store.sql.statements import JOURNAL_COLUMNS, LARGEST_INTEGER
from agentd.store.sql.tables.rows import RowReader, RowTx

_RECORDS = f"SELECT {JOURNAL_COLUMNS} FROM journal"
_RECORD = f"{_RECORDS} WHERE seq = ?"
_RECORDS_AT = f"{_RECORDS} WHERE seq IN (SELECT CAST(value AS BIGINT) FROM json_each(?))"
_JOURNAL = f"{_RECORDS} WHERE seq > ? ORDER BY seq LIMIT ?"
_HIDDEN = {kind.__name__ for kind in HIDDEN}
_HEARTBEAT, _LISTED, _TOLD = VISIBILITIES = range(3)
"""The values of the column `visibility`; see the migration that made it."""


def _merge_parts(select: str, visibilities: Iterable[int], more: str = "") -> str:
    """Parts of the stream of the task `?1`, each in the index's order: SQLite merges them."""
    parts = (f"{select} WHERE task_id = ?1 AND visibility = {one}{more}" for one in visibilities)
    return f"{' UNION ALL '.join(parts)} ORDER BY version"


_STREAM = f"{_merge_parts(_RECORDS, VISIBILITIES, ' AND seq > ?2')} LIMIT ?3"
TAIL = (
    f"{_RECORDS} WHERE task_id = ? AND visibility = {_TOLD} AND version <= ? "
    "ORDER BY version DESC LIMIT ?"
)
# The condition is the index's, word for word; else SQLite does not use it.
_NOTES = (
    f"{_RECORDS} WHERE node_id = ? AND +task_id = ? AND version <= ? "
    "AND kind IN ('EventCommitted', 'NodeFailed') ORDER BY version DESC LIMIT ?"
)
_RESULT = (
    f"{_RECORDS} WHERE seq = (SELECT result_seq FROM nodes WHERE node_id = ?) "
    "AND +task_id = ? AND +version <= ? AND kind = 'NodeCompleted'"
)
_SIZE = (
    "SELECT CASE kind WHEN 'NodeAdded' THEN 0 ELSE length(payload) END FROM journal WHERE seq = ?"
)
# No index has the ids: it would cost every record more than this costs the few who ask.
_SAME_IDS = (
    "SELECT event_id FROM journal WHERE seq > ?1 "
    "AND event_id IN (SELECT value AS id FROM json_each(?2)) ORDER BY seq"
)
_OF_KINDS = " AND kind IN (SELECT value FROM json_each(?4))"
_OF_ALL = (
    f"{_RECORDS} WHERE seq > ?2 AND seq <= ?3 AND kind IN (SELECT value FROM json_each(?1)) "
    "ORDER BY seq"
)
# The condition is the index's, word for word; else SQLite does not use it.
_OF_LOCKS = f"{_RECORDS} WHERE seq <= ? AND kind >= 'Lock' AND kind < 'Locl' ORDER BY seq"
_SHOWN = f"{_merge_parts(_RECORDS, (_LISTED, _TOLD), ' AND version > ?2')} LIMIT ?3"
_FIRST_OF_NEWEST = (
    f"{_merge_parts('SELECT version FROM journal', (_LISTED, _TOLD))} DESC LIMIT 1 OFFSET ?2"
)
_SEQ = (
    f"SELECT seq FROM journal WHERE task_id = ? AND visibility IN {(*VISIBILITIES,)} "
    "AND version = ?"
)
_NEXT = (
    "SELECT seq, CAST(task_id AS BLOB) FROM journal "
    "WHERE seq > ?1 AND (?2 IS NULL OR task_id = ?2) ORDER BY seq LIMIT 1"
)
_HEAD = (
    "SELECT version, hash FROM journal WHERE task_id = ? AND visibility = ? "
    "ORDER BY version DESC LIMIT 1"
)


class JournalReader(RowReader):
    """See `protocols.journal`."""

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        newest = [
            Head(*row) for one in VISIBILITIES for row in self._execute(_HEAD, (task_id, one))
        ]
        return max(newest, key=lambda head: head.version, default=GENESIS)

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return self._execute("SELECT max(seq) FROM journal").get or 0

    def last_at(self) -> int:
        """See `Reader.last_at`."""
        return self._execute("SELECT at FROM journal ORDER BY seq DESC LIMIT 1").get or 0

    def seq_at(self, moment: int) -> int:
        """See `Reader.seq_at`: moments never go back, and there are no gaps."""
        return bisect(range(1, self.last_seq() + 1), moment, key=self._moment)

    def record_at(self, seq: int) -> Recorded:
        """See `Reader.record_at`."""
        rows = self._all(_RECORD, (seq,))
        if not rows:
            raise JournalDamaged(f"the journal has no record {seq}")
        return decode_record(rows[0])

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """See `Reader.tail`."""
        if limit == 0:
            return []
        last = LARGEST_INTEGER if until is None else until
        return [decode_record(row) for row in self._all(TAIL, (task_id, last, limit))][::-1]

    def tail_of_nodes(
        self, task_id: str, node_ids: Sequence[str], limit: int, until: int
    ) -> list[Recorded]:
        """See `Reader.tail_of_nodes`."""
        found: list[Recorded] = []
        for node_id in dict.fromkeys(node_ids):
            rows = self._all(_NOTES, (node_id, task_id, until, limit))
            rows += self._all(_RESULT, (node_id, task_id, until))
            found += map(decode_record, rows)
        found.sort(key=lambda recorded: recorded.version)
        return found[max(len(found) - limit, 0) :]

    def existing_events(self, event_ids: Sequence[str], after: int = 0) -> list[str]:
        """See `Reader.existing_events`."""
        return [found for (found,) in self._all(_SAME_IDS, (after, json.dumps([*event_ids])))]

    def payload_size(self, seq: int) -> int:
        """See `Reader.payload_size`: the payload itself is not read."""
        [(size,)] = self._all(_SIZE, (seq,))
        return size or 0

    def reach(self, after: int, entries: int, task_id: str | None = None) -> int:
        """See `Reader.reach`: there are no gaps, neither in the journal nor in a stream."""
        end = max(after, self.last_seq())
        if task_id is None:
            return min(after + entries, end)
        last = self._version(task_id, after) + entries
        return self._seq(task_id, last) if last < self.head(task_id).version else end

    def records_of_kinds(
        self, after: int, until: int, task_id: str | None, kinds: Sequence[str]
    ) -> Iterator[Recorded]:
        """See `Reader.records_of_kinds`."""
        names = json.dumps(kinds)
        if task_id is None:
            return map(decode_record, self._walk(_OF_ALL, (names, after, until)))
        parts = VISIBILITIES if _HIDDEN.intersection(kinds) else (_LISTED, _TOLD)
        stream = _merge_parts(_RECORDS, parts, f" AND version > ?2 AND version <= ?3{_OF_KINDS}")
        versions = self._version(task_id, after), self._version(task_id, until)
        return map(decode_record, self._walk(stream, (task_id, *versions, names)))

    def records_of_locks(self, until: int) -> Iterator[Recorded]:
        """See `Reader.records_of_locks`."""
        return map(decode_record, self._walk(_OF_LOCKS, (until,)))

    def records_without_heartbeats(
        self, task_id: str, after: int | None, limit: int
    ) -> Iterator[Recorded]:
        """See `Reader.records_without_heartbeats`."""
        if after is None:
            before = (self._execute(_FIRST_OF_NEWEST, (task_id, limit - 1)).get or 1) - 1
        else:
            before = self._version(task_id, after)
        return map(decode_record, self._walk(_SHOWN, (task_id, before, limit)))

    def _version(self, task_id: str, seq: int) -> int:
        """How many records of the task there are up to `seq`: both grow together."""
        versions = range(1, self.head(task_id).version + 1)
        return bisect(versions, seq, key=lambda version: self._seq(task_id, version))

    def _moment(self, seq: int) -> int:
        rows = self._all("SELECT at FROM journal WHERE seq = ?", (seq,))
        if not rows:
            raise JournalDamaged(f"the journal has no record {seq}")
        moment: int = rows[0][0]
        return moment

    def _seq(self, task_id: str, version: int) -> int:
        rows = self._all(_SEQ, (task_id, version))
        if not rows:
            raise JournalDamaged(f"task {task_id} has no record {version} in the journal")
        seq: int = rows[0][0]
        return seq

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `Reader.journal`."""
        most = LARGEST_INTEGER if limit is None else limit
        if task_id is None:
            found = self._walk(_JOURNAL, (after, most))
        else:
            found = self._walk(_STREAM, (task_id, after, most))
        try:
            for row in found:
                yield decode_record(row)
                after = row[0]
        except UnicodeDecodeError as error:  # the row is gone with it
            seq, task = self._execute(_NEXT, (after, task_id)).get
            text = task.decode(errors="backslashreplace")
            raise RecordDamaged(seq, text, f"its text cannot be read: {error}") from error


class JournalTx(RowTx, JournalReader):
    """The journal in a write transaction. `SqlTx` makes what is declared here."""

    last: Recorded | None
    """Of the records that this transaction appended."""

    _appended: list[Recorded]  # those that are not written yet
    _committed: int  # the last place in the journal before this transaction
    _heads: dict[str, Head]  # the cache's
    _tails: TailCache  # the cache's

    def head(self, task_id: str) -> Head:
        """See `Reader.head`."""
        if task_id not in self._heads:
            self._heads[task_id] = super().head(task_id)
        return self._heads[task_id]

    def last_seq(self) -> int:
        """See `Reader.last_seq`."""
        return self._cache.last_seq or 0

    def last_at(self) -> int:
        """See `Reader.last_at`."""
        self._write_journal()
        return super().last_at()

    def seq_at(self, moment: int) -> int:
        """See `Reader.seq_at`."""
        self._write_journal()
        return super().seq_at(moment)

    def record_at(self, seq: int) -> Recorded:
        """See `Reader.record_at`."""
        recorded = self._cache.records.get(seq)
        if recorded is None:
            if seq > self._committed:
                self._write_journal()
            recorded = super().record_at(seq)
            self._cache.add_record(recorded)
        return recorded

    def read_ahead(self, seqs: Iterable[int]) -> None:
        """Read these records together, as far as they are not remembered: one is asked for soon."""
        known = self._cache.records
        wanted = [seq for seq in seqs if seq not in known and seq <= self._committed]
        if wanted:
            for row in self._all(_RECORDS_AT, (json.dumps(wanted),)):
                self._cache.add_record(decode_record(row))

    def tail(self, task_id: str, limit: int, until: int | None = None) -> list[Recorded]:
        """See `Reader.tail`."""
        if until is not None and until < self.head(task_id).version:
            self._write_journal()
            return super().tail(task_id, limit, until)
        tail = self._tails.get(task_id, limit)
        if tail is None:
            self._write_journal()
            tail = super().tail(task_id, limit)
            self._tails.put(task_id, limit, tail)
        return tail

    def tail_of_nodes(
        self, task_id: str, node_ids: Sequence[str], limit: int, until: int
    ) -> list[Recorded]:
        """See `Reader.tail_of_nodes`."""
        self._write_journal()
        self._write_rows(NODES.name)
        return super().tail_of_nodes(task_id, node_ids, limit, until)

    def existing_events(self, event_ids: Sequence[str], after: int = 0) -> list[str]:
        """See `Reader.existing_events`."""
        self._write_journal()
        return super().existing_events(event_ids, after)

    def payload_size(self, seq: int) -> int:
        """See `Reader.payload_size`."""
        self._write_journal()
        return super().payload_size(seq)

    def reach(self, after: int, entries: int, task_id: str | None = None) -> int:
        """See `Reader.reach`."""
        self._write_journal()
        return super().reach(after, entries, task_id)

    def records_of_kinds(
        self, after: int, until: int, task_id: str | None, kinds: Sequence[str]
    ) -> Iterator[Recorded]:
        """See `Reader.records_of_kinds`."""
        self._write_journal()
        return super().records_of_kinds(after, until, task_id, kinds)

    def records_of_locks(self, until: int) -> Iterator[Recorded]:
        """See `Reader.records_of_locks`."""
        self._write_journal()
        return super().records_of_locks(until)

    def records_without_heartbeats(
        self, task_id: str, after: int | None, limit: int
    ) -> Iterator[Recorded]:
        """See `Reader.records_without_heartbeats`."""
        self._write_journal()
        return super().records_without_heartbeats(task_id, after, limit)

    def journal(
        self, after: int = 0, task_id: str | None = None, limit: int | None = None
    ) -> Iterator[Recorded]:
        """See `Reader.journal`."""
        self._write_journal()
        return super().journal(after, task_id, limit)

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
        if recorded:
            last = recorded[-1]
            self._appended += recorded
            self._tails.append(recorded)
            self._cache.last_seq = last.seq
            self._heads[task_id] = Head(last.version, last.hash)
            self.last = last
        return recorded

    def _write_journal(self) -> None:
        if self._appended:
            self._write_records()
            self._appended.clear()

    @abstractmethod
    def _write_records(self) -> None:
        """Write the records that are not written yet."""


def decode_record(row: tuple[Any, ...]) -> Recorded:
    """The record in a row of the journal. Raises `RecordDamaged`."""
    try:
        return Recorded(*(*row, decode(row[5], row[6], row[8])))
    except JournalDamaged as error:
        raise RecordDamaged(row[0], row[2], str(error)) from error
