"""Resources: what a person may hand to a model, whole: a task, and what waits for somebody.

The rule this file keeps: a resource is JSON, and says the same as the tools, only more of it.
"""

import time
from typing import Any, cast

import msgspec
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from agentd.client import AsyncClient
from agentd.errors import Failure, RequestRefused, TaskNotFound
from agentd.mcp.agent import Agent
from agentd.mcp.naming import find_task
from agentd.mcp.tool import Call, agent_of
from agentd.text import printable

_RECENT_SECS = 7 * 24 * 3600
_MOST = 50
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
                return msgspec.json.encode(await waiting_for_people(client)).decode()
        except (RequestRefused, Failure) as error:
            raise ResourceError(printable(error)) from error


async def waiting_for_people(client: AsyncClient) -> dict[str, Any]:
    """Gates that are open, spent budgets, tasks that failed lately, limits that are closed."""
    gates = await client.list_gates(limit=_MOST)
    since = time.time() - _RECENT_SECS
    failed = await client.list_tasks(state="FAILED", since=since, limit=_MOST)
    limits = await client.list_limits()
    return {
        "gates": [
            {"task": each.task_id, "node": each.name or each.node_id, "ask": each.ask}
            for each in gates.gates
        ],
        "spent_budgets": await _spent_budgets(client),
        "failed": [{"task": each.id, "goal": each.goal} for each in failed.tasks],
        "closed_limits": [
            {"limit": each.name, "until": each.closed_until, "why": each.reason}
            for each in limits.limits
            if each.closed_until is not None
        ],
    }


async def _spent_budgets(client: AsyncClient) -> list[dict[str, Any]]:
    """Tasks that hand nothing out, though nodes are PENDING, until they may use more."""
    active = await client.list_tasks(state="ACTIVE", limit=_MOST)
    found = []
    for each in active.tasks:
        if each.runnable or not each.counts.get("PENDING"):
            continue
        task = await client.task_status(each.id, fields=["usage"])
        spent = {
            unit: {"used": task.usage.get(unit, 0), "budget": most}
            for unit, most in (task.budget or {}).items()
            if task.usage.get(unit, 0) >= most
        }
        if spent:
            found.append({"task": each.id, "goal": each.goal, "spent": spent})
    return found
