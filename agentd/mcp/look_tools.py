"""Tools that only look: tasks, nodes, why something waits, and what happened.

The rule this file keeps: an answer is as short as what was asked for allows, and a longer one has a
next page.
"""

from typing import Any, Literal

from msgspec import Raw

from agentd.api import ExplainNodeResult, NodeStatusResult, NodeView, RecordedEventView
from agentd.errors import NodeNotFound
from agentd.mcp.agent import Agent
from agentd.mcp.arguments import AfterSeq, HeldNode, Offset, Task, TaskOrAll
from agentd.mcp.naming import NotHeld, find_held, find_node, find_task, find_task_or_held, name_of
from agentd.mcp.shapes import NodeAnswer, TaskAnswer
from agentd.mcp.shortening import LONGEST_OWNER, first_of, piece, shorten, shorten_text
from agentd.mcp.tool import Call, agent_of

_TASKS = 20
_NODES = 50
_EVENTS = 30
_REASONS = 20
_LONGEST_GOAL = 300
_LONGEST_EVENT = 500
_LONGEST_VALUE = 4_000
"""Characters."""

Part = Literal["payload", "result", "checkpoint"]
State = Literal["ACTIVE", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"]


async def show_task(
    call: Call,
    *,
    task: TaskOrAll = None,
    state: State | None = None,
    after_seq: AfterSeq = None,
    offset: Offset = 0,
) -> TaskAnswer:
    """Show a task: its nodes, what they wait for, its events. Without `task`: the newest tasks."""
    agent = agent_of(call)
    if task is None:
        return await _list_tasks(agent, state, offset)
    task_id = await find_task(agent, task)
    page = await agent.client.task_status(task_id, limit=_NODES, after=offset or None)
    why = await agent.client.explain_task(task_id)
    answer = TaskAnswer(
        task=task_id,
        goal=shorten_text(page.task.goal, _LONGEST_VALUE),
        state=str(why.state),
        counts=page.counts,
        nodes=[_node_line(each) for each in page.nodes],
        waits_for=first_of([f"{each.count}: {each.text}" for each in why.reasons], _REASONS),
    )
    if page.next is not None:
        answer["next"] = page.next
    if why.next is not None:
        answer["hint"] = shorten_text(why.next, _LONGEST_GOAL)
    if after_seq is not None:
        await _add_events(agent, task_id, after_seq, answer)
    return answer


async def _list_tasks(agent: Agent, state: State | None, offset: int) -> TaskAnswer:
    page = await agent.client.list_tasks(state=state, limit=_TASKS, before=offset or None)
    answer = TaskAnswer(
        tasks=[
            {
                "task": each.id,
                "goal": shorten_text(each.goal, _LONGEST_GOAL),
                "state": str(each.state or ""),
                "counts": each.counts,
                "runnable": each.runnable,
            }
            for each in page.tasks
        ]
    )
    if page.next is not None:
        answer["next"] = page.next
    return answer


async def _add_events(agent: Agent, task_id: str, after: int, answer: TaskAnswer) -> None:
    page = await agent.client.task_events(task_id, after=after or None, limit=_EVENTS)
    answer["events"] = [_event(each) for each in page.events]
    answer["last_seq"] = page.last_seq


def _event(event: RecordedEventView) -> dict[str, Any]:
    payload = shorten(event.payload, _LONGEST_EVENT, f"agentd://task/{event.task_id}")
    node = {"node_id": event.node_id} if event.node_id else {}
    return {"seq": event.seq, "type": event.action_type, **node, "payload": payload}


def _node_line(node: NodeView) -> dict[str, Any]:
    told = {
        "node": name_of(node.id, node.name, node.payload_schema),
        "status": node.status,
        "owner": shorten_text(node.lease_owner or "", LONGEST_OWNER),
        "waits_for": list(node.blocked_by),
    }
    return {field: value for field, value in told.items() if value}


async def show_node(
    call: Call,
    *,
    node: HeldNode = None,
    task: Task = None,
    part: Part | None = None,
    offset: Offset = 0,
) -> NodeAnswer:
    """Show a node: payload, result, attempts, why it waits. `part`: a long value in pieces."""
    agent = agent_of(call)
    task_id, node_id = await _which(agent, task, node)
    found = await agent.client.node_status(task_id, node_id)
    name = name_of(found.node.id, found.node.name, found.node.payload_schema)
    if part is not None:
        return _part(found, name, part, offset)
    why = await agent.client.explain_node(task_id, found.node.id)
    return _node_answer(found, name, why)


async def _which(agent: Agent, task: str | None, node: str | None) -> tuple[str, str]:
    if task is None:
        try:
            held = find_held(agent, None, node)
        except NotHeld:
            if node is None:
                raise
        else:
            return held.task_id, held.node_id
    task_id = await find_task_or_held(agent, task)
    if node is None:
        raise NodeNotFound("`node` is missing: show_task lists the nodes of a task")
    return task_id, await find_node(agent, task_id, node)


def _part(found: NodeStatusResult, name: str, part: Part, offset: int) -> NodeAnswer:
    parts: dict[str, Raw] = {
        "payload": found.node.payload_schema,
        "result": found.node.result_payload,
        "checkpoint": found.checkpoint.payload if found.checkpoint else Raw(b"null"),
    }
    text, rest = piece(parts[part], offset)
    answer = NodeAnswer(node=name, text=text)
    if rest is not None:
        answer["next"] = rest
    return answer


def _node_answer(found: NodeStatusResult, name: str, why: ExplainNodeResult) -> NodeAnswer:
    node = found.node
    answer = NodeAnswer(
        node=name,
        node_id=node.id,
        status=str(node.status),
        needs=first_of(node.dependencies, _NODES),
        waits_for=first_of([each.text for each in why.reasons], _REASONS),
        payload=shorten(node.payload_schema, _LONGEST_VALUE, "part 'payload'"),
    )
    if node.lease_owner is not None:
        answer["owner"] = shorten_text(node.lease_owner, LONGEST_OWNER)
    if why.next is not None:
        answer["hint"] = shorten_text(why.next, _LONGEST_GOAL)
    others = {
        "result": shorten(node.result_payload, _LONGEST_VALUE, "part 'result'"),
        "attempts": [
            {
                "attempt": each.attempt,
                "how": each.how,
                "kind": each.kind,
                "owner": shorten_text(each.owner or "", LONGEST_OWNER),
                "error": shorten(each.error, _LONGEST_EVENT, "agentd node show"),
            }
            for each in found.attempts[-5:]
        ],
        "checkpoint": found.checkpoint
        and shorten(found.checkpoint.payload, _LONGEST_VALUE, "part 'checkpoint'"),
    }
    if kept := {
        field: value for field, value in others.items() if value is not None and value != []
    }:
        answer["from_others"] = kept
    return answer
