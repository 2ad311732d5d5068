"""The pages and what leads to them: every address on one screen.

The rule this file keeps: what changes something is a POST, and everything passes the doors first.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from agentd.client import AsyncClient
from agentd.ui import actions, streams
from agentd.ui.doors import Doors
from agentd.ui.drawing import Layouts
from agentd.ui.failures import HANDLERS
from agentd.ui.headers import Headers
from agentd.ui.links import Cookies, Links
from agentd.ui.lookout import Lookout
from agentd.ui.pages import drawings, journal, node, overview, shared, task, whole
from agentd.ui.pages.page import Made

_TASK = "/tasks/{task}"
_NODE = f"{_TASK}/nodes/{{node}}"

ROUTES = (
    Route("/", overview.PAGE.answer),
    Route("/inbox", shared.INBOX.answer),
    Route("/journal", journal.PAGE.answer),
    Route("/limits", shared.LIMITS.answer),
    Route("/workers", shared.WORKERS.answer),
    Route(_TASK, task.PAGE.answer),
    Route(f"{_TASK}/why", task.WHY.answer),
    Route(f"{_TASK}/graph", drawings.GRAPH.answer),
    Route(f"{_TASK}/gantt", drawings.GANTT.answer),
    Route(f"{_TASK}/context", whole.context),
    Route(_NODE, node.PAGE.answer),
    Route(f"{_NODE}/log/{{stream}}", whole.log),
    Route(f"{_NODE}/whole/{{name}}", whole.payload),
    Route("/changes", streams.changes),
    Route(f"{_TASK}/{{action}}", actions.on_task, methods=["POST"]),
    Route(f"{_NODE}/{{action}}", actions.on_node, methods=["POST"]),
    Mount("/static", StaticFiles(packages=[("agentd.ui", "static")])),
)


def make_app(
    lookout: Lookout, port: int, links: Links, *, allow_actions: bool = False, by: str = ""
) -> Starlette:
    """The application, for a server on that port; `by` is who acts."""
    layouts = Layouts()

    @contextlib.asynccontextmanager
    async def looking(_app: Starlette) -> AsyncIterator[None]:
        looks = asyncio.create_task(lookout.run())
        try:
            yield
        finally:
            lookout.close()
            looks.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looks
            await layouts.close()
            await lookout.client.close()
            await app.state.acting.close()

    handlers: dict[Any, Any] = dict(HANDLERS)
    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(Headers),
            Middleware(Doors, port=port, links=links, cookies=Cookies()),
        ],
        exception_handlers=handlers,
        lifespan=looking,
    )
    app.state.lookout, app.state.made = lookout, Made()
    app.state.layouts = layouts
    app.state.acting = AsyncClient(lookout.client.address)
    app.state.allow_actions, app.state.by = allow_actions, by
    return app
