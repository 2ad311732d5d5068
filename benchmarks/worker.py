"""Rule: between the barrier and the last response, nothing but calls and their times.

One worker process: `python -m benchmarks.worker SOCKET TASK_ID NAME`. It connects, prints
`ready`, waits for a line on stdin, drains the task, prints `drained`, waits for a second
line and prints what it saw as one JSON line.
"""

import sys
from pathlib import Path
from time import monotonic

import msgspec

from benchmarks.wire import Wire

# {"output":"…"} of exactly 200 bytes.
PAYLOAD = {"output": "x" * 187}


class Account(msgspec.Struct):
    """What one worker saw; moments are CLOCK_MONOTONIC seconds, which processes share."""

    started: float
    ended: float
    acquires: list[float]
    completes: list[float]


def drain(wire: Wire, task_id: str, name: str) -> Account:
    """Acquire and complete until nothing is runnable."""
    acquires: list[float] = []
    completes: list[float] = []
    started = moment = monotonic()
    while True:
        held = wire.call("AcquireNextNode", {"task_id": task_id, "lease_owner": name})
        if held is None:
            return Account(started, moment, acquires, completes)
        acquires.append(-moment + (moment := monotonic()))
        params = {
            "task_id": task_id,
            "node_id": held["node_id"],
            "lease_id": held["lease_id"],
            "result_payload": PAYLOAD,
        }
        wire.call("CompleteNode", params)
        completes.append(-moment + (moment := monotonic()))


def main() -> None:
    """Run one worker; see the module's rule."""
    socket, task_id, name = sys.argv[1:]
    with Wire(Path(socket)) as wire:
        print("ready", flush=True)
        sys.stdin.readline()
        account = drain(wire, task_id, name)
        # Whoever is done first would take processor time from the others with its report.
        print("drained", flush=True)
        sys.stdin.readline()
    print(msgspec.json.encode(account).decode())


if __name__ == "__main__":
    main()
