"""`/tasks/ID`: a task and its nodes, now or at any moment since it was registered.

The rule this file keeps: the page is there at once, however large the task is. What takes longer
(the drawing, who worked when, why nodes wait) has an address of its own and comes when it is ready.
"""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from starlette.requests import Request

from agentd.live import NodeRow, TaskNodes, by_attention
from agentd.states import STATES
from agentd.text import printable_json
from agentd.ui.drawing import Drawn, collapse
from agentd.ui.found_task import TaskThen, found_task
from agentd.ui.lookout import Lookout
from agentd.ui.pages import asked
from agentd.ui.pages.drawings import INLINE, chart, drawn_nodes, kept_graph, label_in
from agentd.ui.pages.page import LIVE, SHARED, Page, lookout_of
from agentd.ui.pages.remarks import remark

_PAGE = 200
_LATEST = 8
_SHOWN_BYTES = 2000
_WORDS = tuple(state.word for state in STATES)


async def _load(request: Request) -> Mapping[str, Any]:
    lookout, task_id = lookout_of(request), asked.task_id(request)
    at = asked.place(request)
    state, text = asked.choice(request, "state", _WORDS), asked.text(request, "node")
    number = asked.number(request, "page", 1) or 1
    level = asked.number(request, "level", 1)
    is_narrowed = bool(state or text or level or number > 1)
    found = await found_task(lookout, task_id, at, None if is_narrowed else _PAGE)
    is_small = len(found.nodes) <= INLINE
    nodes = drawn_nodes(found.nodes.values(), task_id, at) if is_small or level else []
    chosen = _level(nodes, level)
    fitting = [
        each
        for each in found.nodes.values()
        if _fits(each, state, text) and (chosen is None or each.id in chosen)
    ]
    first = (number - 1) * _PAGE
    is_all = not isinstance(found, TaskThen) or found.is_all
    fitting = by_attention(fitting) if is_all else fitting
    total = sum(found.counts.values()) if not is_all else len(fitting)
    lines = fitting[first : first + _PAGE]
    is_first = is_all and is_small and LIVE not in request.headers
    return {
        **await head(lookout, task_id, found, at),
        "lines": [(each, remark(each, found.nodes)) for each in lines],
        "found": total,
        "number": number,
        "is_last": total <= first + _PAGE,
        "words": _WORDS,
        "states": _count(found.nodes.values()) if is_all else {},
        "state": state,
        "text": text,
        "level": level,
        "graph": kept_graph(request.app.state.layouts, nodes) if is_first else None,
        "gantt": await _gantt(lookout, task_id, found, at) if is_first else None,
        "why": await _why(lookout, task_id, found, at),
    }


async def head(
    lookout: Lookout, task_id: str, found: TaskNodes | TaskThen, at: int | str | None
) -> dict[str, Any]:
    """What stands at the top of the pages of a task."""
    first = await lookout.client.task_events(task_id, after=0, limit=1)
    latest = await lookout.client.task_events(task_id, limit=_LATEST)
    row = next((each for each in lookout.board.tasks if each.id == task_id), None)
    context = printable_json(bytes(found.task.context))
    return {
        "task": found.task,
        "task_state": found.state,
        "counts": found.counts,
        "usage": found.usage,
        "budget": found.budget or {},
        "total": sum(found.counts.values()),
        "per_minute": row.per_minute if row and at is None else 0,
        "parent": found.task.parent_task_id or None,
        "labels": found.task.labels or {},
        "forked_from": found.task.forked_from or None,
        "imported_from": found.task.imported_from or None,
        "context": context[:_SHOWN_BYTES],
        "is_cut": len(context) > _SHOWN_BYTES,
        "has_context": bytes(found.task.context) not in (b"{}", b"null"),
        "at": at,
        "first_seq": first.events[0].seq if first.events else 0,
        "last_seq": latest.events[-1].seq if latest.events else 0,
        "latest": latest.events[::-1],
        "labelled": {
            each.node_id: found.nodes[each.node_id].label
            for each in latest.events
            if each.node_id in found.nodes
        },
    }


async def _gantt(
    lookout: Lookout, task_id: str, found: TaskNodes | TaskThen, at: int | str | None
) -> Markup | None:
    worked = await lookout.worked.of(task_id, at)
    return chart(worked.spans, label_in(found.nodes), task_id)


def _level(nodes: list[Drawn], number: int | None) -> set[str] | None:
    """The nodes of that level of a large graph, counted from 1; None where none is asked for."""
    if number is None:
        return None
    levels = collapse(nodes)
    return {*levels[number - 1].node_ids} if number <= len(levels) else set()


def _fits(node: NodeRow, state: str, text: str) -> bool:
    told = f"{node.label} {node.id} {node.owner or ''}".casefold()
    return state in ("", node.state) and text.casefold() in told


def _count(nodes: Any) -> dict[str, int]:
    counts = dict.fromkeys(_WORDS, 0)
    for each in nodes:
        counts[each.state] += 1
    return {word: number for word, number in counts.items() if number}


async def _why(
    lookout: Lookout, task_id: str, found: TaskNodes | TaskThen, at: int | str | None
) -> Any:
    """Why its nodes wait, of a task that is not large; None where it is told elsewhere."""
    if at is not None or sum(found.counts.values()) > INLINE:
        return None
    return await lookout.client.explain_task(task_id)


async def _why_alone(request: Request) -> Mapping[str, Any]:
    lookout, task_id = lookout_of(request), asked.task_id(request)
    why = await lookout.client.explain_task(task_id)
    return {"task_id": task_id, "why": why}


def _names(request: Request) -> tuple[str, ...]:
    """A task as it was does not change; but its journal goes on."""
    return (asked.task_id(request), *SHARED)


PAGE = Page("task.html", _load, _names)
WHY = Page("why.html", _why_alone, _names)
