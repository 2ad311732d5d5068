"""What the keys do to tasks and nodes.

The rule this file keeps: whatever takes something away asks first, and says of what. What the
daemon answers or refuses is told in its own words.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from agentd.api import Decision
from agentd.client import AsyncClient
from agentd.errors import Failure, RequestRefused
from agentd.live import NodeRow, TaskRow
from agentd.quantities import format_nodes
from agentd.states import FAILED, GATE, RUNNING


class Refused(Failure):
    """The key does nothing to what is chosen; the message says what it is for."""


class Command(NamedTuple):
    """One command, and what is asked before it is given."""

    question: str
    """Empty where nothing is lost by it."""

    note: str | None
    """What may be typed with it; None: nothing."""

    give: Callable[[AsyncClient, str | None], Awaitable[str]]
    """Gives it, with what was typed, and says what came of it; raises as the client."""


def retry(task: TaskRow, node: NodeRow, by: str) -> Command:
    """Try a node again. Raises `Refused`."""
    if node.status != FAILED.word:
        raise Refused(f"r tries again what FAILED; {node.label} is {node.state}")

    async def give(client: AsyncClient, _note: str | None) -> str:
        await client.retry_node(task.id, node.id, by=by)
        return f"{node.label} is PENDING again"

    return Command(f"Try {node.label} again?", None, give)


def retry_all(task: TaskRow, by: str) -> Command:
    """Try again all that failed. Raises `Refused`."""
    failed = task.counts.get(FAILED.word, 0)
    if not failed:
        raise Refused("R tries again what FAILED, and nothing of this task did")
    return retry_failed(task.id, task.goal, f"{format_nodes(failed)} FAILED", by)


def retry_failed(task_id: str, goal: str, told: str, by: str) -> Command:
    """The same of a task of which it is told what failed."""

    async def give(client: AsyncClient, _note: str | None) -> str:
        done = await client.retry_node(task_id, failed=True, by=by)
        number = len(done.node_ids)
        return f"{format_nodes(number)} {'is' if number == 1 else 'are'} PENDING again"

    return Command(f"Try again all that FAILED ({told}) of: {goal[:200]}", None, give)


def release(task: TaskRow, node: NodeRow) -> Command:
    """Take a node from its holder. Raises `Refused`."""
    if node.status != RUNNING.word:
        raise Refused(f"l takes a node from its holder; nobody holds {node.label}")
    owner = node.owner or ""

    async def give(client: AsyncClient, note: str | None) -> str:
        held = (await client.node_status(task.id, node.id)).node
        if held.lease_id is None or held.lease_owner != owner:
            raise Refused(f"{owner} holds {node.label} no more: it is {held.status}")
        await client.release_node(task.id, node.id, held.lease_id, reason=note)
        return f"took {node.label} from {owner}, who learns of it by the next heartbeat"

    return Command(f"Take {node.label} from {owner}? What it did since is lost.", "why", give)


def cancel(task: TaskRow, by: str) -> Command:
    """End a task, and what is below it. Raises `Refused`."""
    if task.state not in ("ACTIVE", "PAUSED", ""):
        raise Refused(f"c cancels what goes on; this task is {task.state}")

    async def give(client: AsyncClient, note: str | None) -> str:
        done = await client.cancel_task(task.id, reason=note, by=by)
        below = len(done.cancelled) - 1
        return f"cancelled: {task.goal[:80]}" + (f", and {below:,} below it" if below > 0 else "")

    return Command(
        f"Cancel this task, and all below it? {task.goal[:200]}",
        "why",
        give,
    )


def pause_or_resume(task: TaskRow, by: str) -> Command:
    """Hand out nothing more for now, or go on. Raises `Refused`."""
    if task.state not in ("ACTIVE", "PAUSED"):
        raise Refused(f"p pauses what goes on, and resumes it; this task is {task.state}")

    async def give(client: AsyncClient, _note: str | None) -> str:
        if task.state == "PAUSED":
            await client.resume_task(task.id, by=by)
            return f"resumed: its nodes are handed out again: {task.goal[:80]}"
        await client.pause_task(task.id, by=by)
        return f"paused: nothing more is handed out, p resumes it: {task.goal[:80]}"

    return Command("", None, give)


def decide(task_id: str, node_id: str, label: str, decision: Decision, by: str) -> Command:
    """Approve or reject a gate."""

    async def give(client: AsyncClient, note: str | None) -> str:
        done = await client.decide_gate(task_id, node_id, decision, by=by, note=note)
        said = "approved" if decision == "approve" else "rejected"
        return f"{said} {label}, which is {done.status} now"

    return Command(f"{decision.capitalize()} {label}?", "note", give)


def require_gate(node: NodeRow, key: str) -> NodeRow:
    """The node, where it is a gate that is open. Raises `Refused`."""
    if node.state != GATE.word:
        raise Refused(f"{key} decides a gate that is open; {node.label} is {node.state}")
    return node


async def give(command: Command, client: AsyncClient, note: str | None) -> tuple[str, bool]:
    """Give it: what came of it in words, and whether it was done."""
    try:
        return await command.give(client, note or None), True
    except RequestRefused as refusal:
        return f"refused: {refusal.message} ({refusal.data['kind']})", False
    except Failure as failure:
        return str(failure), False
