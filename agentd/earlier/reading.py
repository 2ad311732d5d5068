"""From the rows of the earlier agentd's database to what is taken over.

The rule this file keeps: what has ended there stays ended, what was live stays live, and what is
neither is as the earlier agentd itself would have made it at its next start: PENDING, or gone.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import Any

from agentd import graph
from agentd.api import LONGEST_TTL
from agentd.earlier.content import Event, Lease, Lock, Locks, Node, Remarks, Task
from agentd.earlier.values import Values, shown
from agentd.errors import InvalidGraph
from agentd.events import STATUSES, Status
from agentd.lock_keys import normalise_key
from agentd.store.sqlite.earlier import EarlierFile, EventThere, LockThere, NodeThere, TaskThere

MomentOf = Callable[[Any], int]
"""The moment as at which something is judged, by its id, in Unix milliseconds."""

_ENDS = {"COMPLETED": ("COMPLETE_NODE", b"result"), "FAILED": ("FAIL_NODE", b"error")}

_Ends = Mapping[tuple[Any, Any, bytes], Any]
"""The times of what is called an end: by node, what it is called, and a digest of its payload."""


def read_tasks(file: EarlierFile, moment_of: MomentOf) -> Iterator[Task]:
    """All tasks in their order. Raises `DatabaseRefused` where a row cannot be what was written."""
    nodes, events, ends = (_ByTask(rows) for rows in (file.nodes(), file.events(), file.ends()))
    values = Values(file.damaged)
    for row in file.tasks():
        ended_at = {_key_of(each): each.timestamp for each in ends.take(row.id)}
        reader = _RowReader(values, moment_of(row.id))
        there = events.take(row.id)
        found = [reader.read_node(each, ended_at) for each in nodes.take(row.id)]
        yield reader.read_task(row, found, there)
        for _ in there:  # whoever did not want them
            pass


def read_locks(file: EarlierFile, moment_of: MomentOf) -> Locks:
    """The locks that are held. Raises `DatabaseRefused` where a row cannot be what was written."""
    values, remarks = Values(file.damaged), Remarks()
    held: dict[str, Lock] = {}
    for row in file.locks():
        lock = _RowReader(values, moment_of(row.lease_id), remarks).read_lock(row)
        if lock is None:
            continue
        if lock.lease_id in held:
            raise values.refuse(
                f"the lock {shown(row.resource_key)}", "its lease is that of another lock, too"
            )
        held[lock.lease_id] = lock
    return Locks([*held.values()], remarks)


class _RowReader:
    """Reads rows as they are at the moment `now`, and remarks what is not taken over so."""

    def __init__(self, values: Values, now: int, remarks: Remarks | None = None) -> None:
        self._values = values
        self._now = now
        self._remarks = Remarks() if remarks is None else remarks

    def read_task(self, row: TaskThere, nodes: list[Node], events: Iterator[EventThere]) -> Task:
        """The task, whose nodes are a graph."""
        values, name = self._values, f"task {shown(row.id)}"
        task_id = values.id(row.id, name)
        needed = {node.node_id: node.dependencies for node in nodes}
        try:
            graph.check(list(needed), needed, ())
        except InvalidGraph as error:
            told = error.message.replace("of this request", "of this task")
            raise values.refuse(name, told) from None
        return Task(
            task_id,
            values.text(row.goal, name, "goal"),
            values.json(row.context, name, "context"),
            values.moment(row.created_at, name, "created_at"),
            nodes,
            map(self._read_event, events),
            self._remarks,
        )

    def read_node(self, row: NodeThere, ended_at: _Ends) -> Node:
        """The node, RUNNING only where its lease is live."""
        values, name = self._values, f"node {shown(row.id)}"
        status = self._read_status(row, name)
        has_ended = status in _ENDS
        result = row.result_payload
        if result is not None:
            # It stands in a record's own JSON, where blanks around it are not kept.
            result = values.json(result, name, "result_payload").strip()
            if not has_ended:
                self._remark(f"{name} is {status} and has a result, which is left out")
        lease = self._read_lease(row, name) if status == "RUNNING" else None
        return Node(
            values.id(row.id, name),
            self._read_dependencies(row, name),
            values.json(row.payload_schema, name, "payload_schema"),
            "PENDING" if status == "RUNNING" and lease is None else status,
            result if has_ended else None,
            self._find_end(row, ended_at, name),
            lease,
        )

    def _read_status(self, row: NodeThere, name: str) -> Status:
        for status in STATUSES:
            if row.status == status:
                return status
        raise self._values.refuse(name, f"its status is {shown(row.status)}")

    def _find_end(self, row: NodeThere, ended_at: _Ends, name: str) -> int:
        """When it changed last: its end is known to the millisecond, all else to the second."""
        if row.status in _ENDS:
            called, field = _ENDS[row.status]
            payload = b'{"%b":%b}' % (field, row.result_payload or b"null")
            if (stamp := ended_at.get((row.id, called, _digest(payload)))) is not None:
                return self._values.moment(stamp, name, "end")
        return self._values.seconds(row.updated_at, name, "updated_at")

    def _read_dependencies(self, row: NodeThere, name: str) -> tuple[str, ...]:
        """One that is named twice counts once."""
        found = self._values.decoded(row.dependencies, name, "dependencies")
        if not isinstance(found, list):
            raise self._values.refuse(name, "its dependencies are no list")
        return tuple(dict.fromkeys(self._values.id(each, name) for each in found))

    def _read_lease(self, row: NodeThere, name: str) -> Lease | None:
        """The lease that the node is RUNNING under, unless that has run out."""
        ends = None if row.lease_id is None else self._read_end(row.lease_expires_at, name)
        if ends is None:
            self._remarks.run_out += 1
            return None
        values, owner = self._values, row.lease_owner
        return Lease(
            values.id(row.lease_id, name),
            "anonymous" if owner is None else values.text(owner, name, "lease_owner"),
            values.seconds(row.acquired_at, name, "acquired_at"),
            ends,
        )

    def _read_event(self, row: EventThere) -> Event:
        values, name = self._values, f"event {shown(row.id)}"
        return Event(
            values.id(row.id, name),
            row.node_id,
            values.text(row.action_type, name, "action_type"),
            values.json(row.payload, name, "payload"),
            values.moment(row.timestamp, name, "timestamp"),
        )

    def read_lock(self, row: LockThere) -> Lock | None:
        """The lock, unless its time is over, or no lock is called so here."""
        values, name = self._values, f"the lock {shown(row.resource_key)}"
        ends = self._read_end(row.lease_expires_at, name)
        if ends is None:
            self._remarks.run_out += 1
            return None
        try:
            key = normalise_key(values.text(row.resource_key, name, "resource_key"))
        except ValueError as error:
            self._remark(f"{name} is left out, as no lock can be called so here: {error}")
            return None
        provider, task_id, node_id = row.provider, row.task_id, row.node_id
        return Lock(
            key,
            values.id(row.lease_id, name),
            values.text(row.owner, name, "owner"),
            None if provider is None else values.text(provider, name, "provider"),
            None if task_id is None else values.id(task_id, name),
            None if node_id is None else values.text(node_id, name, "node_id"),
            values.json(row.metadata, name, "metadata"),
            values.seconds(row.acquired_at, name, "acquired_at"),
            values.seconds(row.updated_at, name, "updated_at"),
            ends,
        )

    def _read_end(self, value: Any, name: str) -> int | None:
        """When a lease ends, in Unix milliseconds; None where it has."""
        if not isinstance(value, int | float):
            if value is not None:
                self._remark(
                    f"{name} is held until {shown(value)}, which is no time: its time is over"
                )
            return None
        longest = self._now + LONGEST_TTL * 1000
        if value * 1000 <= self._now:
            return None
        if value * 1000 > longest:
            self._remark(
                f"{name} is held until {shown(value)}: here for ten years, which is the longest"
            )
            return longest
        return round(value * 1000)

    def _remark(self, what: str) -> None:
        self._remarks.odd.append(what)


def _key_of(end: EventThere) -> tuple[Any, Any, bytes]:
    return end.node_id, end.action_type, _digest(end.payload)


def _digest(payload: bytes | None) -> bytes:
    """What stands for a payload, so that memory need not hold it; some have lost theirs."""
    return blake2b(payload or b"", digest_size=16).digest()


class _ByTask:
    """Rows of which those of a task stand together, in the order in which tasks are asked for."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, key=attrgetter("task_id"))
        self._next = next(self._groups, None)

    def take(self, task_id: Any) -> Iterator[Any]:
        """The task's rows; to be read to their end before others are asked for."""
        if self._next is not None and self._next[0] == task_id:
            yield from self._next[1]
            self._next = next(self._groups, None)
