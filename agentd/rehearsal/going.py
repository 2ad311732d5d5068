"""Attempts as they go on: heartbeats, silence, what is done meanwhile, and the end.

The rule this file keeps: an attempt goes as it went. Whether its lease still holds when it ends is
decided on the stage.
"""

from collections.abc import Callable
from functools import partial

from msgspec import Struct

from agentd.api import (
    CompleteNodeParams,
    FailNodeParams,
    HeartbeatNodeParams,
    ReleaseNodeParams,
    TaskParams,
)
from agentd.projections import NODES, NodeRow
from agentd.rehearsal import acts
from agentd.rehearsal.attempts import Attempt, Deed
from agentd.rehearsal.deeds import Deeds
from agentd.rehearsal.stage import Stage
from agentd.rehearsal.workers import Worker

_BY_ITSELF = frozenset({"completed", "failed", "released"})
"""Ends that a worker brings about, if nobody takes the lease away before."""


class Running(Struct):
    """An attempt that goes on; `worker` is None for one who is not there any more."""

    lease_id: str
    worker: Worker | None
    plan: Attempt
    began: int
    silent: bool = False


class Going:
    """The attempts that go on, by lease. `free` is told of a worker that has nothing any more."""

    def __init__(self, stage: Stage, deeds: Deeds, free: Callable[[Worker], None]) -> None:
        self._stage = stage
        self._deeds = deeds
        self._free = free
        self._running: dict[str, Running] = {}

    def busy(self) -> set[int]:
        """The numbers of the workers that work."""
        return {each.worker.number for each in self._running.values() if each.worker is not None}

    def lose(self, lease_id: str, *, revoked: bool) -> None:
        """The lease was taken away: who heartbeats learns of it, others work on in vain."""
        running = self._running.get(lease_id)
        if running is None:
            return
        plan = running.plan
        if revoked or plan.how not in _BY_ITSELF or plan.beats:
            self._running.pop(lease_id)
            if not plan.gone and plan.dropped is None:
                self._free_worker(running)

    def start(self, running: Running) -> None:
        """Have it go as it went, whatever comes in its way."""
        plan, stage = running.plan, self._stage
        self._running[running.lease_id] = running
        if plan.how in _BY_ITSELF or self._has_no_deadline(plan):
            stage.at(running.began + plan.took, partial(self._finish, running))
        for deed in plan.deeds:
            stage.at(running.began + deed.at, partial(self._do_within, running, deed))
        if plan.how == "expired":
            stage.at(running.began + plan.alive, partial(self._fall_silent, running))
        if plan.dropped is not None:
            stage.at(running.began + plan.dropped, partial(self._free_worker, running))
        self._watch_lease(running)

    def _has_no_deadline(self, plan: Attempt) -> bool:
        """It timed out, and would not any more: how long it would have taken nobody knows."""
        row = self._row(plan.node_id)
        return plan.how == "timed_out" and row is not None and row.deadline_at is None

    def _do_within(self, running: Running, deed: Deed) -> None:
        if self._running.get(running.lease_id) is running:
            self._deeds.do(deed, running.lease_id)

    def _watch_lease(self, running: Running) -> None:
        """Look again when the lease ends; who heartbeats does so just before."""
        row = self._row(running.plan.node_id)
        if row is None or row.lease_id != running.lease_id:
            return
        ends, deadline = row.lease_expires_at or 0, row.deadline_at
        still = partial(self._holds, running, ends)
        if running.plan.beats and not running.silent and ends != deadline:
            self._stage.at(ends - 1, partial(self._beat, running), still)
        else:
            settle = partial(self._settle_lease, running)
            self._stage.at(ends + running.plan.noticed, settle, still)

    def _holds(self, running: Running, ends: int) -> bool:
        """Whether its lease goes on, until that moment."""
        row = self._row(running.plan.node_id)
        if row is None or row.lease_id != running.lease_id:
            return False
        return row.lease_expires_at == ends

    def _beat(self, running: Running) -> None:
        if not running.silent:
            self._extend(running)
        self._watch_lease(running)

    def _extend(self, running: Running) -> None:
        if self._running.get(running.lease_id) is running:
            plan = running.plan
            held = HeartbeatNodeParams(
                task_id=plan.task_id, node_id=plan.node_id, lease_id=running.lease_id
            )
            self._stage.do(acts.BEAT, held)

    def _fall_silent(self, running: Running) -> None:
        """The last sign of life, if it was one that was seen."""
        if running.plan.alive > 0 and self._stage.now >= running.began + running.plan.alive:
            self._extend(running)
        running.silent = True
        self._watch_lease(running)

    def _settle_lease(self, running: Running) -> None:
        self._stage.do(acts.SETTLE, TaskParams(running.plan.task_id), running.plan.chance)

    def _finish(self, running: Running) -> None:
        """Its holder ends it; where the lease was lost meanwhile, that is refused."""
        plan = running.plan
        held = (plan.task_id, plan.node_id, running.lease_id)
        pause = None if plan.pause is None else plan.pause / 1000
        usage = dict(plan.usage)
        if plan.how == "released":
            self._stage.do(acts.RELEASE, ReleaseNodeParams(*held, after_secs=pause))
        elif plan.how == "completed":
            self._stage.do(acts.COMPLETE, CompleteNodeParams(*held, usage=usage))
        else:
            failed = FailNodeParams(
                *held,
                retryable=plan.retryable,
                retry_after_secs=pause,
                kind=plan.kind,
                usage=usage,
            )
            self._stage.do(acts.FAIL, failed, plan.chance)
        self._running.pop(running.lease_id, None)
        self._free_worker(running)

    def _free_worker(self, running: Running) -> None:
        if running.worker is not None:
            self._free(running.worker)
            running.worker = None

    def _row(self, node_id: str) -> NodeRow | None:
        row: NodeRow | None = self._stage.tables.get(NODES, (node_id,))
        return row
