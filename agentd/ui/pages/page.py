"""A page: what it shows, and the names of what has to change before it is made anew.

The rule this file keeps: however many browsers look at a page, it is made once for each change; and
where there is no daemon it says so, and shows nothing that may be wrong by now.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from agentd.ui.lookout import Lookout
from agentd.ui.templating import render

_MOST_KEPT = 64
_KEPT_SECONDS = 2.0
"""A page says how long ago things were: it is not kept for longer."""

LIVE = "x-agentd-live"
"""The header of a browser that has the page open, and wants what changed of it."""

SHARED = ("limits", "locks")
"""Names of what keeps nodes back whoever has it: of another task, without an event of theirs."""


class DaemonAway(Exception):
    """There is no daemon to ask, and why."""


class _Made(Struct):
    html: str
    version: int
    at: float


class Made:
    """The pages that were made lately, each by its address."""

    def __init__(self) -> None:
        self._pages: dict[str, _Made] = {}
        self._making: dict[str, asyncio.Lock] = {}

    async def page(
        self, address: str, version: Callable[[], int], make: Callable[[], Awaitable[str]]
    ) -> str:
        """The page as it is after all changes up to now."""
        async with self._making.setdefault(address, asyncio.Lock()):
            known, now = self._pages.get(address), version()
            if known and known.version == now and known.at > time.monotonic() - _KEPT_SECONDS:
                return known.html
            html = await self._make(address, make)
            self._pages.pop(address, None)
            self._pages[address] = _Made(html, now, time.monotonic())
            while len(self._pages) > _MOST_KEPT:
                gone = next(iter(self._pages))
                del self._pages[gone]
                self._making.pop(gone, None)
            return html

    async def _make(self, address: str, make: Callable[[], Awaitable[str]]) -> str:
        try:
            return await make()
        except BaseException:
            if address not in self._pages:  # nothing else would ever forget it
                self._making.pop(address, None)
            raise


class Page(Struct):
    """`names` says what has to change for the page to change: see `Lookout`."""

    template: str
    load: Callable[[Request], Awaitable[Mapping[str, Any]]]
    names: Callable[[Request], Iterable[str]]

    async def answer(self, request: Request) -> Response:
        """The page. Raises `DaemonAway`, and what the daemon answers."""
        lookout: Lookout = request.app.state.lookout
        await lookout.has_looked()
        if lookout.away is not None:
            raise DaemonAway(lookout.away)
        names = tuple(self.names(request))

        async def make() -> str:
            found = await self.load(request)
            return render(self.template, {**frame(request), "names": " ".join(names), **found})

        address = f"{request.url.path}?{request.url.query} {request.headers.get(LIVE, '')}"
        made: Made = request.app.state.made
        return HTMLResponse(await made.page(address, lambda: lookout.version(names), make))


def frame(request: Request) -> dict[str, Any]:
    """What stands on every page."""
    lookout: Lookout = request.app.state.lookout
    return {
        "path": request.url.path,
        "may_act": request.app.state.allow_actions,
        "waiting_count": len(lookout.board.waiting),
        "seq": lookout.last_seq,
        "is_live": LIVE in request.headers,
        "names": "",
    }


def lookout_of(request: Request) -> Lookout:
    """The lookout of the server that was asked."""
    found: Lookout = request.app.state.lookout
    return found
