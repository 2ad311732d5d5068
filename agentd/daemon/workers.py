"""Who works here: who waits for a node, who holds some, and who did so lately.

The rule this file keeps: it is what this daemon has seen since its start, and the leases that it
found then. Whoever has neither waited nor held anything for `REMEMBERED_MS` is forgotten.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from agentd.api import WorkerView
from agentd.events import (
    Ending,
    Event,
    GateDecided,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    NodeAcquired,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
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
    labels: Sequence[str] = ()


class _Offer(Struct):
    """Who offers a set of labels, or did so last."""

    last_seen: int
    waiting: int = 0


class Workers:
    """The owners of leases. Moments are Unix milliseconds."""

    def __init__(self, now: Callable[[], int], leased: Iterable[NodeRow]) -> None:
        """`leased` are the nodes that are held at the start."""
        self._now = now
        self._workers: dict[str, _Worker] = {}
        self._owners: dict[str, str] = {}  # by lease
        self._offers: dict[frozenset[str], _Offer] = {}
        self._forget_at = _MANY
        self._notes: Mapping[type[Event], Callable[[Any, int], None]] = {
            NodeAcquired: self._note_acquisition,
            LeaseExtended: self._note_heartbeat,
            NodeCompleted: self._note_end_by_holder,
            NodeReleased: self._note_end_by_holder,
            NodeFailed: self._note_failure,
            LeaseExpired: self._note_end,
            LeaseRevoked: self._note_end,
        }
        for node in leased:
            self._begin_lease(node.lease_id or "", node.lease_owner or "", now())

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Take note of leases that began, went on or ended."""
        decided: str | None = None
        for each in recorded:
            note = self._notes.get(type(each.event))
            if note is None:
                if type(each.event) is GateDecided:
                    decided = each.node_id
            elif decided is None or each.node_id != decided:  # who decides works on nothing
                note(each.event, each.at)

    def waits(self, owner: str, labels: Sequence[str]) -> None:
        """A request of his waits, and offers these labels."""
        worker = self._worker(owner, self._now())
        worker.waiting += 1
        worker.labels = labels
        self._offer(labels, worker.last_seen).waiting += 1

    def waits_no_more(self, owner: str, labels: Sequence[str]) -> None:
        """One that waited has ended."""
        self._worker(owner, self._now()).waiting -= 1
        self._offer(labels, self._now()).waiting -= 1

    def offered(self) -> list[frozenset[str]]:
        """The sets of labels that somebody offers who waits, or lately did who acquired a node.

        From any thread.
        """
        now = self._now()
        offers = self._offers.copy().items()
        return [labels for labels, offer in offers if _is_remembered(offer, now)]

    def list(self) -> list[WorkerView]:
        """All, by owner. From any thread."""
        now = self._now()
        return [
            _view(owner, worker)
            for owner, worker in sorted(self._workers.copy().items(), key=lambda item: item[0])
            if _is_remembered(worker, now)
        ]

    def _begin_lease(
        self, lease_id: str, owner: str, at: int, labels: Sequence[str] | None = None
    ) -> None:
        """`labels` are those that its owner offered, None where that is not known."""
        self._owners[lease_id] = owner
        worker = self._worker(owner, at)
        worker.holding += 1
        if labels is not None:
            worker.labels = labels
            if labels:
                self._offer(labels, at)

    def _offer(self, labels: Sequence[str], at: int) -> _Offer:
        key = frozenset(labels)
        offer = self._offers.get(key)
        if offer is None:
            if len(self._offers) >= self._forget_at:
                self._forget_some()
            offer = self._offers[key] = _Offer(at)
        offer.last_seen = at
        return offer

    def _note_acquisition(self, event: NodeAcquired, at: int) -> None:
        self._begin_lease(event.lease_id, event.lease_owner, at, event.labels)

    def _note_heartbeat(self, event: LeaseExtended, at: int) -> None:
        self._see(self._owners.get(event.lease_id), at)

    def _note_end_by_holder(self, event: Ending, at: int) -> None:
        self._see(self._owners.get(event.lease_id), at)
        self._note_end(event, at)

    def _note_failure(self, event: NodeFailed, at: int) -> None:
        if event.how == "failed":
            self._note_end_by_holder(event, at)
        else:
            self._note_end(event, at)

    def _note_end(self, event: Ending, _at: int) -> None:
        owner = self._owners.pop(event.lease_id, None)
        if owner in self._workers:
            self._workers[owner].holding -= 1

    def _see(self, owner: str | None, at: int) -> None:
        if owner in self._workers:
            self._workers[owner].last_seen = at

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
        workers, offers = self._workers.items(), self._offers.items()
        self._workers = {owner: each for owner, each in workers if _is_remembered(each, now)}
        self._offers = {labels: each for labels, each in offers if _is_remembered(each, now)}
        self._forget_at = max(2 * len(self._workers), 2 * len(self._offers), _MANY)


def _view(owner: str, worker: _Worker) -> WorkerView:
    labels, last_seen = list(worker.labels), worker.last_seen / 1000
    return WorkerView(owner, labels, worker.waiting, worker.holding, last_seen)


def _is_remembered(seen: _Worker | _Offer, now: int) -> bool:
    is_busy = seen.waiting or (isinstance(seen, _Worker) and seen.holding)
    return bool(is_busy) or seen.last_seen > now - REMEMBERED_MS
