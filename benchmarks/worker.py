"""Rule: a worker of agentd costs as little as a worker can, and works for the floor as well.

One worker process: `python -m benchmarks.worker SOCKET TASK_ID NAME`. It drains the task
behind the barrier.
"""

import sys
from pathlib import Path

from benchmarks.account import PAYLOAD, Account, work
from benchmarks.barrier import drain_behind
from benchmarks.wire import Json, Wire


def drain(wire: Wire, task_id: str, name: str) -> Account:
    """Acquire and complete until nothing is runnable."""
    acquire = {"task_id": task_id, "lease_owner": name}

    def complete(held: Json) -> None:
        params = {
            "task_id": task_id,
            "node_id": held["node_id"],
            "lease_id": held["lease_id"],
            "result_payload": PAYLOAD,
        }
        wire.call("CompleteNode", params)

    return work(lambda: wire.call("AcquireNextNode", acquire), complete)


def main() -> None:
    """Run one worker; see the module's rule."""
    socket, task_id, name = sys.argv[1:]
    with Wire(Path(socket)) as wire:
        drain_behind(lambda: drain(wire, task_id, name))


if __name__ == "__main__":
    main()
