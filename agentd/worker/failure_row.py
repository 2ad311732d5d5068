"""Nodes in a row that a command failed, or was too late for.

The rule this file keeps: a command that is broken would fail a whole plan, one that is too slow
would be run for ever; a node that is completed between them shows that it is neither. A node that
fails again counts once: how often it is tried is said with the node.
"""

from collections.abc import Mapping

MOST_FAILURES = 3
"""Nodes in a row that a command may fail, or be too late for, before its worker stops, where nobody
says otherwise."""


class FailureRow:
    """Counts them. `most` of them are enough; 0: never."""

    def __init__(self, most: int = MOST_FAILURES) -> None:
        self._most = most
        self._failed: set[tuple[str, str]] = set()
        self._lost = self._completed = 0  # when a node was completed last

    def pass_over_loss(self) -> None:
        """The next lease that is lost is no loss that counts."""
        self._lost += 1

    def add_failure(
        self, node: tuple[str, str], outcomes: Mapping[str, int], command: str, ending: str
    ) -> str | None:
        """That node (task and node) has failed; why the worker should stop, if it should."""
        lost = self._count_losses(outcomes)
        self._failed.add(node)
        if not 0 < self._most <= len(self._failed) + lost:
            return None
        also = f", and lost leases: {lost}" if lost else ""
        return (
            f"failed nodes in a row: {len(self._failed)}{also}, the last one with {ending}; look "
            f"at the command: {command}; `--max-failures` says how many may, 0 for all"
        )

    def check_losses(self, outcomes: Mapping[str, int], command: str) -> str | None:
        """Why the worker should stop for the leases that it has lost, if it should."""
        lost = self._count_losses(outcomes)
        if not lost or not 0 < self._most <= len(self._failed) + lost:
            return None
        also = f" (and failed nodes: {len(self._failed)})" if self._failed else ""
        return (
            f"lost {lost} leases in a row{also}: what the command did was too late: {command}; a "
            "lease lasts as long as the daemon's AGENTD_NODE_TIMEOUT_SECS says without a "
            "heartbeat; `--max-failures` says how many may be lost, 0 for all"
        )

    def _count_losses(self, outcomes: Mapping[str, int]) -> int:
        """Leases that were lost since a node was completed; the count of failures begins there."""
        completed, lost = outcomes.get("completed", 0), outcomes.get("lost", 0)
        if completed != self._completed:
            self._completed, self._lost = completed, lost
            self._failed.clear()
        return lost - self._lost
