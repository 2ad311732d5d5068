"""Who watches all events at one host, over its daemon's socket, and holds on whatever happens."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from tests.daemon_process import Refused
from tests.machines.watching import Watching

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess
    from tests.faults.snapshot import Snapshot

KINDS = (
    "REGISTER_TASK",
    "ADD_NODE",
    "ACQUIRE_NODE",
    "HEARTBEAT_NODE",
    "COMMIT_EVENT",
    "COMPLETE_NODE",
    "FAIL_NODE",
    "RELEASE_NODE",
    "TIMEOUT_ROLLBACK",
)
AGAIN_SECONDS = 0.02


class Cursor(Watching):
    """Asks for what is behind the place that it knows, while the block runs; then to the end."""

    def __init__(self, daemon: DaemonProcess) -> None:
        super().__init__()
        self._daemon = daemon
        self._place = 0

    def wrong(self, now: Snapshot) -> list[str]:
        """What it did not see once, in order, of what the journal has up to where it came.

        Leases that ran out since then are rolled back by the daemons themselves.
        """
        there = [(row[0], row[1]) for row in now.rows(0) if row[0] <= self._place]
        if self.seen == there:
            return []
        seen = set(self.seen)
        lost = [f"{place} was never seen" for place in there if place not in seen]
        return lost or [f"{len(self.seen)} events of {len(there)} were seen, out of order"]

    def _watch(self) -> None:
        while not self._ends.is_set():
            with contextlib.suppress(OSError, EOFError, Refused), self._daemon.connect() as there:
                while not self._ends.is_set():
                    self._read_on(there, wait_secs=1)
            time.sleep(AGAIN_SECONDS)
        with self._daemon.connect() as there:
            while self._read_on(there):
                pass

    def _read_on(self, there: Connection, **more: Any) -> bool:
        asked = {"after_seq": self._place, "limit": 1_000, "kinds": KINDS, **more}
        page = there.call("WatchEvents", **asked)
        self.seen += [(event["seq"], event["id"]) for event in page["events"]]
        went_on: bool = page["last_seq"] > self._place
        self._place = page["last_seq"]
        return went_on
