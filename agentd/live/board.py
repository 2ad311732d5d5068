"""The overview: which tasks there are and how far they are, and what agents share.

The rule this file keeps: what an event may have changed is asked again, and nothing else; each kind
of thing at most so often, the first time at once.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import UNSET, Struct, structs

from agentd.api import (
    LimitView,
    RecordedEventView,
    ResourceLockView,
    TaskStatusResult,
    TaskSummary,
    WorkerView,
)
from agentd.client import AsyncClient
from agentd.client.questions import find_out_async
from agentd.inbox import Waiting, ask_inbox
from agentd.inbox.waiting import ask_limits
from agentd.live.feed import Change
from agentd.states import COMPLETED

MOST_TASKS = 500
_FEW = 8
"""Tasks that are asked for one by one; where more changed, the list is read again."""

_WITH_USAGE = 50
"""The newest tasks of which it is asked at first what they used."""

_RECENT_SECONDS = 7 * 24 * 3600.0
"""Of the tasks that FAILED, those registered since then are in the inbox."""

_INBOX_PAGE = 200
_MOST_LOCKS = 500
_MINUTE = 60.0

_CHANGED_BY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "limits": frozenset({"SET_LIMIT", "CLOSE_LIMIT"}),
        "locks": frozenset({"ACQUIRE_LOCK", "RELEASE_LOCK", "EXPIRE_LOCK"}),
        "waiting": frozenset(
            {"OPEN_GATE", "DECIDE_GATE", "FAIL_NODE", "RETRY_NODE", "CLOSE_LIMIT", "SET_BUDGET"}
            | {"CANCEL_TASK"}
        ),
    }
)
"""By which events each changes at once."""

_BEGINS = frozenset({"REGISTER_TASK", "FORK_TASK", "IMPORT_TASK"})
"""The events that make a task."""

_SECONDS: Mapping[str, float] = MappingProxyType(
    {"tasks": 0.5, "limits": 1.0, "locks": 1.0, "workers": 1.0, "waiting": 1.0}
)
"""The least time between two looks at each."""

_LATER: Mapping[str, float] = MappingProxyType(
    {"limits": 1.0, "locks": 3.0, "workers": 1.0, "waiting": 5.0}
)
"""Seconds after which each is looked at when anything at all happened."""

_AGAIN = 5.0
"""Seconds after which that is looked at which changes without an event: who comes, waits or goes
makes none, nor does a limit that opens by itself."""


class TaskRow(Struct):
    """One task; `usage` and `budget` are empty until they were asked for.

    `per_minute` are the nodes that completed in the last minute, as far as it was watched.
    """

    id: str
    goal: str
    state: str
    counts: dict[str, int]
    runnable: bool
    created_at: str
    labels: dict[str, str]
    parent: str | None
    usage: dict[str, int | float] = {}
    budget: dict[str, int | float] = {}
    per_minute: int = 0


class Board:
    """Call `update` with each change of a feed of all tasks; the first has to be a new one."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._rows: dict[str, TaskRow] = {}
        self._stale: dict[str, None] = {}
        self._begun: set[str] = set()
        self._asked_at: dict[str, float] = {}
        self._dirty_since: dict[str, float] = {}
        self._completed: dict[str, deque[float]] = {}
        self._is_flooded = False
        self.has_more = False
        """There are tasks older than those in `tasks`."""

        self.limits: list[LimitView] = []
        self.locks: list[ResourceLockView] = []
        self.workers: list[WorkerView] = []
        self.waiting: list[Waiting] = []

    @property
    def tasks(self) -> list[TaskRow]:
        """The newest first, at most 500."""
        return list(self._rows.values())

    async def update(self, change: Change) -> frozenset[str]:
        """Which of `tasks`, `limits`, `locks`, `workers`, `waiting` changed.

        Raises as the client where the daemon is away.
        """
        if change.away is not None:
            return frozenset()
        now = _now()
        if change.is_new:
            self._asked_at.clear()
            self._dirty_since = dict.fromkeys(_SECONDS, now - max(_LATER.values()))
        if change.is_cut:
            self._note_flood(now)
        else:
            for event in change.events:
                self._note(event, now)
        self._note_time(now)
        changed = {"tasks"} if self._count_minutes(now) else set()
        least = 0.0 if not change.is_busy and len(self._stale) <= _FEW else _SECONDS["tasks"]
        for what in [each for each in self._dirty_since if self._is_due(each, now, least)]:
            before = self._of(what)
            await self._ask(what, now, is_new=change.is_new)
            if before != self._of(what):
                changed.add(what)
        return frozenset(changed)

    def _note(self, event: RecordedEventView, now: float) -> None:
        kind = "" if event.by_client else event.action_type
        if event.task_id is not None:
            self._stale[event.task_id] = None
            self._dirty_since.setdefault("tasks", now)
            if kind in _BEGINS:
                self._begun.add(event.task_id)
            if kind == "COMPLETE_NODE":
                self._completed.setdefault(event.task_id, deque()).append(now)
        for what, kinds in _CHANGED_BY.items():
            if kind in kinds:
                self._dirty_since[what] = now - _LATER[what]
        for what in _LATER:
            self._dirty_since.setdefault(what, now)

    def _note_flood(self, now: float) -> None:
        """Whatever it is, it may have changed."""
        self._is_flooded = True
        for what in _SECONDS:
            self._dirty_since.setdefault(what, now)

    def _note_time(self, now: float) -> None:
        """What changes without an event."""
        moment = time.time()
        changing = {
            "workers": True,
            "limits": any(each.closed_until is not None for each in self.limits),
            "waiting": any(
                each.kind == "limit" or (each.until is not None and each.until <= moment)
                for each in self.waiting
            ),
        }
        for what, changes in changing.items():
            if changes and now > self._asked_at.get(what, now) + _AGAIN:
                self._dirty_since.setdefault(what, now - _LATER[what])

    def _is_due(self, what: str, now: float, least: float) -> bool:
        asked = self._asked_at.get(what)
        if asked is not None and now < asked + (least if what == "tasks" else _SECONDS[what]):
            return False
        return now >= self._dirty_since[what] + _LATER.get(what, 0)

    def _of(self, what: str) -> object:
        rows = self._rows.values()
        return [structs.replace(row) for row in rows] if what == "tasks" else getattr(self, what)

    async def _ask(self, what: str, now: float, *, is_new: bool) -> None:
        del self._dirty_since[what]
        self._asked_at[what] = now
        match what:
            case "tasks":
                await self._ask_tasks(is_new=is_new)
            case "limits":
                self.limits = await find_out_async(self._client, ask_limits())
            case "locks":
                self.locks = (await self._client.list_resource_locks(limit=_MOST_LOCKS)).locks
            case "workers":
                self.workers = (await self._client.list_workers()).workers
            case _:
                questions = ask_inbox(time.time() - _RECENT_SECONDS, 1, _INBOX_PAGE)
                self.waiting = (await find_out_async(self._client, questions)).waiting

    async def _ask_tasks(self, *, is_new: bool) -> None:
        stale, self._stale = [*self._stale], {}
        begun, self._begun = self._begun, set()
        was_flooded, self._is_flooded = self._is_flooded, False
        if is_new or was_flooded or len(stale) > _FEW:
            known = self._rows
            await self._read_tasks()
            if was_flooded and not is_new:
                self._count_completed(known)
            stale = [*self._rows][:_WITH_USAGE] if is_new else stale[:_FEW]
        else:
            for task in stale:
                page = await self._client.list_tasks(prefix=task, limit=1)
                self._put(page.tasks, is_new=task in begun)
        for task in stale:
            if (row := self._rows.get(task)) is not None:
                _take_usage(row, await self._client.task_status(task, fields=["usage"]))

    def _count_completed(self, known: Mapping[str, TaskRow]) -> None:
        """Of nodes whose events were left out, by what there were before."""
        now = _now()
        for task, row in self._rows.items():
            before = known[task].counts.get(COMPLETED.word, 0) if task in known else 0
            if (more := row.counts.get(COMPLETED.word, 0) - before) > 0:
                self._completed.setdefault(task, deque()).extend([now] * more)

    async def _read_tasks(self) -> None:
        known, rows = self._rows, dict[str, TaskRow]()
        place = None
        while len(rows) < MOST_TASKS:
            left = MOST_TASKS - len(rows)
            page = await self._client.list_tasks(limit=left, before=place)
            for each in page.tasks:
                rows[each.id] = _row_of(each, known.get(each.id))
            if (place := page.next) is None:
                break
        self._rows, self.has_more = rows, place is not None  # whoever looks sees all or none of it

    def _put(self, tasks: Iterable[TaskSummary], *, is_new: bool) -> None:
        """A task that is known in its place, a new one before all others.

        Others are too old to be shown. An id does not tell: one that was taken over keeps its own.
        """
        for each in tasks:
            row = _row_of(each, self._rows.get(each.id))
            if each.id in self._rows:
                self._rows[each.id] = row
            elif is_new:
                self._rows = {each.id: row, **self._rows}
                if len(self._rows) > MOST_TASKS:
                    self._rows.popitem()
                    self.has_more = True

    def _count_minutes(self, now: float) -> bool:
        """Forget what completed longer ago than a minute; whether a row changed by it."""
        changed = False
        for task, moments in [*self._completed.items()]:
            while moments and moments[0] < now - _MINUTE:
                moments.popleft()
            row = self._rows.get(task)
            if row is not None and row.per_minute != len(moments):
                row.per_minute, changed = len(moments), True
            if not moments:
                del self._completed[task]
        return changed


def _row_of(task: TaskSummary, known: TaskRow | None) -> TaskRow:
    return TaskRow(
        id=task.id,
        goal=task.goal,
        state="" if task.state is UNSET else task.state,
        counts=task.counts,
        runnable=task.runnable,
        created_at=task.created_at,
        labels={} if task.labels is UNSET else task.labels,
        parent=None if task.parent_task_id is UNSET else task.parent_task_id,
        usage=known.usage if known else {},
        budget=known.budget if known else {},
        per_minute=known.per_minute if known else 0,
    )


def _take_usage(row: TaskRow, status: TaskStatusResult) -> None:
    row.usage, row.budget = status.usage, status.budget or {}


def _now() -> float:
    return asyncio.get_running_loop().time()
