"""One task and its nodes, as TaskStatus says, followed event by event.

The rule this file keeps: a task of 10,000 nodes is read once, in pages. After that an event costs a
row, and what the task itself is costs one small question. What events do not tell (whether a
failure is final, a setting that was changed) is asked of its node; where that is too much, or the
counts are not the daemon's, the pages are read again. What time alone changes has no event: it is
looked for.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping

from msgspec import UNSET

from agentd.api import RecordedEventView, TaskStatusResult, TaskView
from agentd.client import AsyncClient
from agentd.errors import NodeNotFound
from agentd.live.feed import Change
from agentd.live.node_row import NodeRow, fold, hear, row_of
from agentd.node_labels import labels_of
from agentd.states import PENDING, RUNNABLE, STATES, State, in_dependency_order, state_of

_PAGE = 1000
_MOST_ASKED = 20
"""Nodes that are asked for after one change; the others after those to come."""

_TOO_MANY = 200
"""Nodes that wait to be asked for: then reading pages is cheaper."""

_RECENT = 1000
"""Events in which the last words are looked for when a task is opened: who hangs spoke long ago."""

_PAUSE = 0.5
"""Seconds between two looks at the task while much happens in it."""

_MOST_MISSED = 3
"""Pages of events that were left out: where there are more, the task is read again."""

_LONGEST_UNSETTLED = 10.0
"""Seconds after which it is looked whether all is as the daemon says, though much happens; else
when nothing happens for a while."""

_AGAIN, _LARGE_AGAIN = 5.0, 60.0
"""Seconds after which a task is read again where more may have changed than events tell; of more
nodes than a page."""

_LOOK = 1.0
"""Seconds between two looks for nodes whose moment has come."""

_BY_TIME = frozenset({"limit_closed", "rate"})
"""Causes that end without an event."""

_GROWS = "ADD_NODE"
"""The event after which there are nodes that are not known."""

_COUNTS = "ACQUIRE_NODE"
"""The event that must not be folded twice: a row that was asked for may have it already."""

_HELD = ("PAUSED", "CANCELLED")
"""States of a task of which nothing is runnable."""


_STATES: dict[str, State] = {state.word: state for state in STATES}


class TaskNodes:
    """Call `update` with each change of a feed; the first has to be a new one.

    `nodes` are in the order of their registration; `counts` has only statuses that occur.
    """

    def __init__(self, client: AsyncClient, task_id: str) -> None:
        self._client = client
        self._task_id = task_id
        self._unsure: dict[str, None] = {}
        self._dependents: dict[str, list[str]] = {}
        self._is_settled = self._is_whole = True
        self._settled_at = self._read_at = self._looked_at = 0.0
        self._asked_up_to = self._place = 0
        self._is_late = False
        self._asked_at = 0.0
        self.task = TaskView(task_id, "", b"null", "")  # type: ignore[arg-type] # until it is read
        self.state = ""
        self.counts: dict[str, int] = {}
        self.usage: dict[str, int | float] = {}
        self.budget: dict[str, int | float] | None = None
        self.nodes: dict[str, NodeRow] = {}

    async def update(self, change: Change) -> frozenset[str]:
        """The ids of the nodes that changed.

        Raises `TaskNotFound` where the task is gone, and as the client where the daemon is away.
        """
        if change.away is not None:
            return frozenset()
        if change.is_new:
            self._place = change.last_seq
            return await self.read()
        if change.events:
            self._is_settled = self._is_whole = False
        told = await self._events_left_out(change) if change.is_cut else change.events
        self._place = change.last_seq
        events = [event for event in told or () if event.task_id == self._task_id]
        if told is None or any(
            each.action_type == _GROWS and not each.by_client for each in events
        ):
            return await self.read()
        changed = self._fold_events(events)
        self._doubt_what_time_ended()
        if len(self._unsure) > _TOO_MANY and _now() > self._read_at + _LOOK:
            return await self.read()
        try:
            changed |= await self._ask_nodes()
        except NodeNotFound:  # a backup was restored that does not have it
            return await self.read()
        return await self._follow_up(change, changed, is_late=bool(changed or events))

    async def _follow_up(
        self, change: Change, changed: set[str], *, is_late: bool
    ) -> frozenset[str]:
        """What follows for the task from what changed of its nodes."""
        self._is_late = self._is_late or is_late
        if self._is_late and not (change.is_busy and _now() < self._asked_at + _PAUSE):
            changed = await self._ask_task(changed)
        else:
            changed |= self._state_from(changed)
        if self._is_due(change):
            return await self._settle(changed)
        return frozenset(changed)

    async def _events_left_out(self, change: Change) -> list[RecordedEventView] | None:
        """The task's events since the change before, left out or not; None where there are many."""
        events: list[RecordedEventView] = []
        place = self._place
        for _ in range(_MOST_MISSED):
            page = await self._client.watch_events(
                after_seq=place, task_id=self._task_id, limit=_PAGE
            )
            events += [event for event in page.events if event.seq <= change.last_seq]
            place = page.last_seq
            if place >= change.last_seq:
                return events
        return None

    def _is_due(self, change: Change) -> bool:
        """Whether it is time to see that all is as the daemon says."""
        if self._unsure:
            return False
        if not self._is_settled:
            return not change.events or _now() > self._settled_at + _LONGEST_UNSETTLED
        if self._is_whole and not any(
            row.status == PENDING.word and not _BY_TIME.isdisjoint(row.blocked_by)
            for row in self.nodes.values()
        ):
            return False
        return _now() > self._read_at + (_LARGE_AGAIN if len(self.nodes) > _PAGE else _AGAIN)

    async def _settle(self, changed: set[str]) -> frozenset[str]:
        """What keeps a node back besides its own task changes without an event of its own."""
        is_old = self._is_settled or _now() > self._read_at + _LARGE_AGAIN
        if len(self.nodes) <= _PAGE or is_old:
            return frozenset(changed | await self.read())
        self._is_settled, self._settled_at = True, _now()
        changed = await self._ask_task(changed)
        return await self.read() if self._count_statuses() != self.counts else frozenset(changed)

    async def _ask_task(self, changed: set[str]) -> set[str]:
        was_held, self._is_late, self._asked_at = self.state in _HELD, False, _now()
        self._take(await self._client.task_status(self._task_id, fields=["counts", "usage"]))
        if was_held or self.state in _HELD:
            return self._state_all()
        return changed | self._state_from(changed)

    async def read(self) -> frozenset[str]:
        """Read all of it: the ids of the nodes that changed. Raises `TaskNotFound`."""
        status = await self._client.task_status(self._task_id, limit=_PAGE)
        self._take(status)
        views = status.nodes
        rows = [row_of(view) for view in views]
        while status.next is not None:
            status = await self._client.task_status(
                self._task_id, fields=["nodes"], limit=_PAGE, after=status.next
            )
            rows += map(row_of, status.nodes)
        known = self.nodes
        await self._keep(rows, known)
        self._is_settled = self._is_whole = True
        self._settled_at = self._read_at = _now()
        self._asked_up_to = await self._end()
        return frozenset(row.id for row in rows if known.get(row.id) != row)

    async def _keep(self, rows: list[NodeRow], known: Mapping[str, NodeRow]) -> None:
        labels = labels_of({row.id: row.name for row in rows})
        for row in rows:
            row.label = labels[row.id]
            if (before := known.get(row.id)) is not None and before.last_word:
                row.last_word, row.said_at = before.last_word, before.said_at
        self.nodes = {row.id: row for row in rows}
        self._dependents = {}
        for row in rows:
            for other in row.dependencies:
                self._dependents.setdefault(other, []).append(row.id)
        self._unsure.clear()
        if not known:
            recent = await self._client.task_events(self._task_id, limit=_RECENT)
            for event in recent.events:
                if (row_ := self.nodes.get(event.node_id or "")) is not None:
                    hear(row_, event)
        self._state_all()

    def _fold_events(self, events: Iterable[RecordedEventView]) -> set[str]:
        """What these events say of nodes; those that they leave open are remembered."""
        changed = set()
        for event in events:
            row = self.nodes.get(event.node_id or "")
            if row is None:
                continue
            changed.add(row.id)
            is_told = fold(row, event)
            if not is_told or (event.seq <= self._asked_up_to and event.action_type == _COUNTS):
                self._unsure[row.id] = None
        return changed

    def _doubt_what_time_ended(self) -> None:
        """Nodes whose time has come: nothing else says so."""
        if _now() < self._looked_at + _LOOK:
            return
        self._looked_at, now = _now(), time.time()
        for row in self.nodes.values():
            if row.not_before is not None and row.not_before <= now:
                self._unsure[row.id] = None

    async def _ask_nodes(self) -> set[str]:
        asked = list(self._unsure)[:_MOST_ASKED]
        for node in asked:
            status = await self._client.node_status(self._task_id, node)
            known, row = self.nodes[node], row_of(status.node)
            row.label, row.state = known.label, known.state
            row.last_word, row.said_at = known.last_word, known.said_at
            if row.dependencies != known.dependencies:  # nodes were put before it
                for other in set(row.dependencies) - set(known.dependencies):
                    self._dependents.setdefault(other, []).append(node)
            self.nodes[node] = row
            del self._unsure[node]
        if asked:
            self._asked_up_to = await self._end()
        return set(asked)

    async def _end(self) -> int:
        return (await self._client.watch_events(limit=1)).last_seq

    def _take(self, status: TaskStatusResult) -> None:
        self.task = status.task
        self.state = "" if status.state is UNSET else status.state
        self.counts, self.usage, self.budget = status.counts, status.usage, status.budget

    def _count_statuses(self) -> dict[str, int]:
        return dict(Counter(row.status for row in self.nodes.values()))

    def _state_all(self) -> set[str]:
        for row in in_dependency_order(list(self.nodes.values())):
            row.state = self._state(row)
        return set(self.nodes)

    def _state_from(self, changed: Iterable[str]) -> set[str]:
        """Give these nodes their states, and those that wait for them, as far as that goes."""
        found = set(changed)
        waiting: deque[str] = deque(found)
        while waiting:
            row = self.nodes[waiting.popleft()]
            state = self._state(row)
            if state != row.state:
                row.state = state
                found.add(row.id)
                waiting.extend(self._dependents.get(row.id, ()))
        return found

    def _state(self, row: NodeRow) -> str:
        needed: set[State] = set()
        for other in row.dependencies:
            of = self.nodes.get(other)
            if of is not None and not of.satisfies_dependents:
                needed.add(_STATES[of.state])
        found = state_of(row, needed)
        return PENDING.word if found is RUNNABLE and self.state in _HELD else found.word


def _now() -> float:
    return asyncio.get_running_loop().time()
