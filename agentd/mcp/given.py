"""A node that was acquired, as its agent is shown it.

The rule this file keeps: what the plan asks for is `goal` and `payload`; all that others left is
under `from_others`, shortened where it is long, and says how to see the rest.
"""

import asyncio
from typing import Any

from agentd.api import AcquireNextNodeResult, AttemptView, EventView, NodeContext, rfc3339
from agentd.client import AsyncClient
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.mcp.naming import name_of
from agentd.mcp.shapes import NodeGiven
from agentd.mcp.shortening import LONGEST_OWNER, shorten, shorten_text

_LONGEST_PAYLOAD = 8_000
_LONGEST_INPUT = 4_000
_LONGEST_INPUTS = 24_000
_LONGEST_EVENT = 500
"""Characters."""

_MOST_INPUTS = 20
_MOST_EVENTS = 10
_MOST_ATTEMPTS = 3


async def node_given(client: AsyncClient, acquired: AcquireNextNodeResult, name: str) -> NodeGiven:
    """What an agent has to know to work on the node."""
    context = acquired.context
    answer = NodeGiven(
        node=name,
        task=acquired.task_id,
        node_id=acquired.node_id,
        lease=acquired.lease_id,
        attempt=acquired.attempt,
        goal=shorten_text(context.task.goal, _LONGEST_PAYLOAD),
        payload=shorten(context.node.payload_schema, _LONGEST_PAYLOAD, _look(name, "payload")),
    )
    if acquired.deadline_at is not None:
        answer["deadline"] = rfc3339(round(acquired.deadline_at * 1000))
    if others := await _from_others(client, context, name):
        answer["from_others"] = others
    return answer


def _look(name: str, part: str) -> str:
    return f"show_node with node {name!r} and part {part!r}"


async def _from_others(client: AsyncClient, context: NodeContext, name: str) -> dict[str, Any]:
    found = {
        "task_context": shorten(context.task.context, _LONGEST_INPUT, "agentd://task/ID"),
        "inputs": await _inputs(client, context),
        "checkpoint": context.checkpoint
        and shorten(context.checkpoint.payload, _LONGEST_INPUT, _look(name, "checkpoint")),
        "earlier_attempts": [_attempt(each) for each in context.attempts[-_MOST_ATTEMPTS:]],
        "events": [_event(each) for each in context.event_journal[-_MOST_EVENTS:]],
    }
    return {field: value for field, value in found.items() if value}


async def _inputs(client: AsyncClient, context: NodeContext) -> dict[str, Any]:
    """The results in front of it, by the names of their nodes."""
    first = context.completed_dependencies[:_MOST_INPUTS]
    task = context.task.id
    names = await asyncio.gather(*(_name(client, task, each.node_id) for each in first))
    most = min(_LONGEST_INPUT, _LONGEST_INPUTS // max(1, len(first)))
    inputs = {
        name: shorten(each.result_payload, most, _look(name, "result"))
        for name, each in zip(names, first, strict=True)
    }
    if more := len(context.completed_dependencies) - len(first):
        inputs["…"] = f"and {more:,} more: show_task names them, show_node shows each"
    return inputs


async def _name(client: AsyncClient, task_id: str, node_id: str) -> str:
    try:
        node = (await client.node_status(task_id, node_id)).node
    except (RequestRefused, DaemonUnreachable):
        return node_id
    return name_of(node.id, node.name, node.payload_schema)


def _attempt(attempt: AttemptView) -> dict[str, Any]:
    owner = shorten_text(attempt.owner or "", LONGEST_OWNER)
    told = {"how": attempt.how, "kind": attempt.kind, "owner": owner}
    error = shorten(attempt.error, _LONGEST_EVENT, "agentd node show")
    return {**{field: each for field, each in told.items() if each}, "error": error}


def _event(event: EventView) -> dict[str, Any]:
    rest = "show_task with after_seq"
    return {"type": event.action_type, "payload": shorten(event.payload, _LONGEST_EVENT, rest)}
