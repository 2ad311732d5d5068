"""What came from outside in a stretch: by whom, when, and how long it lasted.

The rule this file keeps: what somebody did while he worked on a node belongs to that attempt, and
is done again with it; everything else belongs to its moment.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from agentd.decide.control import TIMED_OUT_BY
from agentd.events import (
    BudgetSet,
    DependenciesAdded,
    Event,
    EventCommitted,
    GateDecided,
    GateOpened,
    LimitClosed,
    LimitSet,
    LockAcquired,
    LockEnded,
    LockExpired,
    LockReleased,
    NodeAdded,
    NodeRetried,
    NodeUpdated,
    TaskCancelled,
    TaskPaused,
    TaskRegistered,
    TaskResumed,
)
from agentd.journal import Recorded
from agentd.projections import NodeRow
from agentd.rehearsal.attempts import Attempt, Deed


class Arrivals:
    """The `deeds` of others, and the `decisions` of gates by node.

    `running` are the attempts, `tasks` all tasks of the stretch.
    """

    def __init__(self, running: Mapping[str, Attempt], tasks: Iterable[str], begin: int) -> None:
        self.deeds: list[Deed] = []
        self.decisions: dict[str, list[Deed]] = {}
        self._running = running
        self._tasks = frozenset(tasks)
        self._begin = begin
        self._opened: dict[str, int] = {}
        self._locks: dict[str, Deed] = {}
        self._growing: tuple[int, Deed] = 0, Deed(0, [])

    def note(self, recorded: Recorded, row: NodeRow | None) -> None:
        """Keep what matters of it, before it is folded; `row` is its node's."""
        noted = _NOTED.get(type(recorded.event))
        if noted is not None:
            noted(self, recorded, row)

    def committed(self, recorded: Recorded, row: NodeRow | None) -> None:
        """Of notes only what was used matters to any decision: others are not even folded."""
        attempt = None if row is None else self._running.get(row.lease_id or "")
        self._put(Deed(recorded.at, [recorded]), attempt)

    def arrived(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """It comes at its moment."""
        self.deeds.append(Deed(recorded.at, [recorded]))

    def registered(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """A task begins, and its nodes come with it."""
        deed = Deed(recorded.at, [recorded])
        self.deeds.append(deed)
        self._growing = recorded.seq, deed

    def grew(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """Nodes of one request stand one behind the other."""
        last, deed = self._growing
        of_task = bool(deed.records) and deed.records[-1].task_id == recorded.task_id
        if last == recorded.seq - 1 and of_task and deed.records[0].at == recorded.at:
            deed.records.append(recorded)
        else:
            deed = Deed(recorded.at, [recorded])
            self._put(deed, self._planner_of(recorded))
        self._growing = recorded.seq, deed

    def _planner_of(self, recorded: Recorded) -> Attempt | None:
        """Who added the node: the one who works on the task, or on what the node depends on."""
        own = [each for each in self._running.values() if each.task_id == recorded.task_id]
        needed = cast("NodeAdded | DependenciesAdded", recorded.event).dependencies
        planners = [each for each in own if each.node_id in needed]
        if planners:
            return planners[0]
        return own[0] if len(own) == 1 else None

    def _put(self, deed: Deed, attempt: Attempt | None) -> None:
        if attempt is None:
            self.deeds.append(deed)
        else:
            deed.at -= attempt.began
            attempt.deeds.append(deed)

    def cancelled(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """With the task that was meant its descendants are cancelled, if it is among those here.

        Where the time of a task is over, it is over again.
        """
        event = cast("TaskCancelled", recorded.event)
        meant = event.ancestor or recorded.task_id
        if meant not in self._tasks or (event.ancestor is None and event.by != TIMED_OUT_BY):
            self.deeds.append(Deed(recorded.at, [recorded]))

    def gate_opened(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """A decision is counted from here on."""
        self._opened[recorded.node_id or ""] = recorded.at

    def gate_decided(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """By a person: what is over by itself is over by itself again."""
        node_id = recorded.node_id or ""
        if cast("GateDecided", recorded.event).by != TIMED_OUT_BY:
            waited = recorded.at - self._opened.get(node_id, self._begin)
            deed = Deed(recorded.at, [recorded], waited=waited)
            self.decisions.setdefault(node_id, []).append(deed)

    def locked(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """A node's own locks are acquired with its lease, and before it."""
        event = cast("LockAcquired", recorded.event)
        if event.node_lease_id is None or event.node_lease_id in self._running:
            deed = self._locks[event.lease_id] = Deed(recorded.at, [recorded])
            self._put(deed, self._running.get(event.node_lease_id or ""))

    def unlocked(self, recorded: Recorded, _row: NodeRow | None) -> None:
        """So long it was held; one that was held before the stretch began ends at its moment."""
        event = cast("LockReleased | LockEnded | LockExpired", recorded.event)
        deed = self._locks.pop(event.lease_id, None)
        if deed is not None:
            deed.lasts = recorded.at - deed.records[0].at
        elif not isinstance(event, LockEnded):
            self.deeds.append(Deed(recorded.at, [recorded]))


_Noted = Callable[[Arrivals, Recorded, NodeRow | None], None]
_NOTED: dict[type[Event], _Noted] = {
    EventCommitted: Arrivals.committed,
    **dict.fromkeys(
        (LimitSet, LimitClosed, BudgetSet, TaskPaused, TaskResumed, NodeUpdated, NodeRetried),
        Arrivals.arrived,
    ),
    TaskRegistered: Arrivals.registered,
    NodeAdded: Arrivals.grew,
    DependenciesAdded: Arrivals.grew,
    TaskCancelled: Arrivals.cancelled,
    GateOpened: Arrivals.gate_opened,
    GateDecided: Arrivals.gate_decided,
    LockAcquired: Arrivals.locked,
    **dict.fromkeys((LockReleased, LockEnded, LockExpired), Arrivals.unlocked),
}
"""What is noted of each kind."""
