"""What is to be taken over of a file, found before anything is.

The rule this file keeps: every row is read, and refused where it cannot be the earlier agentd's;
so what is refused leaves no trace.
"""

from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from agentd import queries
from agentd.earlier.content import Event, Lock, Task
from agentd.earlier.reading import read_locks, read_tasks
from agentd.earlier.values import shown
from agentd.earlier.verifying import locks_here
from agentd.errors import DatabaseRefused
from agentd.progress import Advance
from agentd.projections import TASKS
from agentd.store import Reader
from agentd.store.sqlite.earlier import EarlierFile

_IDS_AT_ONCE = 20_000
"""Ids of events that are looked for together: each look is at the whole journal."""


class Plan(Struct):
    """What a file has that is not here yet: how much of each, and the `locks` themselves.

    Some of its tasks had been taken over `before`. `odd` has a line for what is not taken over as
    it is, besides the leases and locks whose time is over.
    """

    locks: Sequence[Lock]
    locks_run_out: int
    tasks: int = 0
    before: int = 0
    nodes: int = 0
    events: int = 0
    leases: int = 0
    leases_run_out: int = 0
    odd: list[str] = []


def make_plan(file: EarlierFile, here: Reader, now: int, advance: Advance) -> Plan:
    """Read all of `file` as of the moment `now` (Unix milliseconds), and write nothing.

    Raises `DatabaseRefused` where it is damaged, or has an id that something else has here.
    """
    file.refuse_damage()
    file.refuse_strays()
    locks = read_locks(file, lambda _lease_id: now)
    known = locks_here(here)
    held = [lock for lock in locks.held if lock.lease_id not in known]
    plan = Plan([], locks.remarks.run_out, odd=[*locks.remarks.odd])
    plan.locks = [lock for lock in held if not _is_in_way(here, lock, plan.odd)]
    ids = _NewIds(file, here)
    read = 0
    for task in read_tasks(file, lambda _task_id: now):
        read += _add_task(plan, task, here, ids)
        advance(read)
    ids.check()
    return plan


def is_here(here: Reader, task: Task) -> bool:
    """Whether the task was taken over before, whatever has become of it."""
    return here.get(TASKS, (task.task_id,)) is not None


def _add_task(plan: Plan, task: Task, here: Reader, ids: "_NewIds") -> int:
    """Add what a task brings; returns how many events it has."""
    if is_here(here, task):
        plan.before += 1
        return sum(1 for _ in task.events)  # they are judged all the same
    ids.refuse_nodes([node.node_id for node in task.nodes])
    events = sum(1 for _ in ids.noted(task.events))
    plan.tasks += 1
    plan.nodes += len(task.nodes)
    plan.events += events
    plan.leases += sum(node.lease is not None for node in task.nodes)
    plan.leases_run_out += task.remarks.run_out
    plan.odd += task.remarks.odd
    return events


def _is_in_way(here: Reader, lock: Lock, odd: list[str]) -> bool:
    """Whether something that was taken here keeps the lock from being held."""
    other = queries.lock_in_way(here, lock.key)
    if other is not None:
        taken = f"{shown(other.owner)} has taken {shown(other.resource_key)} here"
        odd.append(f"the lock {shown(lock.key)} of {shown(lock.owner)} is left out: {taken}")
    return other is not None


class _NewIds:
    """The ids that tasks bring which are not here yet; none of them is to be here."""

    def __init__(self, file: EarlierFile, here: Reader) -> None:
        self._file = file
        self._here = here
        self._has_events = here.last_seq() > 0
        self._ids: list[str] = []

    def refuse_nodes(self, ids: Collection[str]) -> None:
        """Raise `DatabaseRefused` where a node of another task has one of the ids."""
        for node_id in self._here.existing_nodes([*ids]):
            self._refuse("node", node_id)

    def noted(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events, as they were; their ids are looked for now and then."""
        for event in events:
            if self._has_events:
                self._ids.append(event.event_id)
                if len(self._ids) == _IDS_AT_ONCE:
                    self.check()
            yield event

    def check(self) -> None:
        """Raise `DatabaseRefused` where the journal has one of the ids."""
        for event_id in self._here.existing_events(self._ids) if self._ids else ():
            self._refuse("event", event_id)
        self._ids.clear()

    def _refuse(self, what: str, found: str) -> None:
        raise DatabaseRefused(
            f"{self._file.path} has the {what} {found}, and so has another task here: take it over "
            "into an empty home (AGENTD_HOME)"
        )
