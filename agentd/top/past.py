"""A task as it was: one moment of its journal, and steps to the events before and behind it.

The rule this file keeps: the daemon says how it was (TaskStatus with `at`); here only the place is
kept. A step looks at a few places of the journal, however long the task's own is.
"""

from collections.abc import Mapping
from datetime import datetime

from agentd.api import RecordedEventView, TaskStatusResult
from agentd.client import AsyncClient
from agentd.live import NodeRow
from agentd.live.node_row import row_of
from agentd.node_labels import labels_of
from agentd.states import node_states

_PAGE = 1000
_FIRST_STRETCH, _LONGEST_STRETCH = 100, 256_000
"""Places that are looked through for the event before: at first, and at most at once."""

STEP = 20
"""Events of a long step."""


class Past:
    """A task after one of its events. Every method asks, and raises as the client."""

    def __init__(self, client: AsyncClient, task_id: str) -> None:
        self._client = client
        self.task_id = task_id
        self.event: RecordedEventView | None = None
        self.status: TaskStatusResult | None = None
        self.nodes: Mapping[str, NodeRow] = {}
        self.is_first = False
        self._steps = 0
        self._is_moving = False

    @property
    def moment(self) -> float:
        """When that event was, in Unix seconds."""
        if self.event is None:
            return 0.0
        return datetime.fromisoformat(self.event.timestamp).timestamp()

    async def begin(self) -> None:
        """Show it after its newest event."""
        newest = await self._client.task_events(self.task_id, limit=1)
        await self._look(newest.events[-1])

    async def step(self, by: int) -> None:
        """Go on by so many events, or back where that is below zero; it stops at both ends.

        Steps that are asked for meanwhile are made together.
        """
        self._steps += by
        if self._is_moving or self.event is None:
            return
        self._is_moving = True
        try:
            while steps := self._steps:
                self._steps = 0
                found = await (self._behind(steps) if steps > 0 else self._before(-steps))
                self.is_first = found is None and steps < 0
                if found is not None:
                    await self._look(found)
        finally:
            self._is_moving, self._steps = False, 0

    async def _look(self, event: RecordedEventView) -> None:
        status = await self._client.task_status(self.task_id, at=event.seq)
        self.event, self.status, self.nodes = event, status, _rows_of(status)

    async def _behind(self, number: int) -> RecordedEventView | None:
        place = self.event.seq if self.event else 0
        page = await self._client.task_events(self.task_id, after=place, limit=number)
        return page.events[-1] if page.events else None

    async def _before(self, number: int) -> RecordedEventView | None:
        """The event so many before this one, or the first."""
        end = self.event.seq if self.event else 0
        stretch, found = _FIRST_STRETCH, None
        while number > 0 and end > 1:
            begin = max(end - 1 - stretch, 0)
            some = await self._events_between(begin, end)
            if some:
                found = some[-number] if number <= len(some) else some[0]
                number -= len(some)
            end, stretch = begin + 1, min(stretch * 4, _LONGEST_STRETCH)
        return found

    async def _events_between(self, begin: int, end: int) -> list[RecordedEventView]:
        """The task's events behind one place and before another."""
        found: list[RecordedEventView] = []
        while True:
            page = await self._client.task_events(self.task_id, after=begin, limit=_PAGE)
            found += [event for event in page.events if event.seq < end]
            if not page.more or page.last_seq >= end - 1:
                return found
            begin = page.last_seq


def _rows_of(status: TaskStatusResult) -> dict[str, NodeRow]:
    """The nodes of an answer as rows."""
    states = node_states(status.nodes)
    rows = {view.id: row_of(view) for view in status.nodes}
    labels = labels_of({row.id: row.name for row in rows.values()})
    for row in rows.values():
        row.label, row.state = labels[row.id], states[row.id].word
    return rows
