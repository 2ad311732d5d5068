"""Who works here: who waits for a node, who holds some, and who did so lately.

The rule this file keeps: it is what this daemon has seen since its start, and the leases that it
found then. Whoever has neither waited nor held anything for `REMEMBERED_MS` is forgotten.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from agentd.api import WorkerView
from agentd.events import (
    Ending,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    NodeAcquired,
    NodeFailed,
)
from agentd.journal import Recorded
from agentd.projections import NodeRow

REMEMBERED_MS = 10 * 60 * 1000

_MANY = 1_024
"""Workers from which on those are looked for that can be forgotten."""


class _Worker(Struct):
    last_seen: int
    waiting: int = 0
    holding: int = 0


class Workers:
    """The owners of leases. Moments are Unix milliseconds."""

    def __init__(self, now: Callable[[], int], leased: Iterable[NodeRow]) -> None:
        """`leased` are the nodes that are held at the start."""
        self._now = now
        self._workers: dict[str, _Worker] = {}
        self._owners: dict[str, str] = {}  # by lease
        self._forget_at = _MANY
        for node in leased:
            self._begin_lease(node.lease_id or "", node.lease_owner or "", now())

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Take note of leases that began, went on or ended."""
        for each in recorded:
            event = each.event
            if isinstance(event, NodeAcquired):
                self._begin_lease(event.lease_id, event.lease_owner, each.at)
            elif isinstance(event, LeaseExtended):
                self._see(self._owners.get(event.lease_id), each.at)
            elif isinstance(event, Ending):
                owner = self._owners.pop(event.lease_id, None)
                seen_at = each.at if _is_by_holder(event) else None
                if (worker := self._see(owner, seen_at)) is not None:
                    worker.holding -= 1

    def waits(self, owner: str) -> None:
        """A request of his waits."""
        self._worker(owner, self._now()).waiting += 1

    def waits_no_more(self, owner: str) -> None:
        """One that waited has ended."""
        self._worker(owner, self._now()).waiting -= 1

    def list(self) -> list[WorkerView]:
        """All, by owner. From any thread."""
        now = self._now()
        return [
            WorkerView(owner, [], worker.waiting, worker.holding, worker.last_seen / 1000)
            for owner, worker in sorted(self._workers.copy().items(), key=lambda item: item[0])
            if _is_remembered(worker, now)
        ]

    def _begin_lease(self, lease_id: str, owner: str, at: int) -> None:
        self._owners[lease_id] = owner
        self._worker(owner, at).holding += 1

    def _see(self, owner: str | None, at: int | None) -> _Worker | None:
        """The worker, seen at that moment if it is one."""
        worker = self._workers.get(owner) if owner is not None else None
        if worker is not None and at is not None:
            worker.last_seen = at
        return worker

    def _worker(self, owner: str, at: int) -> _Worker:
        worker = self._workers.get(owner)
        if worker is None:
            if len(self._workers) >= self._forget_at:
                self._forget_some()
            worker = self._workers[owner] = _Worker(at)
        worker.last_seen = at
        return worker

    def _forget_some(self) -> None:
        now = self._now()
        kept = {owner: each for owner, each in self._workers.items() if _is_remembered(each, now)}
        self._workers = kept
        self._forget_at = max(2 * len(kept), _MANY)


def _is_remembered(worker: _Worker, now: int) -> bool:
    return bool(worker.waiting or worker.holding) or worker.last_seen > now - REMEMBERED_MS


def _is_by_holder(event: Ending) -> bool:
    """Whether the holder said so himself."""
    if isinstance(event, NodeFailed):
        return event.how == "failed"
    return not isinstance(event, LeaseExpired | LeaseRevoked)
