"""Rule: a drawing is measured as a page waits for it: from nodes to SVG, its process included.

Graphs of several shapes, laid out for the first time, then drawn again with what was kept; and
what is shown of those that are too large: their levels, and what stands around one node. The
slowest shape is the figure.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter

from agentd.ui.drawing import (
    Drawn,
    Layouts,
    collapse,
    graph_of,
    graph_svg,
    levels_svg,
    neighbourhood,
)
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from tests.drawing import SHAPES, drawn

NEW_SECONDS = 1.0
LARGE_SECONDS = 2.0
AGAIN_SECONDS = 0.1
SIZES = (30, 1_000)
LARGE = 10_000


def drawing(run: Run) -> list[Row]:  # noqa: ARG001 - it starts no daemon
    return [*(row for size in SIZES for row in _small(size)), *_large()]


def _small(size: int) -> list[Row]:
    graphs = {shape: drawn(make(size)) for shape, make in SHAPES.items()}
    new, again = asyncio.run(_draw(graphs))
    return [
        _slowest(f"draw {size:,} nodes, not kept yet", new, NEW_SECONDS),
        _slowest(f"draw {size:,} nodes again", again, AGAIN_SECONDS),
    ]


async def _draw(graphs: dict[str, list[Drawn]]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds by shape: for a drawing that was not kept (each starts a process), and again."""
    new, again = {}, {}
    for shape, nodes in graphs.items():
        layouts = Layouts()
        try:
            begin = perf_counter()
            graph_svg(await layouts.of(graph_of(nodes)), nodes)
            new[shape] = perf_counter() - begin
            begin = perf_counter()
            graph_svg(await layouts.of(graph_of(nodes)), nodes)
            again[shape] = perf_counter() - begin
        finally:
            await layouts.close()
    return new, again


def _large() -> list[Row]:
    graphs = {shape: drawn(make(LARGE)) for shape, make in SHAPES.items()}
    levels = {shape: _timed(_draw_levels, nodes) for shape, nodes in graphs.items()}
    around = {shape: asyncio.run(_draw_around(nodes)) for shape, nodes in graphs.items()}
    return [
        _slowest(f"levels of {LARGE:,} nodes", levels, LARGE_SECONDS),
        _slowest(f"around one of {LARGE:,} nodes", around, LARGE_SECONDS),
    ]


def _draw_levels(nodes: list[Drawn]) -> None:
    levels = collapse(nodes)
    levels_svg(levels, ["#"] * len(levels))


async def _draw_around(nodes: list[Drawn]) -> float:
    """Seconds for what stands around the node that is in the middle, not kept yet."""
    layouts = Layouts()
    try:
        begin = perf_counter()
        near = neighbourhood(nodes, f"n{LARGE // 2}").nodes
        graph_svg(await layouts.of(graph_of(near)), near)
        return perf_counter() - begin
    finally:
        await layouts.close()


def _timed(draw: Callable[[list[Drawn]], None], nodes: list[Drawn]) -> float:
    begin = perf_counter()
    draw(nodes)
    return perf_counter() - begin


def _slowest(work: str, seconds: dict[str, float], bar: float) -> Row:
    return at_most(work, max(seconds.values()), bar, "s", **seconds)
