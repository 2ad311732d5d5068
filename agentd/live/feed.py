"""The journal as it grows, for eyes: in the order of the journal, and no faster than one can see.

The rule this file keeps: what happens while nobody asks is not lost, it is in the next page; so a
viewer may be slow, and 25 of them cost the daemon little. Where pages fall far behind, or the
daemon was away, the change says that what was known has to be asked for anew.
"""

import asyncio
from collections.abc import AsyncGenerator

from msgspec import Struct

from agentd.api import RecordedEventView, WatchEventsResult
from agentd.client import AsyncClient
from agentd.client.away import AWAY
from agentd.live.away import why_away

_PAGE = 1000
_MOST_PAGES = 5
"""Pages that are read in a row; who is further behind asks for what is, not for what was."""

_WAIT_SECONDS = 2.0
"""For how long the daemon lets one question wait, and so until it is known that it is away."""

_BUSY_WAIT_SECONDS = 0.5
"""The same behind a change with many events: what was put off until less happens is done soon."""

_PATIENCE_SECONDS = 2.0
"""For how long an answer may take besides."""

_FEW = 10
"""Events of a page: where there are more, the next page is asked for later."""

_FLOOD, _SHOWN = 400, 100
"""Events of a change that nobody can follow, and how many of the newest are told of those to come,
to a viewer that may do without the others: the daemon has better to do than to tell them all."""

_SHORT_PAUSE, _LONG_PAUSE = 0.1, 0.25
"""Seconds between two pages, few events a second or many: at most 4 repaints a second under load,
and an event is seen within 150 ms where 10 happen a second."""

_AWAY_PAUSE = 0.5
"""Seconds between two looks for a daemon that is away."""

_RECENT = 100
"""Places at the end of the journal in which an event is looked for to know the journal by."""


class Change(Struct):
    """What happened since the change before; nothing, where nothing has for a while."""

    events: list[RecordedEventView]
    last_seq: int
    is_new: bool = False
    """What was known before has to be asked for anew; `events` does not tell it."""

    is_cut: bool = False
    """So much happens that events between the change before and `events` are left out."""

    away: str | None = None
    """Why the daemon cannot be asked now; None where it answers."""

    @property
    def is_busy(self) -> bool:
        """So much happens that what costs a request may wait a moment."""
        return self.is_cut or len(self.events) > _FEW


class Feed:
    """The events of all tasks, or of one, from now on.

    With `leaves_out` a flood of them is told by its newest, in changes that are cut.
    """

    def __init__(
        self, client: AsyncClient, task_id: str | None = None, *, leaves_out: bool = False
    ) -> None:
        self._address = client.address
        self._task_id = task_id
        self._leaves_out = leaves_out
        self._is_flooded = False
        self._newest: RecordedEventView | None = None

    async def changes(self) -> AsyncGenerator[Change, None]:
        """The first says where the journal ends; then change after change, for ever.

        Raises `RequestRefused` where the task is not there, or not any more.
        """
        async with AsyncClient(self._address, _PATIENCE_SECONDS) as client:
            place: int | None = None
            is_told, wait = False, _WAIT_SECONDS
            while True:
                try:
                    change = await self._next(client, place, wait)
                except AWAY as error:
                    if not is_told:
                        yield Change([], place or 0, away=await why_away(self._address, error))
                    place, is_told = None, True
                    await asyncio.sleep(_AWAY_PAUSE)
                    continue
                place, is_told = change.last_seq, False
                yield change
                wait = _BUSY_WAIT_SECONDS if change.is_busy else _WAIT_SECONDS
                await asyncio.sleep(_LONG_PAUSE if change.is_busy else _SHORT_PAUSE)

    async def _next(self, client: AsyncClient, place: int | None, wait: float) -> Change:
        if place is None:
            return await self._from_the_end(client)
        if self._is_flooded and (change := await self._newest_of_flood(client, place)) is not None:
            return change
        page = await self._page(client, place, wait)
        if not await self._is_the_same(client, place):
            return await self._from_the_end(client)
        events = page.events
        for _ in range(_MOST_PAGES):
            if len(page.events) < _PAGE:
                self._newest = events[-1] if events else self._newest
                self._is_flooded = self._leaves_out and len(events) >= _FLOOD
                return Change(events, page.last_seq)
            page = await self._page(client, page.last_seq, 0)
            events += page.events
        return await self._from_the_end(client)

    async def _newest_of_flood(self, client: AsyncClient, place: int) -> Change | None:
        """The newest events where there are too many; None where all of them can be told."""
        end = await self._end(client)
        self._is_flooded = end - place >= _FLOOD and await self._is_the_same(client, place)
        if not self._is_flooded:
            return None
        page = await self._page(client, end - _SHOWN, 0, _SHOWN)
        self._newest = page.events[-1] if page.events else self._newest
        return Change(page.events, page.last_seq, is_cut=True)

    async def _is_the_same(self, client: AsyncClient, place: int) -> bool:
        """Whether the newest event that is known is in the journal still.

        A client connects anew by itself: meanwhile a backup may have been restored, or another
        database been opened, which may be longer.
        """
        known = self._newest
        if known is None:
            return await self._end(client) >= place
        found = await client.watch_events(after_seq=known.seq - 1, task_id=self._task_id, limit=1)
        return [event.id for event in found.events] == [known.id]

    async def _from_the_end(self, client: AsyncClient) -> Change:
        end = await self._end(client)
        begin = max(end - _RECENT, 0)
        recent = await client.watch_events(after_seq=begin, task_id=self._task_id, limit=_RECENT)
        self._newest = next((each for each in reversed(recent.events) if each.seq <= end), None)
        return Change([], end, is_new=True)

    async def _end(self, client: AsyncClient) -> int:
        return (await client.watch_events(task_id=self._task_id, limit=1)).last_seq

    async def _page(
        self, client: AsyncClient, place: int, seconds: float, limit: int = _PAGE
    ) -> WatchEventsResult:
        return await client.watch_events(
            after_seq=place, task_id=self._task_id, wait_secs=seconds, limit=limit
        )
