"""A task in which something of everything is, and `agentd top` on it, without a terminal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from textual.pilot import Pilot

from agentd.top.app import Top
from agentd.top.lines import Bar, Lines
from tests.daemon_process import PATIENCE_SECONDS, Connection, Object

BY = "somebody"


class Scene(NamedTuple):
    """The task, its nodes' ids by their names, and the lease of the node that runs."""

    task: str
    nodes: dict[str, str]
    lease: str


def scene(connection: Connection, goal: str = "release") -> Scene:
    """Register it, and work on it.

    `plan` is done, `build` runs, `test` failed and blocks `ship`, `review` is a gate, `docs` is
    runnable, `later` waits for `build`.
    """
    nodes: list[Object] = [
        {"name": "plan"},
        {"name": "test", "dependencies": ["plan"], "priority": 9},
        {"name": "build", "dependencies": ["plan"], "priority": 8},
        {"name": "docs", "dependencies": ["plan"]},
        {"name": "review", "dependencies": ["plan"], "gate": {"ask": "Good enough?"}},
        {"name": "ship", "dependencies": ["test"]},
        {"name": "later", "dependencies": ["build"]},
    ]
    made = connection.call("RegisterTask", goal=goal, initial_nodes=nodes)
    task = made["task_id"]
    ids = dict(zip((node["name"] for node in nodes), made["node_ids"], strict=True))
    plan = acquire(connection, task)
    connection.call("CompleteNode", **plan, result_payload="planned")
    test = acquire(connection, task)
    connection.call("FailNode", **test, error_payload={"message": "3 tests fail"})
    build = acquire(connection, task, "builder")
    connection.call("CommitEvent", **build, payload={"message": "40 % compiled"})
    return Scene(task, ids, build["lease_id"])


def acquire(connection: Connection, task: str, owner: str = "worker") -> dict[str, str]:
    """The next node: task, node and lease."""
    held = connection.call("AcquireNextNode", task_id=task, lease_owner=owner)
    return {key: held[key] for key in ("task_id", "node_id", "lease_id")}


class Shown:
    """What is on the screen, and the keys."""

    def __init__(self, app: Top, pilot: Pilot[None]) -> None:
        self.app = app
        self._pilot = pilot

    @property
    def lines(self) -> list[str]:
        """All that is seen, from the top."""
        shown = []
        for widget in self.app.screen.query("Bar, Lines, Input"):
            if widget.region.height and widget.is_on_screen and isinstance(widget, Bar | Lines):
                rows = range(widget.size.height)
                shown += [widget.render_line(row).text.rstrip() for row in rows]
        return shown

    @property
    def text(self) -> str:
        """The same in one."""
        return "\n".join(self.lines)

    def line_of(self, word: str) -> str:
        """The first line that has this in it."""
        return next(line for line in self.lines if word in line)

    async def press(self, *keys: str) -> None:
        """Press these keys."""
        await self._pilot.press(*keys)

    async def click(self, where: str, column: int, row: int, *, times: int = 1) -> None:
        """Click there, from the left and the top of a widget."""
        await self._pilot.click(where, offset=(column, row), times=times)

    async def wait_for(self, is_there: "str | Callable[[], Any]") -> None:
        """Until the screen shows this."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (is_there in self.text if isinstance(is_there, str) else is_there()):
                    await self._pilot.pause(0.01)
        except TimeoutError:
            raise AssertionError(f"{is_there} is not there:\n{self.text}") from None


@asynccontextmanager
async def on_a_screen(
    home: Path, task: str | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Shown]:
    """`agentd top`, open on a task, all of which is there."""
    app = Top(task, home, BY)
    async with app.run_test(size=size) as pilot:
        shown = Shown(app, pilot)
        await shown.wait_for(lambda: app.model.away is None)
        if task is not None:
            await shown.wait_for(lambda: app.model.live is not None and app.model.live.nodes)
        yield shown
