"""Rule: what a view asks of a daemon is what its model asks: models without a screen stand for it.

`python -m benchmarks.viewers SOCKET TASK COUNT`: so many times the overview and one task, each
following the journal by itself, as `agentd top` does, and `agentd ui` once for all its pages. It
prints a line when all of them know everything, and goes on until it is ended.
"""

import asyncio
import sys
from contextlib import aclosing

from agentd import AsyncClient
from agentd.live import Board, Feed, TaskNodes


async def _view(socket: str, task: str, ready: asyncio.Queue[None], *, is_top: bool) -> None:
    feed = Feed(AsyncClient(socket), leaves_out=is_top)
    async with AsyncClient(socket) as client, aclosing(feed.changes()) as changes:
        board, nodes = Board(client), TaskNodes(client, task)
        async for change in changes:
            await board.update(change)
            await nodes.update(change)
            if change.is_new:
                ready.put_nowait(None)


async def _view_all(socket: str, task: str, count: int) -> None:
    ready: asyncio.Queue[None] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_view(socket, task, ready, is_top=number > 0))
        for _ in range(count):
            await ready.get()
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(_view_all(sys.argv[1], sys.argv[2], int(sys.argv[3])))
