"""`/`: the tasks, what waits for a person, who works, and which limits are full."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from agentd.api import LimitView, WorkerView
from agentd.live import TaskRow
from agentd.ui.held import Holding
from agentd.ui.lookout import Lookout
from agentd.ui.pages import asked
from agentd.ui.pages.page import Page, lookout_of

_STATES = ("ACTIVE", "PAUSED", "FAILED", "COMPLETED", "CANCELLED")
"""Of tasks, in the order in which they ask for attention."""

_FEW = 5
_MOST_WORKING = 12
_MOST_HELD = 3
_PAGE = 100


async def _load(request: Request) -> Mapping[str, Any]:
    lookout = lookout_of(request)
    board = lookout.board
    state = asked.choice(request, "state", _STATES)
    goal = asked.text(request, "goal")
    number = asked.number(request, "page", 1) or 1
    fitting = [each for each in board.tasks if _fits(each, state, goal)]
    fitting.sort(key=_rank)
    working = [each for each in board.workers if each.holding]
    working.sort(key=lambda each: lookout.held.since(each.owner))
    first = (number - 1) * _PAGE
    return {
        "tasks": fitting[first : first + _PAGE],
        "number": number,
        "is_last": len(fitting) <= first + _PAGE,
        "found": len(fitting),
        "has_more": board.has_more,
        "states": _STATES,
        "state": state,
        "goal": goal,
        "waiting": board.waiting[:_FEW],
        "more_waiting": max(len(board.waiting) - _FEW, 0),
        "working": await with_held(lookout, working[:_MOST_WORKING]),
        "more_working": max(len(working) - _MOST_WORKING, 0),
        "idle": sum(1 for each in board.workers if each.waiting and not each.holding),
        "full": [each for each in board.limits if is_full(each)],
        "lock_count": len(board.locks),
        "running": sum(each.counts.get("RUNNING", 0) for each in board.tasks),
        "active": sum(1 for each in board.tasks if each.state == "ACTIVE"),
        "failed": sum(each.counts.get("FAILED", 0) for each in board.tasks if _is_open(each)),
        "per_minute": sum(each.per_minute for each in board.tasks),
    }


async def with_held(
    lookout: Lookout, workers: list[WorkerView]
) -> list[tuple[WorkerView, list[tuple[Holding, str]]]]:
    """These workers with what they hold, as far as that is known; a few nodes each."""
    found = []
    for each in workers:
        held = lookout.held.of(each.owner)[:_MOST_HELD]
        called = [await lookout.held.label(one.task_id, one.node_id) for one in held]
        found.append((each, [*zip(held, called, strict=True)]))
    return found


def _is_open(task: TaskRow) -> bool:
    """Whether what failed in it can still be tried again."""
    return task.state in ("ACTIVE", "PAUSED", "FAILED")


def _rank(task: TaskRow) -> int:
    """What goes on comes first; else the newest, as they are."""
    return _STATES.index(task.state) if task.state in _STATES else len(_STATES)


def _fits(task: TaskRow, state: str, goal: str) -> bool:
    return state in ("", task.state) and goal.casefold() in task.goal.casefold()


def is_full(limit: LimitView) -> bool:
    """Whether it lets nothing more begin: full, or closed."""
    has_room = limit.max_running is None or limit.running < limit.max_running
    return limit.closed_until is not None or not has_room


PAGE = Page(
    "overview.html", _load, lambda _request: ("tasks", "waiting", "workers", "limits", "locks")
)
