"""`/inbox`, `/limits` and `/workers`: what agents and people share."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from agentd.ui.pages.overview import is_full, with_held
from agentd.ui.pages.page import Page, lookout_of

_MOST_WORKERS = 200


async def _inbox(request: Request) -> Mapping[str, Any]:
    return {"waiting": lookout_of(request).board.waiting}


async def _limits(request: Request) -> Mapping[str, Any]:
    board = lookout_of(request).board
    return {"limits": board.limits, "locks": board.locks, "is_full": is_full}


async def _workers(request: Request) -> Mapping[str, Any]:
    lookout = lookout_of(request)
    workers = sorted(lookout.board.workers, key=lambda each: (-each.holding, each.owner))
    told = await with_held(lookout, workers[:_MOST_WORKERS])
    return {"workers": told, "more": max(len(workers) - _MOST_WORKERS, 0)}


INBOX = Page("inbox.html", _inbox, lambda _request: ("waiting",))
LIMITS = Page("limits.html", _limits, lambda _request: ("limits", "locks"))
WORKERS = Page("workers.html", _workers, lambda _request: ("workers",))
