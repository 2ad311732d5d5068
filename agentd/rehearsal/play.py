"""The stretch once more, under other settings: who gets which node, and what becomes of it.

The rule this file keeps: here it is only said who asks for what, and when. What is answered is
decided on the `Stage`, by the commands of the daemon.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from msgspec import UNSET, Struct

from agentd.api import (
    AcquireNextNodeParams,
    TaskParams,
)
from agentd.events import (
    Ending,
    GateOpened,
    LeaseExpired,
    LeaseRevoked,
    NodeAcquired,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeReleased,
    NodeUpdated,
    TaskRegistered,
)
from agentd.journal import Recorded
from agentd.projections import GATES, NODES, TASKS, GateRow, NodeRow, TaskRow
from agentd.rehearsal import acts
from agentd.rehearsal.attempts import Attempts
from agentd.rehearsal.deeds import Deeds
from agentd.rehearsal.figures import Figures, Span, Tally
from agentd.rehearsal.going import Going, Running
from agentd.rehearsal.idlers import Idlers
from agentd.rehearsal.policy import Policy
from agentd.rehearsal.recording import Recording
from agentd.rehearsal.stage import Stage
from agentd.rehearsal.stretch import Stretch
from agentd.rehearsal.workers import Worker, resize

_DEFAULT_LEASE_MS = 300_000
_LONGER = 10
"""So many times as long as it took in fact it may take, and as many records."""

_AT_LEAST_MS = 3_600_000
_AT_LEAST_RECORDS = 10_000


class Played(Struct):
    """What would have come out.

    `guessed` attempts were of unknown length, `repeated` went as an earlier one of their node,
    `refused` requests came to nothing, `left` nodes ended in fact and did not here. It was `cut`
    short where it would never have ended.
    """

    figures: Figures
    spans: list[Span]
    workers: list[Worker]
    guessed: int
    repeated: int
    refused: int
    left: int
    cut: bool


class Play:
    """One rehearsal. Times are Unix milliseconds."""

    def __init__(self, stretch: Stretch, recording: Recording, policy: Policy) -> None:
        self._stretch = stretch
        self._recording = recording
        self._policy = policy
        self._workers = resize(recording.workers, policy.workers)
        tables = stretch.begin_tables(policy.amend)
        lease_ms = recording.lease_ms or _DEFAULT_LEASE_MS
        self._stage = Stage(tables, stretch.begin, lease_ms)
        self._attempts = Attempts(recording.attempts, recording.end)
        self._tally = Tally(recording.targets, stretch.begin)
        self._begun: defaultdict[str, int] = defaultdict(int)
        self._deeds = Deeds(self._stage, policy, recording)
        self._idlers = Idlers(self._stage, self._workers, self._acquire)
        self._going = Going(self._stage, self._deeds, self._idlers.free)
        self._stage.on_records = self._see

    def run(self) -> Played:
        """Play it to its end."""
        self._deeds.begin()
        self._begin()
        self._idlers.begin(self._going.busy())
        cut = not self._go_on()
        return Played(
            self._tally.close(self._stage.waiting, len(self._workers)),
            self._tally.spans,
            self._workers,
            self._attempts.guessed,
            self._attempts.repeated,
            self._stage.refused,
            len(self._tally.left),
            cut,
        )

    def _go_on(self) -> bool:
        """Until all is done that was done; False where that takes far too long.

        Where there was nothing more to do, until there is nothing more; else for as long as it took
        at least, as more may be done in that time.
        """
        stage, end = self._stage, self._recording.end
        length = max(end - self._stretch.begin, _AT_LEAST_MS)
        latest = self._stretch.begin + _LONGER * length
        most = _LONGER * len(self._stretch.records) + _AT_LEAST_RECORDS
        while (moment := stage.next_moment) is not None:
            if moment > end and not self._tally.left and self._is_enough():
                stage.now = stage.waiting.now = max(stage.now, end)
                return True
            if moment > latest or stage.recorded > most:
                return False
            stage.step()
            self._idlers.wake()
        return True

    def _is_enough(self) -> bool:
        """Whether nobody has anything to do any more, or had not at the end either."""
        is_quiet = not self._going.busy() and not self._stage.waiting.anybody()
        return is_quiet or not self._recording.over

    def _begin(self) -> None:
        """What went on already when the stretch began, and what was to become due."""
        workers = {worker.number: worker for worker in self._workers}
        for lease_id, attempt in self._recording.held.items():
            self._begun[attempt.node_id] += 1
            plan = self._attempts.expect(attempt.task_id, attempt.node_id, 0, attempt.began)
            self._tally.hold(lease_id, attempt.worker, attempt.node_id)
            self._going.start(Running(lease_id, workers.get(attempt.worker), plan, attempt.began))
        for row in list(self._stage.tables.tables[NODES.name].values()):
            if isinstance(row, NodeRow) and row.not_before is not None:
                self._await_moment(row.task_id, row.node_id, row.not_before)
        for gate in list(self._stage.tables.tables[GATES.name].values()):
            if isinstance(gate, GateRow) and gate.stage == "open":
                self._await_decision(gate.task_id, gate.node_id, gate.timeout_at)
        for task in list(self._stage.tables.tables[TASKS.name].values()):
            if isinstance(task, TaskRow):
                self._await_end(task.task_id, task.timeout_at)

    # what workers do

    def _acquire(self, worker: Worker) -> bool:
        """Ask for a node: whether there was one."""
        labels, task_id = worker.profile
        lease_secs = self._policy.lease_secs
        if lease_secs is None and worker.lease_ms is not None:
            lease_secs = max(worker.lease_ms // 1000, 1)
        wanted = AcquireNextNodeParams(
            task_id=UNSET if task_id is None else task_id,
            lease_owner=worker.owner,
            lease_secs=lease_secs,
            labels=list(labels),
        )
        recorded = self._stage.do(acts.ACQUIRE, wanted)
        if not recorded or not isinstance(event := recorded[-1].event, NodeAcquired):
            return False
        last = recorded[-1]
        node_id, number = last.node_id or "", self._begun[last.node_id or ""]
        self._begun[node_id] += 1
        plan = self._attempts.expect(last.task_id, node_id, number, last.at)
        self._tally.acquire(event.lease_id, worker.number, node_id, last.at)
        self._going.start(Running(event.lease_id, worker, plan, last.at))
        return True

    def _see(self, recorded: Sequence[Recorded]) -> None:
        """What follows from it later, or for somebody else."""
        for each in recorded:
            event, node_id = each.event, each.node_id or ""
            if isinstance(event, Ending):
                self._tally.end(each, event)
                self._see_ending(each, event)
            elif isinstance(event, NodeAdded | NodeUpdated):
                row = self._row(node_id)
                if row is not None and row.not_before is not None:
                    self._await_moment(each.task_id, node_id, row.not_before)
            elif isinstance(event, GateOpened):
                self._await_decision(each.task_id, node_id, event.timeout_at)
            elif isinstance(event, TaskRegistered):
                self._await_end(each.task_id, event.timeout_at)
            else:
                self._deeds.see(each)

    def _see_ending(self, recorded: Recorded, event: Ending) -> None:
        """Who lost the lease goes on where nobody tells him, and he works to his end in vain."""
        if not isinstance(event, NodeCompleted | LeaseExpired | LeaseRevoked) and event.not_before:
            self._await_moment(recorded.task_id, recorded.node_id or "", event.not_before)
        by_itself = isinstance(event, NodeFailed) and event.how == "failed"
        if not (by_itself or isinstance(event, NodeCompleted | NodeReleased)):
            self._going.lose(event.lease_id, revoked=isinstance(event, LeaseRevoked))

    def _await_moment(self, task_id: str, node_id: str, moment: int) -> None:
        lag = self._attempts.due(node_id, self._begun[node_id] - 1)
        if not self._begun[node_id]:
            lag = self._recording.lags.get(node_id, 0)
        settle = partial(self._stage.do, acts.SETTLE, TaskParams(task_id))
        self._stage.at(moment + lag, settle)

    def _await_decision(self, task_id: str, node_id: str, timeout_at: int | None) -> None:
        if timeout_at is not None:
            close = partial(self._stage.do, acts.CLOSE_GATES, TaskParams(task_id))
            self._stage.at(timeout_at, close)
        self._deeds.await_decision(task_id, node_id)

    def _await_end(self, task_id: str, timeout_at: int | None) -> None:
        if timeout_at is not None:
            end = partial(self._stage.do, acts.END_TASK, TaskParams(task_id))
            self._stage.at(timeout_at, end)

    def _row(self, node_id: str) -> NodeRow | None:
        row: NodeRow | None = self._stage.tables.get(NODES, (node_id,))
        return row
