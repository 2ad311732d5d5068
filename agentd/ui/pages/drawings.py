"""`/tasks/ID/graph` and `/tasks/ID/gantt`: drawings of a task, each a page and a part of one.

The rule this file keeps: a drawing that takes time comes later, by its own address; a task that is
too large to draw is shown by its levels, and every node with what stands around it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request

from agentd.label import SHORTEST_ID
from agentd.live import NodeRow, Span
from agentd.text import quote
from agentd.ui.drawing import (
    CannotDraw,
    Drawn,
    Layouts,
    collapse,
    gantt_svg,
    graph_of,
    graph_svg,
    is_large,
    levels_svg,
    neighbourhood,
    span_bars,
)
from agentd.ui.found_task import found_task
from agentd.ui.pages import asked
from agentd.ui.pages.page import Page, lookout_of
from agentd.ui.templating import in_address, markup

INLINE = 300
"""Nodes of a task whose drawings are on its page where they are there already."""


def drawn_nodes(nodes: Iterable[NodeRow], task_id: str, at: int | str | None) -> list[Drawn]:
    """The nodes as they are drawn, each a link to its page."""
    then = "" if at is None else f"?at={in_address(at)}"
    return [
        Drawn(
            each.id,
            each.label,
            each.state,
            each.owner or (f"try {each.attempt}" if each.attempt > 1 else ""),
            each.dependencies,
            f"/tasks/{task_id}/nodes/{each.id}{then}",
        )
        for each in nodes
    ]


def kept_graph(layouts: Layouts, nodes: list[Drawn]) -> Markup | None:
    """The drawing where it can be had at once; else it is begun."""
    if len(nodes) > INLINE or not nodes or is_large(nodes):
        return None
    graph = graph_of(nodes)
    if (layout := layouts.kept(graph)) is not None:
        return markup(graph_svg(layout, nodes))
    asyncio.create_task(layouts.of(graph)).add_done_callback(_look_at_error)
    return None


def chart(spans: list[Span], label: Callable[[Span], str], task_id: str) -> Markup | None:
    """Who worked when, on this machine's clock; `label` is what to call an attempt."""
    if not spans:
        return None
    bars = span_bars(
        spans,
        label,
        lambda node: f"/tasks/{task_id}/nodes/{node}",
    )
    zone = datetime.now().astimezone().tzinfo
    assert zone is not None  # noqa: S101 - it was just given one
    return markup(gantt_svg(bars, _end(spans), zone))


def label_in(nodes: Mapping[str, NodeRow]) -> Callable[[Span], str]:
    """Calls an attempt as its node is called."""

    def label(span: Span) -> str:
        node = nodes.get(span.node_id)
        return span.node_id[-SHORTEST_ID:] if node is None else node.label

    return label


def _end(spans: list[Span]) -> float:
    """Now where something goes on; else when the last one ended."""
    ends = [each.end for each in spans]
    return max((each for each in ends if each is not None), default=0.0) if all(ends) else _now()


def _now() -> float:
    return time.time()


async def _graph(request: Request) -> Mapping[str, Any]:
    task_id, at = asked.task_id(request), asked.place(request)
    around = asked.text(request, "around")
    found = await found_task(lookout_of(request), task_id, at)
    nodes = drawn_nodes(found.nodes.values(), task_id, at)
    left_out, drawing = 0, None
    if around:
        if around not in found.nodes:
            raise HTTPException(404, f"no node of this task is {quote(around)}")
        near = neighbourhood(nodes, around)
        nodes, left_out = near.nodes, near.left_out
    elif is_large(nodes):
        levels = collapse(nodes)
        drawing = levels_svg(levels, [_level_address(task_id, at, n) for n in range(len(levels))])
    words = ""
    if drawing is None and nodes:
        try:
            layout = await request.app.state.layouts.of(graph_of(nodes))
            drawing = graph_svg(layout, nodes, around or None)
        except CannotDraw as error:
            words = str(error)
    return {
        "task_id": task_id,
        "title": "Graph",
        "kind": "drawing-frame",
        "drawing": markup(drawing) if drawing else None,
        "words": words,
        "left_out": left_out,
        "is_levels": bool(not around and is_large(nodes)),
    }


def _level_address(task_id: str, at: int | str | None, number: int) -> str:
    then = "" if at is None else f"&at={in_address(at)}"
    return f"/tasks/{task_id}?level={number + 1}{then}#nodes"


async def _gantt(request: Request) -> Mapping[str, Any]:
    lookout, task_id = lookout_of(request), asked.task_id(request)
    at = asked.place(request)
    found = await found_task(lookout, task_id, at)  # it knows what `at` may be
    worked = await lookout.worked.of(task_id, at)
    return {
        "task_id": task_id,
        "title": "Who worked when",
        "kind": "scroll chart",
        "drawing": chart(worked.spans, label_in(found.nodes), task_id),
        "words": "" if worked.spans else "Nobody has worked on it yet.",
        "left_out": 0,
        "is_levels": False,
    }


def _look_at_error(made: "asyncio.Task[Any]") -> None:
    if not made.cancelled():
        made.exception()  # whoever asks for the drawing itself is told


def _names(request: Request) -> tuple[str, ...]:
    return (asked.task_id(request),)


GRAPH = Page("drawing.html", _graph, _names)
GANTT = Page("drawing.html", _gantt, _names)
