"""What a page says where it cannot show what was asked for.

The rule this file keeps: it says what is wrong and what to do next, in the daemon's own words where
it has some. No page tells anything of our own files or code.
"""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.ui.headers import HEADERS
from agentd.ui.pages.page import DaemonAway, frame
from agentd.ui.templating import render

_MISSING = ("task_not_found", "node_not_found")
_ASKED_WRONGLY = ("invalid_params",)

_NO_PAGE = "There is no such page."

AWAY = "x-agentd-away"
"""The header that tells a page that is open that it is not to be replaced."""


async def refused(request: Request, error: Exception) -> Response:
    """What the daemon refused."""
    assert isinstance(error, RequestRefused)  # noqa: S101 - it is called for nothing else
    kind = str(error.data["kind"])
    if kind in _MISSING:
        return _page(request, 404, "Not found", error.message)
    if kind in _ASKED_WRONGLY:
        return _page(request, 400, "That cannot be asked", error.message)
    return _page(request, 409, "The daemon refused it", f"{error.message} ({kind})")


async def away(request: Request, error: Exception) -> Response:
    """There is no daemon."""
    reason = str(error).partition(": ")[0].partition(". ")[0]
    words = f"{reason}. `agentd serve` starts it, `agentd doctor` says more; this page comes back"
    response = _page(request, 503, "The daemon is away", f"{words} with it.", names="*")
    response.headers[AWAY] = "1"
    return response


async def wrong(request: Request, error: Exception) -> Response:
    """There is no such page, or it was asked for in a way that it does not know."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is called for nothing else
    title = HTTPStatus(error.status_code).phrase
    words = _NO_PAGE if error.detail == HTTPStatus.NOT_FOUND.phrase else error.detail
    return _page(request, error.status_code, title, words)


async def broken(request: Request, error: Exception) -> Response:  # noqa: ARG001 - it is logged
    """A fault of our own: the terminal has the details. It is answered outside of `Headers`."""
    answer = _page(
        request,
        500,
        "This page could not be made",
        "That is a fault of agentd's own. The terminal that `agentd ui` runs in has the details.",
    )
    answer.headers.update(HEADERS)
    return answer


HANDLERS = {
    RequestRefused: refused,
    DaemonUnreachable: away,
    DaemonAway: away,
    HTTPException: wrong,
    Exception: broken,
}


def _page(request: Request, status: int, title: str, words: str, names: str = "") -> Response:
    values = {**frame(request), "title": title, "words": words, "status": status, "names": names}
    return HTMLResponse(render("failure.html", values), status)
