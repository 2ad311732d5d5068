"""What changed, told to a browser as it happens: server-sent events.

The rule this file keeps: a browser is told names, never data, and as many at once as have gathered
while it was slow; the page that it looks at says the rest.
"""

from collections.abc import AsyncIterator

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from agentd.text import printable
from agentd.ui.lookout import Lookout

_PING_SECONDS = 5
"""A browser that hears nothing for longer knows that the server is gone."""

_RETRY_MS = 1000


async def changes(request: Request) -> Response:
    """The stream of one browser."""
    lookout: Lookout = request.app.state.lookout
    return EventSourceResponse(_told(lookout), ping=_PING_SECONDS, ping_message_factory=_ping)


def _ping() -> ServerSentEvent:
    """One that pages hear of: a comment they would not."""
    return ServerSentEvent(data="", event="ping")


async def _told(lookout: Lookout) -> AsyncIterator[dict[str, str | int]]:
    async for names in lookout.listen().news():
        away = None if lookout.away is None else printable(lookout.away)
        news = {"names": sorted(names), "seq": lookout.last_seq, "away": away}
        yield {"data": msgspec.json.encode(news).decode(), "retry": _RETRY_MS}
