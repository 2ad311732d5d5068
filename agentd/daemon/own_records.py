"""What this daemon records: it is counted, told in the log, and slept until.

The rule this file keeps: that is for whoever has recorded it, and for nobody else. What other
daemons record is counted and told by them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agentd.api import RuntimeMetrics
from agentd.daemon.counters import count_event, count_failure
from agentd.daemon.log import logger
from agentd.daemon.sweeper import Sweeper
from agentd.events import (
    Event,
    EventCommitted,
    GateOpened,
    LeaseExpired,
    LeaseExtended,
    LockAcquired,
    LockExpired,
    LockExtended,
    NodeAcquired,
    NodeAdded,
    NodeFailed,
    NodeReleased,
    NodeRetried,
    NodeUpdated,
    TaskCancelled,
    TaskRegistered,
)
from agentd.journal import Recorded

LONGEST_SHOWN = 200
"""Characters of a lock's key, or of an owner, in the log."""


class OwnRecords:
    """Told of every commit."""

    def __init__(self, counters: RuntimeMetrics, sweeper: Sweeper) -> None:
        self._counters = counters
        self._sweeper = sweeper
        # By type, because nearly all events would miss most steps of a chain of isinstance.
        self._notes: Mapping[type[Event], Callable[[Recorded, Any], None]] = {
            NodeAcquired: self._note_lease,
            LeaseExtended: self._note_lease,
            LeaseExpired: self._note_expiry,
            NodeFailed: self._note_failure,
            NodeReleased: self._note_release,
            NodeAdded: self._note_node,
            NodeUpdated: self._note_update,
            TaskRegistered: self._note_registration,
            NodeRetried: self._note_retry,
            TaskCancelled: self._note_cancellation,
            GateOpened: self._note_opening,
            LockAcquired: self._note_lock,
            LockExtended: self._note_lock,
            LockExpired: self._note_lock_expiry,
        }

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Take note of what was recorded."""
        for each in recorded:
            if type(each.event) is not EventCommitted or each.event.noted_at is None:
                count_event(self._counters, each.kind)  # what was imported, nobody committed here
            note = self._notes.get(type(each.event))
            if note is not None:
                note(each, each.event)

    def _wake_for(self, moment: int | None) -> None:
        if moment is not None:
            self._sweeper.wake_at(moment)

    def _note_lease(self, _recorded: Recorded, event: NodeAcquired | LeaseExtended) -> None:
        self._sweeper.wake_at(event.lease_expires_at)

    def _note_lock(self, _recorded: Recorded, event: LockAcquired | LockExtended) -> None:
        self._sweeper.wake_at(event.expires_at)

    def _note_lock_expiry(self, _recorded: Recorded, event: LockExpired) -> None:
        key, owner = event.key[:LONGEST_SHOWN], event.owner[:LONGEST_SHOWN]
        logger.info("the lock %r of %r lived as long as it might", key, owner)

    def _note_expiry(self, recorded: Recorded, event: LeaseExpired) -> None:
        logger.info(
            "rolled back node %s: %s let the lease run out", recorded.node_id, event.lease_owner
        )

    def _note_failure(self, recorded: Recorded, event: NodeFailed) -> None:
        count_failure(self._counters, event)
        self._wake_for(event.not_before)
        if event.how != "failed":
            why = "its time was over" if event.how == "timed_out" else "the lease ran out"
            logger.info(
                "node %s of %s is %s: %s",
                recorded.node_id,
                event.lease_owner,
                event.status,
                why,
            )

    def _note_release(self, _recorded: Recorded, event: NodeReleased) -> None:
        self._wake_for(event.not_before)

    def _note_node(self, recorded: Recorded, event: NodeAdded) -> None:
        if event.settings is not None:
            self._wake_for(event.settings.not_before)
        if event.place == 0:  # its task was there, and goes on now
            self._sweeper.check_time_of(recorded.task_id)

    def _note_update(self, _recorded: Recorded, event: NodeUpdated) -> None:
        self._wake_for(event.settings.not_before)
        self._wake_for(event.gate_timeout_at)

    def _note_opening(self, _recorded: Recorded, event: GateOpened) -> None:
        self._wake_for(event.timeout_at)

    def _note_registration(self, _recorded: Recorded, event: TaskRegistered) -> None:
        self._wake_for(event.timeout_at)

    def _note_retry(self, recorded: Recorded, event: NodeRetried) -> None:
        if event.number == 1:
            self._sweeper.check_time_of(recorded.task_id)

    def _note_cancellation(self, recorded: Recorded, event: TaskCancelled) -> None:
        logger.info("cancelled task %s by %s", recorded.task_id, event.by or "a client")
