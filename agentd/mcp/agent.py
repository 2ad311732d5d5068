"""The agent at the other end: who it is, what it holds, and when it was last heard of.

The rule this file keeps: what an agent holds is kept for as long as it is there and calls now and
then; from the moment it is gone, or has not called for `idle_secs`, nothing is kept.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio

from agentd.agent_name import agent_name
from agentd.client import AsyncClient, Client
from agentd.client.heartbeats import Heartbeats
from agentd.client.requests.request import Request
from agentd.errors import DaemonUnreachable, RequestIdReused, RequestRefused
from agentd.mcp.grants import Grants, giving_back, question_about
from agentd.mcp.held import Holdings

_CALL_SECS = 30.0
"""Seconds for which a daemon that is silent is waited for in a call."""

_FAREWELL_SECS = 2.5
"""The same when the agent has gone."""

_LOOKS = 20
"""How often, in the time that an agent may be silent, it is looked whether it was."""

GONE = "its agent has gone"


class Agent:
    """One client of the server. `owner` names it; where it is None, its first call says.

    `quiet` is set while no call is under way.
    """

    def __init__(
        self,
        owner: str | None = None,
        *,
        idle_secs: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], "asyncio.Future[None]"] | None = None,
    ) -> None:
        self._owner = owner
        self._idle_secs = idle_secs
        self._clock = clock
        self._sleep = sleep or asyncio.sleep
        self._calls = 0
        self.quiet = asyncio.Event()
        self.quiet.set()
        self._called_at = clock()
        self.client = AsyncClient(timeout=_CALL_SECS)
        self._beside = Client(timeout=_CALL_SECS)
        self.held = Holdings(Heartbeats(self._beside.ask))
        self.grants = Grants(self.client)

    @property
    def owner(self) -> str:
        """What the agent calls itself where it holds something."""
        return self._owner or self.introduce("agent")

    def introduce(self, program: str) -> str:
        """The owner from now on, where none is set: a run of that program in this folder."""
        if self._owner is None:
            self._owner = agent_name(program, _folder(), str(os.getpid()))
        return self._owner

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Around each call: the agent is there."""
        self._calls += 1
        self.quiet.clear()
        try:
            yield
        finally:
            self._calls -= 1
            self._called_at = self._clock()
            if not self._calls:
                self.quiet.set()

    async def watch_idle(self) -> None:
        """Give back what is held by an agent that is silent for too long; for ever."""
        while True:
            await self._sleep(self._idle_secs / _LOOKS)
            silent = self._clock() - self._called_at
            if self.held and self.quiet.is_set() and silent >= self._idle_secs:
                await self._give_all_back(f"no call for {silent / 60:.0f} min")

    async def _give_all_back(self, reason: str) -> None:
        for held in self.held:
            self.held.lose(held, reason)
            with contextlib.suppress(RequestRefused, DaemonUnreachable):
                await self.client.ask(held.giving_back(reason))

    async def leave(self) -> None:
        """The agent has gone, and this event loop goes on: everything is given back."""
        with anyio.CancelScope(shield=True):
            await self.grants.settled()
            await self._give_all_back(GONE)
            await self.client.close()
            self._beside.close()
            await asyncio.sleep(0)  # its transports are closed

    def farewell(self) -> None:
        """The same from a thread, whatever the event loop does; a silent daemon is given up."""
        with Client(self.client.address, _FAREWELL_SECS) as client:
            try:
                self._give_back_held(client)
                for request in list(self.grants.pending.values()):
                    _give_back_granted(client, request)
                self._give_back_held(client)  # what was granted meanwhile: the event loop goes on
            except DaemonUnreachable:
                pass  # the leases end by themselves

    def _give_back_held(self, client: Client) -> None:
        for held in self.held:
            with contextlib.suppress(RequestRefused):
                client.ask(held.giving_back(GONE))
            self.held.drop(held)


def _give_back_granted(client: Client, request: Request[Any]) -> None:
    """What a request was granted, if it was."""
    with contextlib.suppress(RequestRefused):
        try:
            client.ask(question_about(request))
        except RequestIdReused:
            for each in giving_back(client.ask(request)):
                client.ask(each)


def _folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it is gone: the worktree of an agent, say
        return Path("/")
