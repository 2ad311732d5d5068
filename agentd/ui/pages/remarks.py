"""What there is to say of a node in its state: who has it, what went wrong, what it waits for.

The rule this file keeps: a sentence per node, from what is known of its task; nothing is asked.
"""

from collections.abc import Mapping

from agentd.live import NodeRow
from agentd.states import COMPLETED, FAILED, GATE, RUNNING
from agentd.times import format_moment

_NAMED = 3
"""Nodes that are named of those that one waits for."""

_HELD_BY: Mapping[str, str] = {
    "cancelled": "its task is cancelled",
    "paused": "its task is paused",
    "budget_spent": "the budget is spent",
    "limit_closed": "a limit is closed",
    "limit_full": "a limit is full",
    "rate": "a rate is used up",
    "locked": "a lock is held",
}


def remark(node: NodeRow, nodes: Mapping[str, NodeRow]) -> str:
    """The sentence, empty where there is nothing to say."""
    if node.state == GATE.word and node.ask:
        return node.ask
    if node.state in (RUNNING.word, FAILED.word, COMPLETED.word):
        return node.last_word or ""
    waits = [nodes[each].label for each in node.dependencies if _holds(nodes.get(each))]
    told = []
    if waits:
        more = f" and {len(waits) - _NAMED} more" if len(waits) > _NAMED else ""
        told.append(f"waits for {', '.join(waits[:_NAMED])}{more}")
    if node.not_before is not None:
        told.append(f"not before {format_moment(node.not_before)}")
    told += [_HELD_BY[each] for each in node.blocked_by if each in _HELD_BY]
    return "; ".join([*told, *([node.last_word] if node.last_word else [])])


def _holds(node: NodeRow | None) -> bool:
    return node is not None and not node.satisfies_dependents
