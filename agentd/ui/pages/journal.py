"""`/journal`: what happened, the newest first, of all tasks or of one.

The rule this file keeps: a page is a stretch of the journal, so that going on to the older ones
passes nothing by; the newest are found by going back in growing steps.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request

from agentd.api import RecordedEventView
from agentd.client import AsyncClient
from agentd.ui.lookout import Lookout
from agentd.ui.pages import asked
from agentd.ui.pages.page import Page, lookout_of

_PAGE = 100
_PART = 1000
_FIRST_STRETCH = 400
_LONGEST_STRETCH = 256_000
_MOST_PARTS = 40
"""Questions for one page: where almost nothing fits, the page says so and goes on from there."""

KINDS = (
    *("REGISTER_TASK", "ADD_NODE", "ACQUIRE_NODE", "COMPLETE_NODE", "FAIL_NODE", "RELEASE_NODE"),
    *("RETRY_NODE", "TIMEOUT_ROLLBACK", "REVOKE_LEASE", "CANCEL_TASK", "PAUSE_TASK", "RESUME_TASK"),
    *("UPDATE_NODE", "SET_LIMIT", "CLOSE_LIMIT", "SET_BUDGET", "OPEN_GATE", "DECIDE_GATE"),
    *("FORK_TASK", "IMPORT_TASK", "ACQUIRE_LOCK", "RELEASE_LOCK", "EXPIRE_LOCK", "COMMIT_EVENT"),
)
"""What a form offers; any other may be typed."""


async def _load(request: Request) -> Mapping[str, Any]:
    lookout = lookout_of(request)
    task, kind = asked.text(request, "task"), asked.text(request, "kind")
    after, before = asked.number(request, "after"), asked.number(request, "before")
    wanted: dict[str, Any] = {"task_id": task or None, "kinds": [kind] if kind else None}
    if after is not None:
        page = await lookout.client.watch_events(after_seq=after, limit=_PAGE, **wanted)
        events, older, newer = page.events, after + 1, page.last_seq
        is_newest = len(events) < _PAGE and page.last_seq >= lookout.last_seq
    else:
        end = lookout.last_seq if before is None else max(before - 1, 0)
        end = max(end, (await lookout.client.watch_events(limit=1)).last_seq) if not before else end
        events, place = await _newest_events(lookout.client, end, wanted)
        older, newer, is_newest = place + 1, end, before is None
    return {
        "events": events[::-1],
        "labels": await _labels(lookout, events),
        "older": older if older > 1 else None,
        "newer": None if is_newest else newer,
        "task": task,
        "kind": kind,
        "kinds": KINDS,
        "goals": {each.id: each.goal for each in lookout.board.tasks},
    }


async def _labels(lookout: Lookout, events: Iterable[RecordedEventView]) -> dict[str, str]:
    """What to call the nodes that these events are of."""
    nodes = {each.node_id: each.task_id for each in events}
    return {
        node: await lookout.held.label(task, node)
        for node, task in nodes.items()
        if node is not None and task is not None
    }


async def _newest_events(
    client: AsyncClient, end: int, wanted: Mapping[str, Any]
) -> tuple[list[RecordedEventView], int]:
    """The newest events up to a place, the oldest first, and the place behind which they are."""
    found: deque[RecordedEventView] = deque()
    stretch, parts = _FIRST_STRETCH, 0
    while end > 0 and len(found) < _PAGE and parts < _MOST_PARTS:
        begin = place = max(0, end - stretch)
        part: deque[RecordedEventView] = deque(maxlen=_PAGE - len(found))
        while place < end and parts < _MOST_PARTS:
            page = await client.watch_events(after_seq=place, limit=_PART, **wanted)
            part.extend(each for each in page.events if each.seq <= end)
            parts += 1
            if page.last_seq == place:
                break
            place = page.last_seq
        found.extendleft(reversed(part))
        end, stretch = begin, min(stretch * 4, _LONGEST_STRETCH)
    return [*found], (found[0].seq - 1 if len(found) >= _PAGE else end)


def _names(request: Request) -> tuple[str, ...]:
    """A page of older events does not change."""
    if request.query_params.get("before"):
        return ()
    task = request.query_params.get("task")
    return (task,) if task else ("journal",)


PAGE = Page("journal.html", _load, _names)
