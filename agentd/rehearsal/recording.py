"""What happened in a stretch: its attempts, its workers, what came from outside, and its figures.

The rule this file keeps: the records are folded once, in their order, as every replay folds them;
all that is asked of a moment is asked of the rows as they were then.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from msgspec import Struct

from agentd.decide.retries import has_attempts_left
from agentd.events import (
    Ending,
    Event,
    EventCommitted,
    LeaseExpired,
    LeaseExtended,
    LeaseRevoked,
    LockExtended,
    NodeAcquired,
    NodeCompleted,
    NodeDue,
    NodeFailed,
    NodeReleased,
)
from agentd.journal import Recorded
from agentd.projections import NODES, NodeRow, project
from agentd.queries.nodes import node_settings
from agentd.rehearsal.arrivals import Arrivals
from agentd.rehearsal.attempts import Attempt, Deed, How, note_failure
from agentd.rehearsal.figures import Figures, Span, Tally, how_it_ended
from agentd.rehearsal.stretch import Stretch
from agentd.rehearsal.waiting import Waiting
from agentd.rehearsal.workers import Roster, Worker, find_profiles


class Recording(Struct):
    """What happened. Moments are Unix milliseconds.

    `held` are the attempts that went on when the stretch began, by lease. `decisions` are those of
    gates. `lags` say how long it took until a node's first moment was noticed. `targets` are the
    nodes that ended. `lease_ms` is the length that most leases had whose workers asked for none.
    It was `over` when there was nothing more to do.
    """

    figures: Figures
    spans: list[Span]
    workers: list[Worker]
    attempts: list[Attempt]
    held: dict[str, Attempt]
    deeds: list[Deed]
    decisions: dict[str, list[Deed]]
    lags: dict[str, int]
    targets: set[str]
    lease_ms: int | None
    end: int
    over: bool


def record_stretch(stretch: Stretch) -> Recording:
    """Fold it."""
    return _Fold(stretch).run()


class _Fold:
    def __init__(self, stretch: Stretch) -> None:
        self._stretch = stretch
        self._tables = stretch.begin_tables()
        self._waiting = Waiting(self._tables, stretch.begin)
        profiles = find_profiles(stretch.records, several=len(stretch.tasks) > 1)
        self._roster = Roster(profiles, self._waiting, stretch.begin)
        self._targets = _find_targets(stretch)
        self._tally = Tally(self._targets, stretch.begin)
        self._attempts: list[Attempt] = []
        self._running: dict[str, Attempt] = {}
        self._last: dict[str, Attempt] = {}
        self._arrivals = Arrivals(self._running, stretch.tasks, stretch.begin)
        self._lags: dict[str, int] = {}
        self._leases: Counter[int] = Counter()
        self._ends: dict[str, int] = {}
        self._silent: set[str] = set()
        self._doomed = {
            recorded.event.lease_id
            for recorded in stretch.records
            if isinstance(recorded.event, LeaseExpired | NodeFailed)
            and how_it_ended(recorded.event) == "expired"
        }

    def run(self) -> Recording:
        held = self._begin()
        for recorded in self._stretch.records:
            self._waiting.now = recorded.at
            event = recorded.event
            if isinstance(event, LeaseExtended):
                self._note_extension(event, recorded.at)
            elif not isinstance(event, EventCommitted) or event.usage:
                self._take(recorded)
        return self._close(held)

    def _note_extension(self, event: LeaseExtended, at: int) -> None:
        """Rows are not told: no decision is made here, and there are many."""
        attempt = self._running.get(event.lease_id)
        if attempt is not None:
            attempt.beats, attempt.alive = True, at - attempt.began
            self._ends[event.lease_id] = event.lease_expires_at

    def _take(self, recorded: Recorded) -> None:
        note = _NOTES.get(type(recorded.event))
        row = self._tables.get(NODES, (recorded.node_id or "",))
        if note is not None:
            note(self, recorded, row)
        else:
            self._arrivals.note(recorded, row)
        self._tables.take(recorded)
        project(self._tables, recorded)
        self._roster.look(recorded.task_id)

    def _begin(self) -> dict[str, Attempt]:
        """Who held a node before the stretch began."""
        rows = cast("list[NodeRow]", list(self._tables.tables[NODES.name].values()))
        held = {}
        for row in sorted(rows, key=lambda row: row.acquired_at or 0):
            if row.lease_id is not None and row.lease_owner is not None:
                worker = self._roster.hold(row.lease_owner)
                began = row.acquired_at or self._stretch.begin
                attempt = Attempt(row.task_id, row.node_id, worker, began)
                attempt.alive = max(row.updated_at - began, 0)
                attempt.beats = row.updated_at > began
                self._keep(row.lease_id, attempt)
                self._tally.hold(row.lease_id, worker, row.node_id)
                held[row.lease_id] = attempt
        self._roster.look("")
        return held

    def _keep(self, lease_id: str, attempt: Attempt) -> None:
        self._attempts.append(attempt)
        self._running[lease_id] = self._last[attempt.node_id] = attempt

    def _close(self, held: dict[str, Attempt]) -> Recording:
        end = self._waiting.now
        self._roster.close()
        for attempt in self._running.values():
            attempt.took = end - attempt.began
        for attempt in self._attempts:
            owner = self._roster.workers[attempt.worker].owner
            attempt.beats = attempt.beats or owner not in self._silent
        return Recording(
            self._tally.close(self._waiting, len(self._roster.workers)),
            self._tally.spans,
            self._roster.workers,
            self._attempts,
            held,
            self._arrivals.deeds,
            self._arrivals.decisions,
            self._lags,
            self._targets,
            max(self._leases, key=self._leases.__getitem__, default=None),
            end,
            not self._running and not self._waiting.anybody(),
        )

    def acquired(self, recorded: Recorded, row: NodeRow | None) -> None:
        event = cast("NodeAcquired", recorded.event)
        if row is None or row.gate:
            return
        length = event.lease_expires_at - recorded.at
        if event.lease_ms is None and event.lease_expires_at != event.deadline_at:
            self._leases[length] += 1
        own = node_settings(self._tables, row).lease_ms
        asked = event.lease_ms if event.lease_ms != own else None
        if not self._roster.has_free(event.lease_owner):
            self._drop(event.lease_owner, recorded.at)
        worker = self._roster.begin(event.lease_owner, asked, recorded.at)
        self._keep(event.lease_id, Attempt(row.task_id, row.node_id, worker, recorded.at))
        self._tally.acquire(event.lease_id, worker, row.node_id, recorded.at)

    def _drop(self, owner: str, at: int) -> None:
        """Who had fallen silent, and takes another node, works no more on what he had."""
        for lease_id, attempt in self._running.items():
            own = self._roster.workers[attempt.worker].owner == owner
            if own and lease_id in self._doomed and attempt.dropped is None:
                attempt.dropped = at - attempt.began
                self._roster.end(attempt.worker, at)
                return

    def ended(self, recorded: Recorded, row: NodeRow | None) -> None:
        event = cast("Ending", recorded.event)
        self._tally.end(recorded, event)
        attempt = self._running.pop(event.lease_id, None)
        if attempt is None or row is None:
            return
        attempt.how = cast("How", how_it_ended(event))
        attempt.took = recorded.at - attempt.began
        if attempt.dropped is None:
            lost = attempt.how in ("expired", "timed_out")
            self._roster.end(attempt.worker, recorded.at, attempt if lost else None)
        self._note_silence(attempt, row)
        if isinstance(event, NodeCompleted):
            attempt.usage = event.usage
        elif isinstance(event, NodeReleased):
            attempt.pause = None if event.not_before is None else event.not_before - recorded.at
        over = self._ends.get(event.lease_id, row.lease_expires_at or 0)
        attempt.noticed = max(recorded.at - over, 0)
        if attempt.how not in ("expired", "timed_out") and attempt.noticed:
            attempt.noticed += 1  # it had run out, and nobody noticed before the work was done
        if isinstance(event, NodeFailed) and attempt.how != "expired":
            settings = node_settings(self._tables, row)
            left = settings.retry if has_attempts_left(settings, row) else None
            note_failure(attempt, event, recorded.at, left, row.counted + 1)

    def _note_silence(self, attempt: Attempt, row: NodeRow) -> None:
        """Who heartbeats does so before half of the lease is over."""
        length = (row.lease_expires_at or 0) - attempt.began
        by_itself = attempt.how in ("completed", "failed")
        if by_itself and not attempt.beats and attempt.took > length / 2:
            self._silent.add(self._roster.workers[attempt.worker].owner)

    def due(self, recorded: Recorded, row: NodeRow | None) -> None:
        if row is None or row.not_before is None:
            return
        lag = max(recorded.at - row.not_before, 0)
        if row.node_id in self._last:
            self._last[row.node_id].due = lag
        else:
            self._lags[row.node_id] = lag


_Note = Callable[[_Fold, Recorded, NodeRow | None], None]
_NOTES: dict[type[Event], _Note] = {
    NodeAcquired: _Fold.acquired,
    **dict.fromkeys(
        (NodeCompleted, NodeFailed, NodeReleased, LeaseExpired, LeaseRevoked), _Fold.ended
    ),
    NodeDue: _Fold.due,
}
"""What is noted of nodes' work, before it is folded; of all else see `Arrivals`."""

MADE_ANEW: frozenset[type[Event]] = frozenset({LeaseExtended, LockExtended})
"""Heartbeats: who works makes his own again, and a lock lasts as long as it lasted."""


def _find_targets(stretch: Stretch) -> set[str]:
    """The nodes that ended for good, or at least until somebody had them tried again."""
    found: set[str] = set()
    for recorded in stretch.records:
        event: Any = recorded.event
        if type(event) in (NodeCompleted, NodeFailed) and event.status != "PENDING":
            found.add(recorded.node_id or "")
    return found
