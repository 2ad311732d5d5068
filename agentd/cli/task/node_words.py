"""What a person asks about a node in its state: who has it, what went wrong, what it waits for.

The rule this file keeps: a sentence per node. How its attempts ended is asked of the daemon only
where a node has had some and goes on.
"""

import time
from collections.abc import Mapping, Sequence

from agentd.api import CauseKind, NodeView
from agentd.cli.error_words import error_words
from agentd.client import Client
from agentd.node_labels import node_labels
from agentd.states import COMPLETED, FAILED, GATE, RUNNING, State
from agentd.times import format_duration, format_moment

HOLDS: Mapping[CauseKind, str] = {
    "limit_closed": "a limit that is closed",
    "limit_full": "a limit that is full",
    "rate": "a rate",
}
"""What a node waits for besides nodes and moments, and its task does not say."""


def seconds_of(node: NodeView, now: float | None) -> int | None:
    """How long the newest attempt has run, or ran; None where none has begun.

    Without `now` it is as it was once, and how long it had run is not known.
    """
    if node.acquired_at is None or node.status == "PENDING":
        return None
    if now is None and node.status == RUNNING.word:
        return None
    end = int(now or 0) if node.status == RUNNING.word else node.updated_at
    return max(end - node.acquired_at, 0)


class NodeWords:
    """Describes the nodes of one task."""

    def __init__(
        self,
        client: Client,
        nodes: Sequence[NodeView],
        found: Mapping[str, State],
        at: int | str | None = None,
    ) -> None:
        """`at` is when they were so, where that is not now."""
        self._client = client
        self.called = node_labels(nodes)
        self.found = found
        self._at = at

    def describe(self, node: NodeView) -> object:
        """What is to be said of it; JSON where that is its result."""
        if self.found[node.id] is RUNNING:
            told = f"{node.lease_owner}, {self._end_of_lease(node.lease_expires_at or 0)}"
            return self._with_last_error(told, node, before=1)
        if self.found[node.id] is FAILED:
            return error_words(node.result_payload)
        if self.found[node.id] is COMPLETED:
            return node.result_payload
        if self.found[node.id] is GATE and node.gate:
            return f"asks: {node.gate.ask}"
        waits = [self.called[each] for each in node.dependencies if not self._is_done(each)]
        if node.not_before is not None:
            waits.append(format_moment(node.not_before))
        waits += [HOLDS[kind] for kind in node.blocked_by if kind in HOLDS]
        words = f"waits for {', '.join(waits)}" if waits else ""
        return self._with_last_error(words, node, before=0)

    def _end_of_lease(self, ends: int) -> str:
        if self._at is not None:
            return f"until {format_moment(ends)}"
        left = ends - int(time.time())
        return f"{format_duration(left)} left" if left >= 0 else "its lease ran out"

    def _is_done(self, node_id: str) -> bool:
        return self.found[node_id] is COMPLETED

    def _with_last_error(self, words: str, node: NodeView, before: int) -> str:
        """The words, and what the attempt before came to, if it came to nothing."""
        if node.attempt <= before:
            return words
        attempts = self._client.node_status(node.task_id, node.id, at=self._at).attempts
        last = attempts[-1] if attempts else None
        if last is None or last.how == "completed":
            return words
        told = ": ".join(filter(None, (last.how, error_words(last.error, last.kind))))
        return ", ".join(filter(None, (words, told)))
