"""The endpoint that scrapers ask, beside a daemon that does its work.

The rule this file keeps: it is a client of the daemon, on a thread and with an event loop of its
own. Whatever scrapers do, the daemon's own loop knows nothing of it.
"""

import asyncio
import contextlib
import socket
import threading
from pathlib import Path

from agentd.client import AsyncClient
from agentd.client.thread_signals import leave_signals_to_main_thread
from agentd.figures.paced import PacedFigures
from agentd.figures.scrape_server import ScrapeServer

_STOP_SECONDS = 1.0
"""How long the daemon's stop waits for it."""


class Endpoint:
    """Serves the figures of the daemon at a socket, from `start` until `close`."""

    def __init__(self, listening: socket.socket, socket_path: Path) -> None:
        self._listening = listening
        self._socket_path = socket_path
        self._loop = asyncio.new_event_loop()
        self._serving: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="agentd-figures", daemon=True)

    def start(self) -> None:
        """Begin, once the daemon lets clients in."""
        self._thread.start()

    def close(self) -> None:
        """Serve nobody any more."""
        with contextlib.suppress(RuntimeError):  # its loop has ended already
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(_STOP_SECONDS)

    def _stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()

    def _run(self) -> None:
        leave_signals_to_main_thread()
        with (
            contextlib.suppress(asyncio.CancelledError),
            asyncio.Runner(loop_factory=lambda: self._loop) as runner,
        ):
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._serving = asyncio.current_task()
        async with AsyncClient(self._socket_path) as client:
            await ScrapeServer(self._listening, PacedFigures(client).read).run()
