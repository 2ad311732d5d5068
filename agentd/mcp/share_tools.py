"""Tools for what agents share, and for what people decide: locks and gates."""

from typing import Literal

from agentd.api import LockMode
from agentd.client.lock_paths import absolute_key, lacks_path
from agentd.client.requests import locks
from agentd.errors import LockNotHeld
from agentd.lock_keys import normalise_key, overlap
from agentd.mcp.agent import Agent
from agentd.mcp.arguments import LockKey, Reason, Shared, Task, WaitSecs, WithNode
from agentd.mcp.held import LEASE_SECS, HeldLock
from agentd.mcp.naming import BadArgument, find_held, find_node, find_task_or_held
from agentd.mcp.shapes import Decided, LockAnswer
from agentd.mcp.shortening import LONGEST_OWNER, shorten_text
from agentd.mcp.tool import Call, agent_of
from agentd.text import printable, quote

_MOST_HOLDERS = 3

_HELD = "you hold it already"
_OWN = "you hold {} yourself, which is in its way: release that first"
_OWN_NODES = "yours already, with the node that you hold: {}"


async def acquire_lock(
    call: Call,
    *,
    key: LockKey,
    shared: Shared = False,
    wait_secs: WaitSecs = 0,
    with_node: WithNode = False,
) -> LockAnswer:
    """Keep other agents off a file, a folder or anything shared until you release it."""
    agent = agent_of(call)
    if why := lacks_path(key):
        raise BadArgument(why)
    wanted, mode = absolute_key(key), _mode(shared=shared)
    if (mine := _in_way(agent, normalise_key(wanted), mode)) is not None:
        return mine
    node = find_held(agent, None, None) if with_node else None
    request = locks.acquire_resource_lock(
        wanted,
        owner=agent.owner,
        mode=mode,
        wait_secs=wait_secs,
        ttl_secs=None if node else LEASE_SECS,
        task_id=node.task_id if node else None,
        node_id=node.node_id if node else None,
        node_lease_id=node.lease_id if node else None,
    )

    async def report(passed: float) -> None:
        await call.report_progress(passed, wait_secs, "waiting for the lock")

    taken = await agent.grants.ask(request, report if wait_secs else None)
    if taken is None:
        return LockAnswer(key=wanted, held=False, hint=await _who_has_it(agent, wanted))
    held = agent.held.add_lock(taken, mode, node)
    return LockAnswer(key=held.key, lease=held.lease_id, held=True)


def _mode(*, shared: bool) -> LockMode:
    return "shared" if shared else "exclusive"


def _in_way(agent: Agent, wanted: str, mode: LockMode) -> LockAnswer | None:
    """What is told where a lock of the agent's own is this one, or keeps it from having it."""
    for held in list(agent.held.locks.values()):
        if held.key == wanted and mode in ("shared", held.mode):
            return LockAnswer(key=wanted, lease=held.lease_id, held=True, hint=_HELD)
        if overlap(held.key, wanted) and "exclusive" in (mode, held.mode):
            return LockAnswer(key=wanted, held=False, hint=_OWN.format(held))
    return None


async def _who_has_it(agent: Agent, key: str) -> str:
    mine = {held.node_id for held in list(agent.held.nodes.values())}
    found: list[str] = []
    after: str | None = None
    wanted = normalise_key(key)
    while True:
        page = await agent.client.list_resource_locks(after=after)
        for each in page.locks:
            if overlap(wanted, each.resource_key):
                if each.node_id in mine:
                    return _OWN_NODES.format(printable(each.resource_key))
                owner = printable(shorten_text(each.owner, LONGEST_OWNER))
                found.append(f"{owner} ({printable(each.resource_key)})")
        if (after := page.next) is None:
            break
    who = ", ".join(found[:_MOST_HOLDERS]) or "somebody, who has just given it back"
    return f"held by {who}; call again with wait_secs, or do something else first"


async def release_lock(call: Call, *, key: LockKey) -> LockAnswer:
    """Give a lock back."""
    agent = agent_of(call)
    held = _held_lock(agent, key)
    try:
        await agent.client.release_resource_lock(held.key, held.lease_id)
    finally:
        agent.held.drop(held)
    return LockAnswer(key=held.key, held=False)


def _held_lock(agent: Agent, key: str) -> HeldLock:
    wanted = {key, normalise_key(absolute_key(key))}
    for held in list(agent.held.locks.values()):
        if held.key in wanted or held.lease_id == key:
            return held
    mine = ", ".join(printable(each.key) for each in list(agent.held.locks.values()))
    raise LockNotHeld(f"you hold no lock on {quote(key)}" + (f", but on {mine}" if mine else ""))


async def decide_gate(
    call: Call,
    *,
    node: str,
    decision: Literal["approve", "reject"],
    task: Task = None,
    note: Reason = None,
) -> Decided:
    """Decide a gate as your person told you to; never by yourself. agentd://inbox lists them."""
    agent = agent_of(call)
    task_id = await find_task_or_held(agent, task)
    node_id = await find_node(agent, task_id, node)
    done = await agent.client.decide_gate(task_id, node_id, decision, by=agent.owner, note=note)
    return Decided(node=node, status=str(done.status))
