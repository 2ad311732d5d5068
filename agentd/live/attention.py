"""What asks for attention first: the order of nodes in lists, and who has been silent for long.

The rule this file keeps: the order of `agentd.states`; among those that run, who began first.
"""

from collections.abc import Iterable

from agentd.live.node_row import NodeRow
from agentd.states import RUNNING, STATES

_RANK = {state.word: at for at, state in enumerate(STATES)}
_LONG_SECONDS = 60


def by_attention(rows: Iterable[NodeRow]) -> list[NodeRow]:
    """These nodes, those that ask for attention first."""
    return sorted(rows, key=_order)


def silent_secs(row: NodeRow, now: float) -> int | None:
    """Seconds since the last word of a node that runs; None where that is not long, or unknown."""
    if row.state != RUNNING.word or row.said_at is None:
        return None
    passed = int(now - row.said_at)
    return passed if passed >= _LONG_SECONDS else None


def _order(row: NodeRow) -> tuple[int, float]:
    begun = row.acquired_at if row.state == RUNNING.word else -row.updated_at
    return _RANK.get(row.state, len(_RANK)), begun or 0.0
