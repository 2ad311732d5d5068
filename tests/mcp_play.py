"""An agent played by the SDK's own client, in this process and against a real daemon.

The rule this file keeps: what a tool answers is what the client hands on to its model: the
structured answer, which the SDK's client holds against the tool's schema, or the text of an error.
"""

from __future__ import annotations

import asyncio
import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ParamSpec

from mcp import Client
from mcp.types import Implementation, TextContent

from agentd.mcp.agent import Agent
from agentd.mcp.server import make_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

P = ParamSpec("P")

CURRENT = "2026-07-28"
PREVIOUS = "legacy"
"""The handshake of 2025-11-25, and of those before it."""


PLAN = """
goal: release
nodes:
  build: {payload: {make: all}}
  test: {needs: build}
  ship: {needs: test, gate: "Ship it?"}
"""


class Told(Exception):
    """What a tool said of its failure."""


class Player:
    """Calls tools as a model does."""

    def __init__(self, client: Client, agents: list[Agent]) -> None:
        self.client = client
        self._agents = agents

    @property
    def agent(self) -> Agent:
        """What the server knows of the player."""
        return self._agents[-1]

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer. Raises `Told`."""
        result = await self.client.call_tool(name, arguments)
        (content,) = result.content
        assert isinstance(content, TextContent)
        if result.is_error:
            raise Told(content.text)
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def register(self, plan: Any = PLAN) -> str:
        """The id of a task that was registered."""
        return str((await self.call("register_plan", plan=plan))["task"])

    async def refused(self, name: str, **arguments: Any) -> str:
        """What the tool says of its failure."""
        try:
            answer = await self.call(name, **arguments)
        except Told as told:
            return str(told)
        raise AssertionError(f"{name} answered {answer}")


@asynccontextmanager
async def playing(
    mode: str = CURRENT,
    *,
    for_human: bool = False,
    new_agent: Callable[[], Agent] = Agent,
) -> AsyncIterator[Player]:
    """A server, and an agent that has it."""
    agents: list[Agent] = []

    def made() -> Agent:
        agents.append(new_agent())
        return agents[-1]

    server = make_server(made, for_human=for_human)
    named = Implementation(name="Some Client", version="1.0")
    async with Client(server, mode=mode, client_info=named) as client:
        yield Player(client, agents)


def played(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run
