"""What came from outside comes again: registrations, added nodes, decisions, limits, control.

The rule this file keeps: it comes at its moment. What it depends on may be otherwise by then: nodes
that were to be tried again may not have failed, and a gate may not be open yet.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from msgspec.structs import replace

from agentd.api import (
    CancelTaskParams,
    CommitEventParams,
    DecideGateParams,
    PauseTaskParams,
    ResumeTaskParams,
    RetryNodeParams,
    SetBudgetParams,
)
from agentd.events import (
    LIMITS_STREAM,
    BudgetSet,
    DependenciesAdded,
    Event,
    EventCommitted,
    GateDecided,
    LimitClosed,
    LimitSet,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockReleased,
    NodeAdded,
    NodeRetried,
    NodeUpdated,
    Rate,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)
from agentd.journal import Draft, Recorded
from agentd.projections import (
    LIMITS,
    LOCKS,
    NODES,
    TASK_STATES,
    LimitRow,
    LockRow,
    NodeRow,
    TaskStateRow,
)
from agentd.queries import is_satisfied
from agentd.queries.task_states import budget_of
from agentd.rehearsal import acts
from agentd.rehearsal.attempts import Deed
from agentd.rehearsal.policy import Policy
from agentd.rehearsal.recording import Recording
from agentd.rehearsal.stage import Stage

_FAR = 4_102_444_800_000
"""2100: the end of locks whose end is told by a record of its own."""


class Deeds:
    """Does what others did."""

    def __init__(self, stage: Stage, policy: Policy, recording: Recording) -> None:
        self._stage = stage
        self._policy = policy
        self._recording = recording
        self._decided: dict[str, int] = {}
        self._wanted_locks: list[Deed] = []
        self._locks = 0

    def begin(self) -> None:
        """Set what is set otherwise, and have the rest come when it came."""
        for name in sorted(self._policy.limit_names):
            row = self._stage.tables.get(LIMITS, (name,)) or LimitRow(name)
            rate = None if row.rate_count is None else Rate(row.rate_count, row.rate_ms or 0)
            event = self._policy.limit(LimitSet(name, row.max_running, rate))
            self._record(LIMITS_STREAM, [Draft(event)])
        if self._policy.budgets:
            for row in list(self._stage.tables.tables[TASK_STATES.name].values()):
                if isinstance(row, TaskStateRow) and row.cancelled_seq is None:
                    budget = self._policy.budget(budget_of(self._stage.tables, row))
                    self._stage.do(acts.BUDGET, SetBudgetParams(row.task_id, budget=budget))
        for deed in self._recording.deeds:
            self._stage.at(deed.at, partial(self.do, deed))

    def do(self, deed: Deed, lease_id: str | None = None) -> None:
        """Do it now; under this lease, if it is done by somebody at work."""
        first = deed.records[0]
        if isinstance(first.event, EventCommitted):
            self._commit(first, first.event, lease_id)
        elif isinstance(first.event, LockAcquired):
            self._lock(deed, first.event)
        else:
            _DOERS[type(first.event)](self, deed.records)

    def await_decision(self, task_id: str, node_id: str) -> None:
        """A gate is open: it is decided when it was, or as long after its opening as it was."""
        known = self._recording.decisions.get(node_id, ())
        number = self._decided.get(node_id, 0)
        if number < len(known):
            self._decided[node_id] = number + 1
            deed = known[number]
            moment = deed.at if deed.at > self._stage.now else self._stage.now + deed.waited
            self._stage.at(moment, partial(self._decide, task_id, node_id, deed))

    def see(self, recorded: Recorded) -> None:
        """A lock that ended may be in nobody's way any more."""
        if isinstance(recorded.event, LockEnded | LockReleased) and self._wanted_locks:
            wanted, self._wanted_locks = self._wanted_locks, []
            for deed in wanted:
                self._stage.at(self._stage.now, partial(self.do, deed))

    def _decide(self, task_id: str, node_id: str, deed: Deed) -> None:
        event: Any = deed.records[0].event
        assert isinstance(event, GateDecided)  # noqa: S101 - that is what is kept of gates
        params = DecideGateParams(task_id, node_id, event.decision, event.by)
        self._stage.do(acts.DECIDE, params)

    def _commit(self, recorded: Recorded, event: EventCommitted, lease_id: str | None) -> None:
        params = CommitEventParams(
            recorded.task_id, recorded.node_id or "", lease_id, usage=dict(event.usage)
        )
        self._stage.do(acts.COMMIT, params)

    def _record(self, task_id: str, drafts: list[Draft]) -> None:
        self._stage.do(acts.RECORD, acts.Facts(task_id, drafts))

    def grow(self, records: list[Recorded]) -> None:
        """A task begins, or gets more nodes; those that may not wait any more do not."""
        first = records[0]
        is_new = isinstance(first.event, TaskRegistered)
        taken = self._row(first.node_id or "") is not None and isinstance(first.event, NodeAdded)
        if taken or (not is_new and self._is_gone(first.task_id)):
            return
        drafts = [Draft(self._policy.amend(each.event), each.node_id) for each in records]
        if not is_new:
            drafts = list(self._now(drafts))
        self._record(first.task_id, drafts)

    def _is_gone(self, task_id: str) -> bool:
        state: TaskStateRow | None = self._stage.tables.get(TASK_STATES, (task_id,))
        return state is None or state.cancelled_seq is not None

    def _now(self, drafts: list[Draft]) -> Iterator[Draft]:
        """What is waited for now."""
        for draft in drafts:
            event: Event = draft.event
            if isinstance(event, NodeAdded):
                waiting_on = sum(not self._is_satisfied(each) for each in event.dependencies)
                yield replace(draft, event=replace(event, waiting_on=waiting_on))
            elif isinstance(event, DependenciesAdded):
                row = self._row(draft.node_id or "")
                if row is not None and row.status == "PENDING":
                    yield replace(draft, event=replace(event, previous=row.dependencies_seq))

    def _is_satisfied(self, node_id: str) -> bool:
        row = self._row(node_id)
        return row is not None and is_satisfied(self._stage.tables, row)

    def update(self, records: list[Recorded]) -> None:
        """Nodes get other settings, where they are PENDING."""
        for each in records:
            row = self._row(each.node_id or "")
            event = self._policy.amend(each.event)
            if row is not None and row.status == "PENDING" and isinstance(event, NodeUpdated):
                event = replace(event, previous=row.settings_seq)
                self._record(each.task_id, [Draft(event, each.node_id)])

    def set_limit(self, records: list[Recorded]) -> None:
        """A limit is set or closed."""
        self._record(LIMITS_STREAM, [Draft(self._policy.amend(each.event)) for each in records])

    def retry(self, records: list[Recorded]) -> None:
        """What FAILED is tried again, if it did."""
        for each in records:
            self._stage.do(acts.RETRY, RetryNodeParams(each.task_id, node_id=each.node_id))

    def pause(self, records: list[Recorded]) -> None:
        """A task is paused."""
        self._stage.do(acts.PAUSE, PauseTaskParams(records[0].task_id))

    def resume(self, records: list[Recorded]) -> None:
        """A task goes on."""
        self._stage.do(acts.RESUME, ResumeTaskParams(records[0].task_id))

    def cancel(self, records: list[Recorded]) -> None:
        """A task is cancelled."""
        self._stage.do(acts.CANCEL, CancelTaskParams(records[0].task_id))

    def set_budget(self, records: list[Recorded]) -> None:
        """A task gets another budget, or none."""
        for each in records:
            event = self._policy.amend(each.event)
            if isinstance(event, BudgetSet):
                budget = None if event.budget is None else dict(event.budget)
                self._stage.do(acts.BUDGET, SetBudgetParams(each.task_id, budget=budget))

    def _lock(self, deed: Deed, event: LockAcquired) -> None:
        """A lock of somebody's own, for as long as he held it, once nothing is in its way."""
        tables = self._stage.tables
        if tables.conflicting_locks(event.key, event.mode, 1):
            self._wanted_locks.append(deed)
            return
        self._locks += 1
        lease_id = f"00000000-0000-8000-8001-{self._locks:012x}"
        stream = deed.records[0].task_id
        taken = replace(event, lease_id=lease_id, expires_at=_FAR, node_id=None, node_lease_id=None)
        self._record(stream, [Draft(taken)])
        if deed.lasts is not None:
            released = Draft(LockReleased(event.key, lease_id, event.owner))
            self._stage.at(self._stage.now + deed.lasts, partial(self._record, stream, [released]))

    def unlock(self, records: list[Recorded]) -> None:
        """A lock that was held when the stretch began is held no more."""
        event: Any = records[0].event
        held: LockRow | None = self._stage.tables.get(LOCKS, (event.lease_id,))
        if held is not None:
            released = Draft(LockReleased(event.key, event.lease_id, event.owner))
            self._record(records[0].task_id, [released])

    def _row(self, node_id: str) -> NodeRow | None:
        row: NodeRow | None = self._stage.tables.get(NODES, (node_id,))
        return row


_Doer = Callable[[Deeds, list[Recorded]], None]
_DOERS: dict[type[Event], _Doer] = {
    TaskRegistered: Deeds.grow,
    NodeAdded: Deeds.grow,
    DependenciesAdded: Deeds.grow,
    NodeUpdated: Deeds.update,
    LimitSet: Deeds.set_limit,
    LimitClosed: Deeds.set_limit,
    NodeRetried: Deeds.retry,
    TaskPaused: Deeds.pause,
    TaskResumed: Deeds.resume,
    TaskCancelled: Deeds.cancel,
    BudgetSet: Deeds.set_budget,
    LockReleased: Deeds.unlock,
    LockExpired: Deeds.unlock,
}
