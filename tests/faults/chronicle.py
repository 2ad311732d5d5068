"""What the journal says, read with plain SQL and folded with rules written from the contract alone.

The rule this file keeps: it shares no code with agentd. It reads the journal's rows in their order
and notes every row that the contract forbids: a second holder, a second end, a rollback too early.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.faults.held_locks import HeldLocks
from tests.faults.slots import Slots
from tests.faults.snapshot import snapshot

if TYPE_CHECKING:
    from tests.daemon_process import Object
    from tests.faults.snapshot import Database, Snapshot


class Row(NamedTuple):
    """One row of the journal, without its hash."""

    seq: int
    event_id: str
    task_id: str
    node_id: str | None
    kind: str
    at: int
    data: bytes
    payload: bytes | None


@dataclass
class Node:
    """A node as the rows so far left it. `holder` is a lease, `ended` the event of its end.

    `settings` are those that it was registered with; it is not handed out before `not_before`, Unix
    milliseconds. `satisfied`: its dependents no longer wait for it. A gate is open, then decided.
    """

    task_id: str
    dependencies: list[str]
    settings: Object
    not_before: int = 0
    attempts: int = 0
    holder: str | None = None
    ended: str | None = None
    satisfied: bool = False
    gate: str = ""


@dataclass
class Lease:
    """A lease, its end in Unix milliseconds after every heartbeat, the acquisition's first."""

    node_id: str
    owner: str
    ends: list[int]


class Written(NamedTuple):
    """A row with a client's payload, and the lease that was current when it was written."""

    kind: str
    node_id: str | None
    payload: Any
    holder: str | None


@dataclass
class Chronicle:
    """Reads on with every `read`; `wrong` has a line for everything that must not be."""

    database: Database
    wrong: list[str] = field(default_factory=list)
    goals: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, list[str]] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    payloads: set[bytes] = field(default_factory=set)
    slots: Slots = field(default_factory=Slots)
    locks: HeldLocks = field(default_factory=HeldLocks)
    last_seq: int = 0
    _last_hash: bytes = b""

    def read(self) -> None:
        """Fold the rows that are new, in one snapshot; the old ones have to be as they were."""
        with snapshot(self.database) as now:
            self._look_back(now)
            for values in now.rows(self.last_seq):
                row = Row(*values)
                if row.seq != self.last_seq + 1:
                    self.wrong.append(f"seq {self.last_seq + 1} is missing")
                self.last_seq = row.seq
                self.fold(row)
            self._last_hash = now.hash_at(self.last_seq)

    def _look_back(self, now: Snapshot) -> None:
        """A journal that lost its end and grew again has another record there."""
        if self.last_seq and now.hash_at(self.last_seq) != self._last_hash:
            self.wrong.append(f"seq {self.last_seq} was there, and is gone or another")
        found = now.count(self.last_seq)
        if found != self.last_seq:
            self.wrong.append(f"{found} rows up to seq {self.last_seq}")

    def fold(self, row: Row) -> None:
        """Follow one more row."""
        data = json.loads(row.data)
        fold = {
            "TaskRegistered": self._registered,
            "NodeAdded": self._added,
            "NodeAcquired": self._acquired,
            "LeaseExtended": self._extended,
            "LeaseExpired": self._ran_out,
            "EventCommitted": self._committed,
            "NodeCompleted": self._completed,
            "NodeFailed": self._failed,
            "NodeReleased": self._released,
            "NodeDue": self._due,
            "LimitSet": self.slots.limit_set,
            "GateOpened": self._opened,
            "GateDecided": self._decided,
            "LockAcquired": self._locked,
            "LockReleased": self._unlocked,
            "LockEnded": self._unlocked,
            "LockExpired": self._unlocked,
        }
        fold[row.kind](row, data)

    def _registered(self, row: Row, data: Object) -> None:
        self._insist(row, row.task_id not in self.tasks, "a task registered twice")
        self.tasks[row.task_id] = []
        self.goals[row.task_id] = data["goal"]

    def _added(self, row: Row, data: Object) -> None:
        assert row.node_id is not None
        self._insist(row, row.node_id not in self.nodes, "a node added twice")
        settings = data.get("settings", {})
        self.nodes[row.node_id] = Node(row.task_id, data["dependencies"], settings)
        self.tasks[row.task_id].append(row.node_id)

    def _acquired(self, row: Row, data: Object) -> None:
        node = self._node(row)
        self._insist(row, node.holder is None, "two holders at once")
        self._insist(row, node.ended is None, "acquired after its end")
        ready = all(self.nodes[each].satisfied for each in node.dependencies)
        self._insist(row, ready, "acquired before its dependencies were completed")
        self._insist(row, row.at >= node.not_before, "acquired before its pause was over")
        undecided = "gate" in node.settings and node.gate != "decided"
        self._insist(row, not undecided, "a gate acquired before it was decided")
        self._insist(row, data["lease_id"] not in self.leases, "a lease granted twice")
        node.attempts += 1
        self._insist(row, data.get("attempt", 1) == node.attempts, "an attempt was left out")
        self._judge_slots(row, node, data)
        node.holder = data["lease_id"]
        lease = Lease(row.node_id or "", data["lease_owner"], [data["lease_expires_at"]])
        self.leases[data["lease_id"]] = lease

    def _judge_slots(self, row: Row, node: Node, data: Object) -> None:
        limits, labels = data.get("limits", []), data.get("labels", [])
        named = sorted(node.settings.get("limits") or [])
        self._insist(row, sorted(limits) == named, "slots of other limits than it names")
        fits = set(node.settings.get("requires") or []) <= set(labels)
        self._insist(row, fits, "acquired without the labels that it requires")
        for what in self.slots.take(data["lease_id"], limits, row.at):
            self._insist(row, False, what)  # noqa: FBT003 - found to be so

    def _extended(self, row: Row, data: Object) -> None:
        self._insist(row, self._node(row).holder == data["lease_id"], "another's heartbeat")
        self.leases[data["lease_id"]].ends.append(data["lease_expires_at"])

    def _ran_out(self, row: Row, data: Object) -> None:
        self._end_lease(row, data)
        due = row.at >= self.leases[data["lease_id"]].ends[-1]
        self._insist(row, due, "rolled back before the lease ran out")

    def _committed(self, row: Row, _data: Object) -> None:
        self._write(row)

    def _completed(self, row: Row, data: Object) -> None:
        self._write(row)
        self._end_lease(row, data)
        node = self._node(row)
        node.ended, node.satisfied = row.event_id, True

    def _failed(self, row: Row, data: Object) -> None:
        """By its holder, or because its last lease ran out: then the payload is the daemon's."""
        if data.get("how") == "expired":
            self._ran_out(row, data)
        else:
            self._write(row)
            self._end_lease(row, data)
        node = self._node(row)
        node.not_before = data.get("not_before", 0)
        if data["status"] == "FAILED":
            node.ended = row.event_id
            node.satisfied = node.settings.get("on_failure") == "continue"

    def _released(self, row: Row, data: Object) -> None:
        self._write(row)
        self._end_lease(row, data)
        self._node(row).not_before = data.get("not_before", 0)

    def _due(self, row: Row, _data: Object) -> None:
        self._insist(row, row.at >= self._node(row).not_before, "its pause was not over")

    def _opened(self, row: Row, _data: Object) -> None:
        node = self._node(row)
        ready = all(self.nodes[each].satisfied for each in node.dependencies)
        self._insist(row, ready and node.holder is None and node.ended is None, "opened too early")
        self._insist(row, node.gate != "open", "opened twice")
        node.gate = "open"

    def _decided(self, row: Row, _data: Object) -> None:
        self._insist(row, self._node(row).gate == "open", "decided, and was not open")
        self._node(row).gate = "decided"

    def _locked(self, row: Row, data: Object) -> None:
        for what in self.locks.acquired(row, data):
            self._insist(row, False, what)  # noqa: FBT003 - found to be so

    def _unlocked(self, row: Row, data: Object) -> None:
        for what in self.locks.ended(row, data):
            self._insist(row, False, what)  # noqa: FBT003 - found to be so

    def _end_lease(self, row: Row, data: Object) -> None:
        node = self._node(row)
        self._insist(row, node.ended is None, "ended twice")
        self._insist(row, node.holder == data["lease_id"], "ended by another than its holder")
        node.holder = None
        self.slots.give_back(data["lease_id"])

    def _write(self, row: Row) -> None:
        """Keep what a client wrote; every client makes each payload another."""
        payload = row.payload or b""
        self._insist(row, payload not in self.payloads, "one write recorded twice")
        self.payloads.add(payload)
        written = Written(row.kind, row.node_id, json.loads(payload), self._node(row).holder)
        self.written[row.event_id] = written

    def _node(self, row: Row) -> Node:
        return self.nodes[row.node_id or ""]

    def _insist(self, row: Row, holds: bool, what: str) -> None:  # noqa: FBT001 - the fact itself
        if not holds:
            self.wrong.append(f"seq {row.seq}, {row.kind} of node {row.node_id}: {what}")
