"""Which task, and which node, an agent means.

The rule this file keeps: what is said is as on the command line; what is left out is what the agent
holds, where that is one thing. An id in full costs no extra request.
"""

import contextlib

from agentd.errors import BadSetting, NodeNotFound
from agentd.label import SHORTEST_ID, payload_name
from agentd.mcp.agent import Agent
from agentd.mcp.held import HeldNode
from agentd.references import ask_for_task, parse_id, pick_node, pick_task
from agentd.text import printable, quote

LONGEST_NAME = 200
"""Characters: a longer text under `name` is for reading, and each answer would repeat it."""


class BadArgument(BadSetting):
    """What an agent gave to a tool is none, or too little."""


class NotHeld(BadArgument):
    """The agent does not hold what it speaks of."""


async def find_task(agent: Agent, given: str) -> str:
    """The task's id. Raises `TaskNotFound`, `Ambiguous`, `BadArgument`."""
    try:
        asked = ask_for_task(given)
    except BadSetting as error:
        raise BadArgument(str(error)) from error
    if isinstance(asked, str):
        return asked
    found: list[tuple[str, str]] = []
    before: int | None = None
    while True:
        limit = asked.limit - len(found)
        page = await agent.client.list_tasks(prefix=asked.prefix, limit=limit, before=before)
        found += [(task.id, task.goal) for task in page.tasks]
        before = page.next
        if before is None or len(found) >= asked.limit:
            return pick_task(given, asked, found)


async def find_node(agent: Agent, task_id: str, given: str) -> str:
    """The node's id. Raises `NodeNotFound`, `Ambiguous`, `TaskNotFound`."""
    if (whole := parse_id(given)) is not None:
        return whole
    with contextlib.suppress(NodeNotFound):  # the daemon knows the names that were given as such
        return (await agent.client.node_status(task_id, given)).node.id
    return pick_node((await agent.client.task_status(task_id)).nodes, task_id, given)


async def find_task_or_held(agent: Agent, given: str | None) -> str:
    """The task that is named, or the one whose node is held. Raises as `find_task`."""
    if given is not None:
        return await find_task(agent, given)
    tasks = {held.task_id for held in list(agent.held.nodes.values())}
    if len(tasks) == 1:
        return tasks.pop()
    told = "you hold nodes of several tasks" if tasks else "you hold no node"
    raise BadArgument(f"`task` is missing, and {told}: give a task's id, or @ for the newest")


def find_held(agent: Agent, task: str | None, node: str | None) -> HeldNode:
    """The node among those that are held: the one that is named, or the only one.

    Raises `NotHeld`, which says what is held, or why that node no longer is.
    """
    held = list(agent.held.nodes.values())
    if task is not None and (begin := task.lower()) and not task.startswith("@"):
        held = [each for each in held if each.task_id.startswith(begin)]
    if node is not None:
        held = [each for each in held if each.name == node] or _with_id(held, node)
    if len(held) == 1:
        return held[0]
    raise NotHeld(_not_held(agent, node, several=len(held) > 1))


def _with_id(held: list[HeldNode], part: str) -> list[HeldNode]:
    """Those whose id begins or ends so. Less of an id could be another node's name, such as `a`."""
    part = part.lower()
    if len(part) < SHORTEST_ID:
        return []
    return [each for each in held if each.node_id.startswith(part) or each.node_id.endswith(part)]


def _not_held(agent: Agent, node: str | None, *, several: bool) -> str:
    mine = ", ".join(printable(each.name) for each in list(agent.held.nodes.values()))
    if several:
        return f"you hold several nodes: {mine}. Say which one: `node`, and its `task`"
    if node is not None and (why := agent.held.why_lost.get(parse_id(node) or node)):
        return f"you no longer hold node {quote(node)}: {printable(why)}"
    what = "no node" if node is None else f"no node {quote(node)}"
    return f"you hold {what}" + (f", but {mine}" if mine else "")


def name_of(node_id: str, name: str | None, payload: bytes) -> str:
    """What to call a node: its name, else the end of its id; that, too, where a name is no word."""
    called = name or payload_name(payload) or ""
    return called if 0 < len(called) <= LONGEST_NAME else node_id[-SHORTEST_ID:]
