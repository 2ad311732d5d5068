"""Holds what clients were told against what the journal says.

The rule this file keeps: it shares no code with agentd. What was acknowledged has to be there, and
what was refused must not be; the chronicle itself says what may not be there at all.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.daemon_process import encoded
from tests.faults.account import Accounts
from tests.faults.chronicle import Chronicle, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from tests.daemon_process import Object
    from tests.faults.account import Entry
    from tests.faults.snapshot import Database

KINDS = {
    "CommitEvent": "EventCommitted",
    "CompleteNode": "NodeCompleted",
    "FailNode": "NodeFailed",
    "ReleaseNode": "NodeReleased",
}

EXPECTED = (None, "stale_lease", "illegal_transition")
"""Why a client that makes no mistakes may be refused: its lease is over, or its node has ended."""


class Oracle:
    """Judges one database and the accounts of its clients, again and again."""

    def __init__(
        self, database: Database, folder: Path, expected: Sequence[str | None] = EXPECTED
    ) -> None:
        """`expected` are the refusals that no client is to blame for."""
        self._expected = expected
        self.accounts = Accounts(folder)
        self.chronicle = Chronicle(database)
        self.acknowledged = 0
        self._beats: Counter[str] = Counter()

    def judge(self) -> list[str]:
        """Everything that must not be, one line each."""
        answered = self.accounts.read()  # first: the journal may know more, never less
        self.chronicle.read()
        return self.chronicle.wrong + list(self.compare(answered))

    def compare(self, answered: Iterable[Entry]) -> Iterator[str]:
        """What the chronicle lacks of these answers, or has against them."""
        knows: dict[str, Callable[[Entry], bool]] = {
            "RegisterTask": self._knows_task,
            "AcquireNextNode": self._knows_acquisition,
            "HeartbeatNode": self._knows_heartbeat,
            "CommitEvent": self._knows_write,
            "CompleteNode": self._knows_end,
            "FailNode": self._knows_end,
            "ReleaseNode": self._knows_end,
            "AcquireResourceLock": self._knows_lock,
            "ReleaseResourceLock": self._knows_release,
        }
        for entry in answered:
            if entry.refusal not in self._expected:
                yield f"refused for no reason of the client's: {entry}"
            if entry.refusal is not None and self._has_payload(entry):
                yield f"refused, and there all the same: {entry}"
            if not entry.done or entry.method not in knows or entry.result is None:
                continue
            self.acknowledged += 1
            if not knows[entry.method](entry):
                yield f"acknowledged, and not there: {entry}"

    def _knows_task(self, entry: Entry) -> bool:
        task_id, specs = entry.result["task_id"], entry.params["initial_nodes"]
        same_goal = self.chronicle.goals.get(task_id) == entry.params["goal"]
        return same_goal and self.chronicle.tasks[task_id] == [spec["id"] for spec in specs]

    def _knows_acquisition(self, entry: Entry) -> bool:
        return self._knows_lease(entry.result, entry.params)

    def _knows_lease(self, acquired: Object, wanted: Object) -> bool:
        lease = self.chronicle.leases.get(acquired["lease_id"])
        if lease is None:
            return False
        same_end = lease.ends[0] // 1000 == acquired["lease_expires_at"]
        said = acquired["node_id"], wanted["lease_owner"]
        return same_end and (lease.node_id, lease.owner) == said

    def _knows_heartbeat(self, entry: Entry) -> bool:
        lease_id = entry.params["lease_id"]
        self._beats[lease_id] += 1
        lease = self.chronicle.leases.get(lease_id)
        later = [end // 1000 for end in lease.ends[1:]] if lease else []
        return self._beats[lease_id] <= len(later) and entry.result["lease_expires_at"] in later

    def _knows_end(self, entry: Entry) -> bool:
        """The end of the node, and the lease on the next one, if the same call brought one."""
        following = entry.result.get("next")
        return self._knows_write(entry) and (
            following is None or self._knows_lease(following, entry.params["acquire_next"])
        )

    def _knows_write(self, entry: Entry) -> bool:
        params, kind = entry.params, KINDS[entry.method]
        expected = Written(kind, params["node_id"], written_by(entry), params["lease_id"])
        return self.chronicle.written.get(entry.result["event_id"]) == expected

    def _knows_lock(self, entry: Entry) -> bool:
        said = entry.result["resource_key"], entry.params["owner"]
        return self.chronicle.locks.owners.get(entry.result["lease_id"]) == said

    def _knows_release(self, entry: Entry) -> bool:
        held = self.chronicle.locks.held[entry.params["resource_key"]]
        return entry.params["lease_id"] not in held

    def _has_payload(self, entry: Entry) -> bool:
        payload = written_by(entry)
        return payload is not None and encoded(payload) in self.chronicle.payloads


def written_by(entry: Entry) -> Any:
    """What the request writes into the journal; of a release that is its reason."""
    return entry.params.get("reason" if entry.method == "ReleaseNode" else "payload")


def judge_all(
    database: Database, folder: Path, expected: Sequence[str | None] = EXPECTED
) -> list[str]:
    """Everything that must not be, read anew from the first row; no client is at work any more."""
    oracle = Oracle(database, folder, expected)
    wrong = oracle.judge()
    asked = Counter(
        entry.client
        for entry in oracle.accounts.entries
        if entry.method == "AcquireNextNode" and (not entry.answered or entry.result is not None)
    )
    granted = Counter(lease.owner for lease in oracle.chronicle.leases.values())
    return wrong + [
        f"{granted[client]} leases for {asked[client]} acquisitions of {client}"
        for client in {entry.client for entry in oracle.accounts.entries}
        if granted[client] > asked[client]
    ]
