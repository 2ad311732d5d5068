"""`agentd ui` as a process: a port of this machine, a link, and an end.

The rule this file keeps: nobody but this machine is listened to, and whoever is told to stop stops
within a second, however many pages are open.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from sse_starlette.sse import AppStatus

from agentd.client import AsyncClient
from agentd.errors import Failure
from agentd.text import printable
from agentd.ui.app import make_app
from agentd.ui.doors import ENTER
from agentd.ui.links import Links
from agentd.ui.lookout import Lookout

HOST = "127.0.0.1"
PATIENCE_SECONDS = 2.0
"""For how long the daemon may take over an answer, before a page says that it is away."""

_FAREWELL_SECONDS = 1
_BACKLOG = 128


class PortTaken(Failure):
    """Another program listens there."""


class _OneLine(logging.Formatter):
    """What a log says, with what others wrote as text."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, a line each."""
        lines = super().format(record).splitlines()
        return "\n".join(f"agentd ui: {printable(line)}" for line in lines)


class _Server(uvicorn.Server):
    """Ends the streams of open pages first: they never end by themselves."""

    def __init__(self, config: uvicorn.Config, end: Callable[[], None]) -> None:
        super().__init__(config)
        self._end = end

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        self._end()
        await super().shutdown(sockets)


def serve(
    port: int, invite: Callable[[str], object], *, allow_actions: bool = False, by: str = ""
) -> None:
    """Serve until told to stop; `invite` is called with each link. Raises `PortTaken`."""
    listening = _listen(port)
    with listening, contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(listening, invite, allow_actions=allow_actions, by=by))


async def _serve(
    listening: socket.socket, invite: Callable[[str], object], *, allow_actions: bool, by: str
) -> None:
    port, links = listening.getsockname()[1], Links()
    AppStatus.enable_automatic_graceful_drain = False  # it cuts streams off; the lookout ends them
    lookout = Lookout(AsyncClient(timeout=PATIENCE_SECONDS))
    app = make_app(lookout, port, links, allow_actions=allow_actions, by=by)
    _log_to_stderr()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_FAREWELL_SECONDS,
        ws="none",
        http="h11",  # the other one sets no bounds to headers, and anybody here may send some
        proxy_headers=False,
    )

    def make_link() -> str:
        return f"http://{HOST}:{port}{ENTER}?token={links.make()}"

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: invite(make_link()))
    loop.call_soon(invite, make_link())
    await _Server(config, lookout.close).serve(sockets=[listening])


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"port {port} of {HOST} cannot be had: {error.strerror}; `--port 0` takes any that is "
            "free"
        ) from error
    return listening


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
