"""Tools for work: take a node, note how far it is, and end it.

The rule this file keeps: a model names a node, or nothing where it holds one; the lease is kept
here. A lease that another process acquired can be given by its id, and is not kept.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from agentd.api import AcquireNext, AcquireNextNodeResult, EndingResult, rfc3339
from agentd.client.requests import endings, leases
from agentd.client.requests.request import Request
from agentd.errors import IllegalTransition, StaleLease, TaskIsCancelled
from agentd.mcp.agent import Agent
from agentd.mcp.arguments import (
    LONGEST_WAIT,
    After,
    Checkpoint,
    ErrorKind,
    EventType,
    HeldNode,
    Json,
    Labels,
    Lease,
    Next,
    Node,
    Reason,
    Retryable,
    RetryAfter,
    Task,
    TaskOrAll,
    Usage,
    WaitSecs,
)
from agentd.mcp.given import node_given
from agentd.mcp.held import LEASE_SECS
from agentd.mcp.held import HeldNode as Held
from agentd.mcp.naming import BadArgument, find_held, find_node, find_task, name_of
from agentd.mcp.shapes import Ended, NodeGiven, Noted
from agentd.mcp.shortening import first_of
from agentd.mcp.tool import Call, agent_of

_MOST_CAUSES = 10

_GONE = (StaleLease, IllegalTransition, TaskIsCancelled)
"""How the daemon says that a lease is no longer one."""


class Target(NamedTuple):
    """A node, and the lease on it; `held` where this server keeps it."""

    task_id: str
    node_id: str
    lease_id: str
    name: str
    held: Held | None


async def acquire_node(
    call: Call,
    *,
    task: TaskOrAll = None,
    node: Node = None,
    labels: Labels = None,
    wait_secs: WaitSecs = 0,
) -> NodeGiven:
    """Take the next runnable node (or this one) to work on it: goal, payload, inputs.

    You hold it until you complete, fail or release it; its lease is kept alive for you.
    """
    agent = agent_of(call)
    task_id = None if task is None else await find_task(agent, task)
    if node is not None and task_id is None:
        raise BadArgument("`node` is that of a task: `task` is missing; give its id, or @")
    request = leases.acquire_next_node(
        task_id,
        lease_owner=agent.owner,
        node_id=None if node is None or task_id is None else await find_node(agent, task_id, node),
        lease_secs=LEASE_SECS,
        wait_secs=wait_secs,
        labels=labels or (),
    )
    acquired = await agent.grants.ask(request, _reporter(call, wait_secs) if wait_secs else None)
    if acquired is None:
        return NodeGiven(nothing=await _why_nothing(agent, task_id, wait_secs))
    return await _take(agent, acquired, request)


def _reporter(call: Call, wait_secs: float) -> Callable[[float], Awaitable[None]]:
    async def report(passed: float) -> None:
        await call.report_progress(passed, wait_secs, "waiting for a node to become runnable")

    return report


async def _take(agent: Agent, acquired: AcquireNextNodeResult, request: Request[Any]) -> NodeGiven:
    """Hold what this request was granted. Who is not told of it any more does not have it."""
    name = name_of(acquired.node_id, acquired.name, acquired.context.node.payload_schema)
    held = agent.held.add_node(acquired, name)
    try:
        return await node_given(agent.client, acquired, name)
    except BaseException:
        agent.held.drop(held)
        agent.grants.settle_later(request)
        raise


async def _why_nothing(agent: Agent, task_id: str | None, waited: float) -> str:
    """What a model can do where nothing is runnable."""
    if task_id is not None:
        told = await agent.client.explain_task(task_id)
        if told.state not in ("ACTIVE", "PAUSED"):
            return f"nothing is left to do: the task is {told.state}"
        causes = [f"{each.count} nodes: {each.text}" for each in told.reasons]
        why = "; ".join(first_of(causes, _MOST_CAUSES)) or "others work on what is left"
    else:
        why = "no task has a runnable node"
    still = f"still waiting after {waited:g} s" if waited else "nothing is runnable now"
    return f"{still}: {why}. Call again with wait_secs {LONGEST_WAIT} to wait, or stop"


async def note_progress(  # noqa: PLR0913 - one for each argument
    call: Call,
    *,
    note: Json,
    type: EventType = "NOTE",  # noqa: A002 - what a model says
    checkpoint: Checkpoint = False,
    usage: Usage = None,
    node: HeldNode = None,
    task: Task = None,
    lease: Lease = None,
) -> Noted:
    """Record how far the work on a node is, for its people and for whoever continues it."""
    agent = agent_of(call)
    target = await _target(agent, task, node, lease)
    ids = target.task_id, target.node_id
    try:
        made = await agent.client.commit_event(
            *ids,
            lease_id=target.lease_id,
            action_type=type,
            payload=note,
            usage=usage,
            checkpoint=checkpoint,
        )
    except _GONE as refusal:
        _drop(agent, target, refusal.message)
        raise
    return Noted(node=target.name, event_id=made.event_id)


async def complete_node(
    call: Call,
    *,
    result: Json = None,
    usage: Usage = None,
    acquire_next: Next = False,
    node: HeldNode = None,
    task: Task = None,
    lease: Lease = None,
) -> Ended:
    """End a node's work with its result, which the nodes that need it are given."""
    agent = agent_of(call)
    target = await _target(agent, task, node, lease)
    return await _end(
        agent,
        target,
        endings.complete_node(
            *target[:3], result, usage=usage, acquire_next=_wanted(agent, target, acquire_next)
        ),
        "COMPLETED",
    )


async def fail_node(  # noqa: PLR0913 - one for each argument
    call: Call,
    *,
    error: Json = None,
    kind: ErrorKind = None,
    retryable: Retryable = True,
    retry_after_secs: RetryAfter = None,
    usage: Usage = None,
    acquire_next: Next = False,
    node: HeldNode = None,
    task: Task = None,
    lease: Lease = None,
) -> Ended:
    """End a node's work with an error; it is tried again where its plan says so."""
    agent = agent_of(call)
    target = await _target(agent, task, node, lease)
    request = endings.fail_node(
        *target[:3],
        error,
        kind=kind,
        retryable=retryable,
        retry_after_secs=retry_after_secs,
        usage=usage,
        acquire_next=_wanted(agent, target, acquire_next),
    )
    return await _end(agent, target, request, "FAILED")


async def release_node(
    call: Call,
    *,
    reason: Reason = None,
    after_secs: After = None,
    acquire_next: Next = False,
    node: HeldNode = None,
    task: Task = None,
    lease: Lease = None,
) -> Ended:
    """Give a node back without blame: not now, or not by you. It does not count as an attempt."""
    agent = agent_of(call)
    target = await _target(agent, task, node, lease)
    wanted = _wanted(agent, target, acquire_next)
    request = endings.release_node(
        *target[:3], reason=reason, after_secs=after_secs, acquire_next=wanted
    )
    return await _end(agent, target, request, "PENDING")


async def _target(agent: Agent, task: str | None, node: str | None, lease: str | None) -> Target:
    """The node that is meant, among those that are held or by its ids. Raises `NotHeld`."""
    mine = agent.held.nodes.get(lease or "")
    if lease is None or mine is not None:
        held = mine or find_held(agent, await _whole(agent, task), node)
        return Target(*held.ids, held.name, held)
    if task is None or node is None:
        raise BadArgument("a lease of another process needs its `task` and its `node` as well")
    task_id = await find_task(agent, task)
    node_id = await find_node(agent, task_id, node)
    return Target(task_id, node_id, lease, node, None)


async def _whole(agent: Agent, task: str | None) -> str | None:
    return await find_task(agent, task) if task is not None and agent.held.nodes else None


def _wanted(agent: Agent, target: Target, acquire_next: Next) -> AcquireNext | None:
    if not acquire_next:
        return None
    return AcquireNext(task_id=target.task_id, lease_owner=agent.owner, lease_secs=LEASE_SECS)


async def _end(agent: Agent, target: Target, request: Request[Any], status: str) -> Ended:
    try:
        if request.params.request_id is None:  # it is known by its lease, and grants nothing
            ended: EndingResult = await agent.client.ask(request)
        else:
            ended = await agent.grants.ask(request)
    except _GONE as refusal:
        _drop(agent, target, refusal.message)
        raise
    if target.held is not None:
        agent.held.drop(target.held)
    answer = Ended(node=target.name, status=str(getattr(ended, "status", status)))
    if (later := getattr(ended, "not_before", None)) is not None:
        answer["retry_at"] = rfc3339(round(later * 1000))
    if isinstance(ended.next, AcquireNextNodeResult):
        answer["next"] = await _take(agent, ended.next, request)
    elif ended.next is None:
        answer["next"] = NodeGiven(nothing=await _why_nothing(agent, target.task_id, 0))
    return answer


def _drop(agent: Agent, target: Target, why: str) -> None:
    if target.held is not None:
        agent.held.drop(target.held)
        agent.held.why_lost[target.node_id] = agent.held.why_lost[target.name] = why
