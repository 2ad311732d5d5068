"""The pages of `agentd ui` in this process: what a browser asks, without a socket."""

from __future__ import annotations

import re
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING

from starlette.testclient import TestClient

from agentd.client import AsyncClient
from agentd.ui.app import make_app
from agentd.ui.links import Links
from agentd.ui.lookout import Lookout
from tests.daemon_process import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PORT = 8470
OURS = f"http://127.0.0.1:{PORT}"
FROM_A_PAGE = {"sec-fetch-site": "same-origin", "origin": "null"}
"""What browsers send beside a form of a page that says `no-referrer`."""


@contextmanager
def server(
    socket: str | Path, *, allow_actions: bool = False
) -> Iterator[tuple[TestClient, Links]]:
    """A browser that was not let in, and the links that do."""
    links = Links()
    lookout = Lookout(AsyncClient(socket, PATIENCE_SECONDS))
    app = make_app(lookout, PORT, links, allow_actions=allow_actions, by="pat")
    with TestClient(app, OURS, follow_redirects=False, raise_server_exceptions=False) as browser:
        yield browser, links


@contextmanager
def let_in(socket: str | Path, *, allow_actions: bool = False) -> Iterator[TestClient]:
    """A browser that was let in."""
    with server(socket, allow_actions=allow_actions) as (browser, links):
        assert browser.get("/enter", params={"token": links.make()}).status_code == 200
        yield browser


def words(html: str) -> str:
    """What a person reads of a page."""
    main = re.sub(r"(?s).*<main[^>]*>|</main>.*", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())
