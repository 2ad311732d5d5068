"""The layouts that were made, by their graphs.

The rule this file keeps: a graph is laid out once, however many look at it, and whether or not the
first of them stays.
"""

import asyncio
from collections import OrderedDict

from agentd.ui.drawing.layout import Graph, Layout
from agentd.ui.drawing.layout_process import LayoutProcess

_PATIENCE_SECONDS = 20.0
_MOST = 64
"""Layouts that are kept: the last ones that were looked at."""


class Layouts:
    """Keeps layouts, and has those made that are not there yet."""

    def __init__(self, patience: float = _PATIENCE_SECONDS) -> None:
        """`patience`: seconds that one may take."""
        self._process = LayoutProcess(patience)
        self._kept: OrderedDict[bytes, Layout] = OrderedDict()
        self._making: dict[bytes, asyncio.Task[Layout]] = {}

    async def of(self, graph: Graph) -> Layout:
        """The layout, once it is there. Raises `CannotDraw`."""
        key = graph.key
        if (kept := self._look_up(key)) is not None:
            return kept
        if key not in self._making:
            self._making[key] = asyncio.create_task(self._make(key, graph))
        return await asyncio.shield(self._making[key])

    def kept(self, graph: Graph) -> Layout | None:
        """The layout, where it is there already."""
        return self._look_up(graph.key)

    async def close(self) -> None:
        """End what is being made, and the process; layouts that are kept stay."""
        making = [*self._making.values()]
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        await self._process.close()

    async def _make(self, key: bytes, graph: Graph) -> Layout:
        try:
            layout = Layout(graph, await self._process.ask(graph))
        finally:
            del self._making[key]
        self._kept[key] = layout
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return layout

    def _look_up(self, key: bytes) -> Layout | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)
