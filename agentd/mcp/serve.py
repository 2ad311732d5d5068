"""One server on standard input and output, for one client.

The rule this file keeps: nothing but the protocol goes to standard output, and the server ends when
its client does, whichever way it is noticed: the end of standard input, a process that is gone, or
a signal.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import anyio.lowlevel
from mcp.server.stdio import stdio_server

from agentd.config import log_format
from agentd.mcp.agent import Agent
from agentd.mcp.client_watch import Line, Pipes, wait_until_gone
from agentd.mcp.ending import Ending
from agentd.mcp.server import make_server
from agentd.text import printable

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_LAST_WORDS_SECS = 1.0
"""Seconds in which calls that are under way may end when standard input has."""

_TURNS = 200
"""Of the event loop, in which the last line becomes a call: time says nothing on a busy machine."""

_PAUSE_SECS = 0.05


class _OneLine(logging.Formatter):
    """What a log says, with what others wrote as text."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, a line each."""
        lines = super().format(record).splitlines()
        return "\n".join(f"agentd mcp: {printable(line)}" for line in lines)


class _Lines:
    """Standard input for the SDK. Its end is the client's: calls that are under way are ended."""

    def __init__(self, agent: Agent, ending: Ending) -> None:
        self._agent = agent
        self._ending = ending

    async def __aiter__(self) -> AsyncIterator[str]:
        opened = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: ASYNC230, SIM115 - read in a thread, to the end of the process
        async for line in anyio.wrap_file(opened):
            yield line
        with anyio.move_on_after(_LAST_WORDS_SECS):
            for _ in range(_TURNS):
                await anyio.lowlevel.checkpoint()
            await self._agent.quiet.wait()
            await anyio.sleep(_PAUSE_SECS)  # for the last answer to be written
        self._ending.begin()
        await anyio.sleep_forever()  # what has begun ends the process


def serve(line: Line, owner: str | None, *, for_human: bool, idle_secs: float) -> None:
    """Serve until the client is gone; this never returns. Raises `BadSetting`."""
    _log_to_stderr()
    agent = Agent(owner or _named_owner(), idle_secs=idle_secs)
    ending = Ending(agent.farewell)
    _end_on_signals(ending)
    pipes = Pipes(0, os.dup(1))  # the SDK has 1 mean standard error while it serves

    def watch() -> None:
        wait_until_gone(line, pipes, time.sleep)
        ending.begin()

    threading.Thread(target=watch, daemon=True).start()
    server = make_server(lambda: agent, for_human=for_human)
    try:
        anyio.run(_run, server, _Lines(agent, ending))
    except* ConnectionError:
        pass  # nobody reads any more: its client is gone
    except* Exception:  # nobody hears of it otherwise: the process ends below
        logging.getLogger(__name__).exception("the server has failed")
    finally:
        ending.begin()
        threading.Event().wait()  # what has begun ends the process


def _named_owner() -> str | None:
    """The agent that the environment names. A worker's name there is that of all its commands."""
    if os.environ.get("AGENTD_LEASE_ID"):
        return None
    return os.environ.get("AGENTD_OWNER", "").strip() or None


async def _run(server: Any, lines: _Lines) -> None:
    low = server._lowlevel_server  # noqa: SLF001 - as the SDK's own run does, but for the input
    async with stdio_server(stdin=cast("Any", lines)) as (read, write):
        await low.run(read, write, low.create_initialization_options())


def _end_on_signals(ending: Ending) -> None:
    for number in _STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: ending.begin())


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    if log_format() == "json":
        from agentd.json_log import JsonFormatter  # noqa: PLC0415 - few ask for it

        handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
