"""One look at the daemon for all pages: what changed, and where it stands now.

The rule this file keeps: the daemon is asked once, however many pages are open. Whoever is told
that something changed finds it changed. A task is followed while somebody looks at it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable

from agentd.client import AsyncClient
from agentd.errors import Failure, RequestRefused
from agentd.live import Board, Change, Feed, TaskNodes
from agentd.ui.followed_task import FollowedTask
from agentd.ui.held import Held
from agentd.ui.worked import WorkedTasks

ALL = "*"
"""What is told in the place of names: everything may have changed."""

_MOST_TOLD = 500
"""Names in one piece of news; of more it is told that everything may have changed."""

_MOST_KNOWN = 50_000
"""Names of which it is known when they changed; with more, all may have changed."""

_UNSEEN_SECONDS = 30.0
"""A task at which nobody has looked for so long is followed no more."""

_CATCH_UP_SECONDS = 3.0
_AWAY_SECONDS = 0.5
"""Before the daemon is asked again that did not answer, or refused."""


class Lookout:
    """Call `run` once. `board` is as of the last change; `away` says why there is no daemon.

    What changed has a name each: an attribute of the board, `journal`, or the id of a task or node.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.board = Board(client)
        self.held = Held(client)
        self.worked = WorkedTasks(client)
        self.away: str | None = None
        self.last_seq = 0
        self._number = 0
        self._changed_at: dict[str, int] = {}
        self._tasks: dict[str, FollowedTask] = {}
        self._listeners: set[Listener] = set()
        self._news = asyncio.Event()
        self._taking = asyncio.Lock()
        self._first = asyncio.Event()
        self._is_over = False

    async def run(self) -> None:
        """Follow the journal, for ever."""
        while True:
            try:
                async with contextlib.aclosing(Feed(self.client).changes()) as changes:
                    async for change in changes:
                        await self._take(change)
            except (Failure, RequestRefused) as error:
                # What was asked for with this change may be lost: a feed begins with all anew.
                self._say_away(str(error))
            await asyncio.sleep(_AWAY_SECONDS)

    def _say_away(self, why: str) -> None:
        names = set() if why == self.away else {ALL}
        self.away = why
        self._first.set()
        self._tell(names)

    def version(self, names: Iterable[str]) -> int:
        """A number that grows when one of these changes."""
        return max((self._changed_at.get(name, 0) for name in (ALL, *names)), default=0)

    def knows(self, task_id: str) -> bool:
        """Whether `task` answers at once."""
        followed = self._tasks.get(task_id)
        return followed is not None and followed.is_read

    async def task(self, task_id: str) -> TaskNodes:
        """The task and its nodes, once they are read.

        Raises what the daemon answers, such as `TaskNotFound`, and `DaemonUnreachable`.
        """
        followed = self._tasks.get(task_id)
        if followed is None or followed.has_ended:
            followed = FollowedTask(self.client, task_id, self.last_seq, self._tell)
            self._tasks[task_id] = followed
        return await followed.nodes()

    async def has_looked(self) -> None:
        """Wait for the first change: before it nothing is known."""
        await self._first.wait()

    async def catch_up(self) -> None:
        """See to it that what was written by now is known here, as far as some seconds do."""
        with contextlib.suppress(TimeoutError, Failure, RequestRefused):
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                end = (await self.client.watch_events(limit=1)).last_seq
                while self.last_seq < end:
                    await self._news.wait()
                async with self._taking:  # the board puts off what costs a request
                    await self.board.update(Change([], self.last_seq, is_new=True))
                for followed in [*self._tasks.values()]:
                    await followed.settle()
        self._tell([ALL])

    def listen(self) -> "Listener":
        """A listener of its own for a browser."""
        return Listener(self._listeners, self)

    def close(self) -> None:
        """End all listeners: the server stops."""
        self._is_over = True
        for listener in self._listeners:
            listener.end()
        for followed in self._tasks.values():
            followed.end()

    @property
    def is_over(self) -> bool:
        """Whether the server stops."""
        return self._is_over

    async def _take(self, change: Change) -> None:
        names = set() if change.away == self.away else {ALL}
        if change.away is None:
            await self.held.update(change)
            async with self._taking:
                names |= await self.board.update(change)
        for followed in self._tasks.values():
            followed.put(change)
        self._forget_unseen()
        if change.is_new:
            self.worked.forget()
            names.add(ALL)
        if change.events:
            names.add("journal")
        # A task that is followed tells of itself, when it has taken the change.
        ids = {each.task_id for each in change.events} | {each.node_id for each in change.events}
        names |= {each for each in ids if each is not None and each not in self._tasks}
        self.last_seq, self.away = change.last_seq, change.away
        self._first.set()
        self._tell(names)

    def _tell(self, names: Iterable[str]) -> None:
        told = set(names)
        if told:
            self._number += 1
            self._changed_at.update(dict.fromkeys(told, self._number))
            if ALL in told or len(self._changed_at) > _MOST_KNOWN:
                self._changed_at = {ALL: self._number}
            for listener in self._listeners:
                listener.tell(told)
        self._news.set()
        self._news = asyncio.Event()

    def _forget_unseen(self) -> None:
        now = time.monotonic()
        for task_id, followed in [*self._tasks.items()]:
            if followed.seen_at < now - _UNSEEN_SECONDS:
                followed.end()
                del self._tasks[task_id]


class Listener:
    """What changed since the last time it was asked for: a slow browser hears it all at once."""

    def __init__(self, listeners: "set[Listener]", lookout: Lookout) -> None:
        self._listeners = listeners
        self._lookout = lookout
        self._names: set[str] = set()
        self._told = asyncio.Event()

    def tell(self, names: set[str]) -> None:
        """Keep these names until they are asked for."""
        self._names |= names
        if len(self._names) > _MOST_TOLD:  # it may be slow for hours
            self._names = {ALL}
        self._told.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._told.set()

    async def news(self) -> AsyncIterator[set[str]]:
        """The names of what changed, first of all everything; ends with the server."""
        self._listeners.add(self)
        self._names, names = set(), {ALL}
        try:
            while not self._lookout.is_over:
                yield names
                await self._told.wait()
                self._told.clear()
                self._names, names = set(), self._names
        finally:
            self._listeners.discard(self)
