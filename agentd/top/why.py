"""Why something waits, or who has it: a line about what is chosen.

The rule this file keeps: the daemon says why; it is asked of one task or node, and not more often
than once a second.
"""

from agentd.api import ExplainNodeResult, ExplainTaskResult, NodeView
from agentd.client import AsyncClient
from agentd.live import NodeRow, silent_secs
from agentd.quantities import format_nodes
from agentd.states import COMPLETED, FAILED, RUNNING
from agentd.times import format_clock, format_duration
from agentd.top.lines import Part

_MOST = 5
"""Causes that are told."""


async def why(
    client: AsyncClient, task_id: str, node: NodeRow | None, now: float, at: int | None
) -> list[Part]:
    """What is to be said of the node, or else of the task; raises as the client."""
    if node is None:
        return [] if at is not None else task_words(await client.explain_task(task_id))
    if node.status == RUNNING.word:
        # Asked anew: no event tells of a heartbeat, and one that has ended meanwhile is explained.
        held = (await client.node_status(task_id, node.id, at=at)).node
        if held.lease_owner is not None:
            return [("held by ", "dim"), (_holder(held, node, now), "")]
    if node.status in (COMPLETED.word, FAILED.word):
        return [(f"{node.status}: ", "dim"), (node.last_word or "it has ended", "")]
    return node_words(await client.explain_node(task_id, node.id, at=at))


def task_words(found: ExplainTaskResult) -> list[Part]:
    """What holds most of a task's nodes, and what would help."""
    # That nodes wait for others is how a plan goes: what else there is comes first.
    causes = sorted(found.reasons, key=lambda each: (each.kind == "dependency", -each.count))
    causes = causes[:_MOST]
    told = "; ".join(f"{format_nodes(each.count)}: {each.text}" for each in causes)
    if told:
        return [("why: ", "bold"), (told, "")]
    if not sum(found.counts.values()):
        return [("why: ", "bold"), ("it has no nodes", "")]
    return [(found.next or f"nothing waits: it is {found.state}", "")]


def node_words(found: ExplainNodeResult) -> list[Part]:
    """What holds a node, and what would help."""
    if found.runnable:
        return [("runnable: ", "bold"), ("the next worker who asks gets it", "")]
    told = "; ".join(each.text for each in found.reasons[:_MOST])
    return [("why: ", "bold"), (told or found.next or f"it is {found.status}", "")]


def _holder(node: NodeView, row: NodeRow, now: float) -> str:
    since = format_duration(int(now - (node.acquired_at or now)))
    left = int((node.lease_expires_at or now) - now)
    ends = "its lease ran out"
    if left >= 0:
        ends = f"its lease lasts until {format_clock(int(node.lease_expires_at or now))}"
    silent = silent_secs(row, now)
    ago = "" if silent is None else f" (said {format_duration(silent)} ago)"
    said = f": {row.last_word}{ago}" if row.last_word else ""
    return f"{node.lease_owner} for {since}, attempt {node.attempt}, {ends}{said}"
