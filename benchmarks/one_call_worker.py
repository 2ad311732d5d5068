"""Rule: it differs from the plain worker in one thing: the end of a node brings the next one along.

One worker process: `python -m benchmarks.one_call_worker SOCKET TASK_ID NAME`.
"""

import sys
from pathlib import Path

from benchmarks.account import PAYLOAD, Account, work
from benchmarks.barrier import drain_behind
from benchmarks.wire import Json, Wire


class OneCall:
    """A worker that asks once, and then only ends nodes."""

    def __init__(self, wire: Wire, task_id: str, name: str) -> None:
        self._wire = wire
        self._wanted = {"task_id": task_id, "lease_owner": name}
        self._next: Json = None
        self._has_asked = False

    def drain(self) -> Account:
        """Complete until nothing is runnable."""
        return work(self._lease, self._complete)

    def _lease(self) -> Json:
        if not self._has_asked:
            self._has_asked = True
            self._next = self._wire.call("AcquireNextNode", self._wanted)
        return self._next

    def _complete(self, held: Json) -> None:
        params = {
            "task_id": held["task_id"],
            "node_id": held["node_id"],
            "lease_id": held["lease_id"],
            "result_payload": PAYLOAD,
            "acquire_next": self._wanted,
        }
        self._next = self._wire.call("CompleteNode", params)["next"]


def main() -> None:
    """Run one worker; see the module's rule."""
    socket, task_id, name = sys.argv[1:]
    with Wire(Path(socket)) as wire:
        drain_behind(OneCall(wire, task_id, name).drain)


if __name__ == "__main__":
    main()
