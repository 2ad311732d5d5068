"""Which requests come in: from a browser on this machine, that was let in, and from our own pages.

The rule this file keeps: a Host is parsed as an address, never compared with a beginning; what may
change something has to come from a page of ours; and whoever has no cookie sees no page. A link's
token is changed for a cookie by the one page that is open to all.
"""

from html import escape
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentd.loopback import parse_loopback
from agentd.text import quote
from agentd.ui.links import Cookies, Links
from agentd.ui.peer_user import is_another_user

ENTER = "/enter"
_OPEN = "/static/"
_SAFE = ("GET", "HEAD")
_PORT = ":80"
"""What a browser leaves out."""


class Doors:
    """Lets requests through to the pages, or answers them itself."""

    def __init__(self, app: ASGIApp, port: int, links: Links, cookies: Cookies) -> None:
        self._app = app
        self._port = port
        self._links = links
        self._cookies = cookies
        self._name = f"agentd-ui-{port}"  # a browser keeps cookies by host, whatever the port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = self._answer(scope) if scope["type"] == "http" else Response(status_code=403)
        await (answer or self._app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        """What is answered here; None where the request may go on."""
        headers, path = Headers(scope=scope), scope["path"]
        if (reason := self._foreign_host(headers)) is not None:
            return _refusal(421, "This is not the address of these pages", reason)
        if scope["method"] not in _SAFE and (reason := self._foreign_page(headers)) is not None:
            return _refusal(403, "This did not come from a page of agentd", reason)
        is_entering = path == ENTER and scope["method"] == "GET"
        changes = scope["method"] not in _SAFE
        if (is_entering or changes) and is_another_user(scope["client"], scope["server"]):
            return _refusal(
                403,
                "These pages are another user's",
                "Links and forms are for whoever started `agentd ui`. Start your own.",
            )
        if is_entering:
            return self._enter(scope)
        if path.startswith(_OPEN) or self._is_in(headers):
            return None
        return _refusal(
            401,
            "This browser has not been let in",
            "Open the link that `agentd ui` printed. It is good once; the same process prints "
            "another one when it is sent SIGUSR1 (`kill -USR1 PID`), and a new `agentd ui` prints "
            "its own.",
        )

    def _foreign_host(self, headers: Headers) -> str | None:
        """Why the Host is none of ours: a name of somebody's may lead here, too."""
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        address = host if host.rpartition(":")[2].isdigit() else f"{host}{_PORT}"
        name, _, port = address.rpartition(":")
        if name.lower() == "localhost" and port == str(self._port):
            return None
        try:
            if parse_loopback(address).port == self._port:
                return None
        except ValueError:
            pass
        return f"The Host is {quote(host)}; expected 127.0.0.1:{self._port}."

    def _foreign_page(self, headers: Headers) -> str | None:
        """Why a form is none of ours.

        With `no-referrer` browsers send the Origin `null`, and say beside it where from.
        """
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        ours = f"http://{headers['host']}"
        if site == "same-origin" and origin in (None, "null", ours):
            return None
        if site is None and origin == ours:
            return None
        told = f"Sec-Fetch-Site: {quote(site)}, Origin: {quote(origin)}"
        return f"{told}; expected a form of {ours}."

    def _is_in(self, headers: Headers) -> bool:
        cookies = cookie_parser(headers.get("cookie", ""))
        return self._cookies.is_known(cookies.get(self._name, ""))

    def _enter(self, scope: Scope) -> Response:
        tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if len(tokens) != 1 or not self._links.use(tokens[0]):
            if self._is_in(Headers(scope=scope)):  # who goes back in its history
                return _page(200, "You are in", "", refresh=True)
            return _refusal(
                403,
                "This link is not good any more",
                "It is good once, for ten minutes. Send SIGUSR1 to the `agentd ui` that printed "
                "it (`kill -USR1 PID`) for another one, or start it again.",
            )
        # A page of ours leads on: to a request that another site began a browser would not give
        # the cookie.
        entered = _page(200, "You are in", "", refresh=True)
        entered.set_cookie(
            self._name, self._cookies.make(), path="/", httponly=True, samesite="strict"
        )
        return entered


def _refusal(status: int, title: str, reason: str) -> Response:
    return _page(status, title, reason)


def _page(status: int, title: str, words: str, *, refresh: bool = False) -> Response:
    """A page that needs nothing of what is behind the doors."""
    leads = '<meta http-equiv="refresh" content="0; url=/">' if refresh else ""
    link = '<p><a href="/">Go on</a></p>' if refresh else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} - agentd</title>{leads}"
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">'
        '<link rel="stylesheet" href="/static/page.css"></head>'
        f'<body class="door"><main><h1>{escape(title)}</h1><p>{escape(words)}</p>{link}</main>'
        "</body></html>",
        status,
    )
