"""What the screen shows: the overview, the chosen task, and the newest of the journal.

The rule this file keeps: it knows no widget. One feed brings what happens; whoever draws is told
after each change, and reads here. A task that is chosen is read between two changes, never beside
one.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import time

from agentd.client import AsyncClient
from agentd.client.away import AWAY
from agentd.errors import TaskNotFound
from agentd.live import Board, Change, Feed, NodeRow, TaskNodes
from agentd.live.away import why_away
from agentd.top.journal import Kept
from agentd.top.past import Past

_NEWEST = 200
"""Places of the journal that are shown when one begins to look."""


class Model:
    """Reads are for who draws; `follow` and `choose` are for the application."""

    def __init__(
        self, client: AsyncClient, tell: Callable[[], None], clock: Callable[[], float] = time
    ) -> None:
        """`tell` is called after every change; `clock` gives Unix seconds."""
        self._client = client
        self.clock = clock
        self._tell = tell
        self._is_asking = asyncio.Lock()
        self.board = Board(client)
        self.live: TaskNodes | None = None
        """The chosen task as it is now."""

        self.past: Past | None = None
        """The chosen task as it was, where somebody looks back."""

        self.kept = Kept()
        self.last_seq = 0
        self.away: str | None = "not asked yet"
        self.task_id: str | None = None

    @property
    def nodes(self) -> Mapping[str, NodeRow]:
        """Those of the chosen task, as they are or as they were."""
        if self.past is not None:
            return self.past.nodes
        return self.live.nodes if self.live is not None else {}

    def now(self) -> float:
        """The moment that is looked at, in Unix seconds."""
        return self.clock() if self.past is None else self.past.moment

    @property
    def labels(self) -> dict[str, str]:
        """What the nodes of the chosen task are called."""
        return {} if self.live is None else {n.id: n.label for n in self.live.nodes.values()}

    async def follow(self) -> None:
        """Keep all of it as the daemon says, for ever."""
        is_whole = False
        async for change in Feed(self._client, leaves_out=True).changes():
            async with self._is_asking:
                try:
                    await self._take(change if is_whole or change.away else _all_anew(change))
                    is_whole = change.away is None
                except TaskNotFound:  # between two questions a backup was restored
                    is_whole = False
                except AWAY as error:
                    self.away, is_whole = await why_away(self._client.address, error), False
            self._tell()

    async def choose(self, task_id: str) -> None:
        """Show this task's nodes from now on; raises as the client where it cannot be read."""
        if task_id == self.task_id:
            return
        self.task_id, self.live, self.past = task_id, None, None
        async with self._is_asking:
            if self.task_id != task_id:  # somebody moved on meanwhile
                return
            chosen = TaskNodes(self._client, task_id)
            await chosen.update(Change([], self.last_seq, is_new=True))
            self.live = chosen
            self.kept.add((), self.labels)
        self._tell()

    async def _take(self, change: Change) -> None:
        self.away = change.away
        if change.away is not None:
            return
        if self.task_id is not None:
            await self._update_chosen(change)
        if change.is_new:
            await self._begin_journal(change.last_seq)
        if change.is_cut:
            self.kept.begin(change.events, self.labels)
        else:
            self.kept.add(change.events, self.labels)
        self.last_seq = change.last_seq
        if not change.is_busy:  # what is known is seen before more is asked for
            self._tell()
        await self.board.update(change)

    async def _update_chosen(self, change: Change) -> None:
        task_id = self.task_id
        chosen = self.live or TaskNodes(self._client, task_id or "")
        try:
            await chosen.update(change if self.live is not None else _all_anew(change))
        except TaskNotFound:  # a backup was restored that does not have it
            if self.task_id == task_id:  # else somebody moved on meanwhile
                self.live = self.task_id = self.past = None
        else:
            self.live = chosen if self.task_id == task_id else None

    async def _begin_journal(self, end: int) -> None:
        begin = max(end - _NEWEST, 0)
        page = await self._client.watch_events(after_seq=begin, limit=_NEWEST)
        self.kept.begin([event for event in page.events if event.seq <= end], self.labels)


def _all_anew(change: Change) -> Change:
    """What was missed before is asked for."""
    return Change(change.events, change.last_seq, is_new=True)
