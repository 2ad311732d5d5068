"""Resources: what a person may hand to a model, whole: a task, and what waits for somebody.

The rule this file keeps: a resource is JSON, and says the same as the tools, only more of it.
"""

import time
from typing import cast

import msgspec
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from agentd.client import AsyncClient
from agentd.client.questions import find_out_async
from agentd.errors import Failure, RequestRefused, TaskNotFound
from agentd.inbox import ask_inbox
from agentd.mcp.agent import Agent
from agentd.mcp.naming import find_task
from agentd.mcp.tool import Call, agent_of
from agentd.text import printable

_RECENT_SECS = 7 * 24 * 3600
_NODES = 200


def add_resources(server: MCPServer[Agent]) -> None:
    """Have the server offer them."""

    @server.resource(
        "agentd://task/{task}",
        name="task",
        description="A task with its nodes; {task} is an id, its beginning, or @ for the newest",
        mime_type="application/json",
    )
    async def task(task: str, call: Context) -> str:  # the SDK of 2.1 loses what Context[...] holds
        agent = agent_of(cast("Call", call))
        try:
            task_id = await find_task(agent, task)
            shown = await agent.client.task_status(task_id, limit=_NODES)
        except TaskNotFound as error:
            raise ResourceNotFoundError(printable(error)) from error
        except (RequestRefused, Failure) as error:
            raise ResourceError(printable(error)) from error
        return msgspec.json.encode(shown).decode()

    @server.resource(
        "agentd://inbox",
        name="inbox",
        description="What waits for a person: gates, spent budgets, failed tasks of 7 days, "
        "closed limits",
        mime_type="application/json",
    )
    async def inbox() -> str:
        try:
            # The SDK does not tell a resource without a place who calls.
            async with AsyncClient() as client:
                found = await find_out_async(client, ask_inbox(time.time() - _RECENT_SECS))
            return msgspec.json.encode({"waiting": found.waiting}).decode()
        except (RequestRefused, Failure) as error:
            raise ResourceError(printable(error)) from error
