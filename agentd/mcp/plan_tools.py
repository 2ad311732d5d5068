"""Tools for plans: register one, and let it grow.

The rule this file keeps: a plan is read as `agentd task register` reads it, with every fault told
at once, and a dry run sends nothing.
"""

from typing import Any

import msgspec

from agentd.api import LeaseRef, RegisterTaskResult
from agentd.documents.additions import Additions, read_additions
from agentd.documents.document import Document, read_document
from agentd.documents.waves import waves
from agentd.errors import InvalidGraph
from agentd.mcp.agent import Agent
from agentd.mcp.arguments import Additions as GivenNodes
from agentd.mcp.arguments import DryRun, Key, Plan, Task
from agentd.mcp.naming import LONGEST_NAME, find_task_or_held
from agentd.mcp.shapes import AddedAnswer, PlanAnswer
from agentd.mcp.shortening import shorten_text
from agentd.mcp.tool import Call, agent_of

_MOST_NAMES = 200
"""Nodes that an answer names."""

_LONGEST_GOAL = 300
"""Characters of the goal, which whoever planned it knows."""


async def register_plan(
    call: Call, *, plan: Plan, dry_run: DryRun = False, key: Key = None
) -> PlanAnswer:
    """Register a plan: a goal, and nodes of work that agents take with acquire_node.

    A node runs when the nodes that it needs have completed; one with a gate waits for a person.
    """
    document = read_document(_written(plan), "the plan", dedupe_key=key)
    shown = _shown(document)
    if dry_run:
        return {**shown, "registered": False}
    try:
        made = await agent_of(call).client.register_task(
            document.goal,
            context=document.context,
            initial_nodes=document.nodes,
            priority=document.priority,
            node_defaults=document.node_defaults,
            request_id=document.request_id,
            **document.holds,
        )
    except InvalidGraph as refusal:
        raise InvalidGraph(document.replace_ids(refusal.message)) from refusal
    return _registered(shown, made)


def _written(plan: str | dict[str, Any] | list[Any]) -> bytes:
    return plan.encode(errors="replace") if isinstance(plan, str) else msgspec.json.encode(plan)


def _shown(document: Document) -> PlanAnswer:
    called = {
        str(node.id): shorten_text(document.names.get(str(node.id), f"#{number}"), LONGEST_NAME)
        for number, node in enumerate(document.nodes, 1)
    }
    answer = PlanAnswer(goal=shorten_text(document.goal, _LONGEST_GOAL), nodes=len(document.nodes))
    if len(document.nodes) <= _MOST_NAMES:
        plan = waves(document.nodes, document.priority)
        answer["waves"] = [[called[str(node.id)] for node in wave] for wave in plan]
    if document.warnings:
        answer["warnings"] = list(document.warnings)
    return answer


def _registered(shown: PlanAnswer, made: RegisterTaskResult) -> PlanAnswer:
    if made.existing:
        return PlanAnswer(task=made.task_id, registered=False, existing=True)
    answer = PlanAnswer(**{**shown, "task": made.task_id, "registered": True})
    if more := list(made.warnings or ()):
        answer["warnings"] = [*answer.get("warnings", ()), *more]
    return answer


async def add_nodes(
    call: Call, *, nodes: GivenNodes, task: Task = None, dry_run: DryRun = False
) -> AddedAnswer:
    """Add nodes to a plan; they may need nodes that it has, and stand `before` PENDING ones.

    Without `task` it is the one whose node you hold.
    """
    agent = agent_of(call)
    additions = read_additions(_written(nodes), "the nodes")
    task_id = await find_task_or_held(agent, task)
    answer = AddedAnswer(task=task_id, added=not dry_run)
    if not dry_run:
        await _add(agent, task_id, additions)
    named = [additions.names.get(str(node.id), str(node.id)) for node in additions.nodes]
    answer["nodes"] = [shorten_text(each, LONGEST_NAME) for each in named[:_MOST_NAMES]]
    if additions.warnings:
        answer["warnings"] = list(additions.warnings)
    return answer


async def _add(agent: Agent, task_id: str, additions: Additions) -> None:
    """Under the lease of a node of that task, where one is held: a stale holder adds nothing."""
    held = [each for each in list(agent.held.nodes.values()) if each.task_id == task_id]
    lease = LeaseRef(held[0].node_id, held[0].lease_id) if held else None
    nodes, request_id = additions.nodes, additions.request_id
    try:
        await agent.client.add_nodes(task_id, nodes, lease=lease, request_id=request_id)
    except InvalidGraph as refusal:
        raise InvalidGraph(additions.replace_ids(refusal.message), **refusal.data) from refusal
