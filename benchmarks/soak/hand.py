"""Rule: a hand does what an agent does, at an agent's pace, and writes down what every call took.

One worker process: `python -m benchmarks.soak.hand SOCKET ACCOUNT SEED CALLS_PER_SECOND`. It
registers tasks and works on its own and on the others' until it is killed. Every few seconds it
adds a line to ACCOUNT, so that a death costs no more than those seconds.
"""

import random
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

import msgspec

from benchmarks.wire import Json, Refused, Wire

LINE_SECONDS = 5.0
NODES = 30
TASKS_KEPT = 4
ABANDONED, FAILED = 0.03, 0.06


class Line(msgspec.Struct):
    """What happened in some seconds until `moment` (CLOCK_MONOTONIC): microseconds of each call."""

    moment: float
    micros: list[int]
    refused: dict[str, int]
    broken: int


class Hand:
    """One worker; reconnects for as long as it lives."""

    def __init__(self, socket: Path, account: Path, seed: str, pace: float) -> None:
        self._socket = socket
        self._account = account
        self._random = random.Random(seed)
        self._pause = 1 / pace
        self._tasks: list[str] = []
        self._wire: Wire | None = None
        self._refused: Counter[str] = Counter()
        self._new_line()

    def work(self) -> NoReturn:
        """Do one thing after the other; what a dead daemon leaves unanswered is tried no more."""
        while True:
            with suppress(Refused):
                try:
                    self._do_something()
                except (OSError, EOFError):
                    self._hang_up()
            if monotonic() - self._line_began > LINE_SECONDS:
                self._write_line()

    def _do_something(self) -> None:
        chance = self._random.random()
        if not self._tasks or (len(self._tasks) < TASKS_KEPT and chance < 0.2):
            self._register()
        elif chance < 0.9:
            self._do_node(self._random.choice(self._tasks))
        elif chance < 0.98:
            self._call("TaskStatus", {"task_id": self._random.choice(self._tasks)})
        else:
            self._call(self._random.choice(["Health", "Metrics", "DescribeInterface"]), {})

    def _register(self) -> None:
        specs = [{"payload_schema": {"step": number}} for number in range(NODES)]
        result = self._call("RegisterTask", {"goal": "soak", "initial_nodes": specs})
        self._tasks.append(result["task_id"])

    def _do_node(self, task_id: str) -> None:
        acquired = self._call("AcquireNextNode", {"task_id": task_id, "lease_owner": "hand"})
        if acquired is None:
            self._tasks.remove(task_id)
            return
        held = {name: acquired[name] for name in ("task_id", "node_id", "lease_id")}
        chance = self._random.random()
        if chance < ABANDONED:
            return  # as an agent does that hangs: the lease runs out
        for _ in range(self._random.randrange(3)):
            self._call("HeartbeatNode", held)
            self._call("CommitEvent", {**held, "payload": {"note": "x" * 150}})
        if chance < ABANDONED + FAILED:
            self._call("FailNode", {**held, "error_payload": "no"})
        else:
            self._call("CompleteNode", {**held, "result_payload": {"output": "x" * 187}})

    def _call(self, method: str, params: Json) -> Json:
        if self._wire is None:
            self._wire = Wire(self._socket)
        began = monotonic()
        try:
            return self._wire.call(method, params)
        except Refused as refused:
            self._refused[refused.args[0]["data"]["kind"]] += 1
            raise
        finally:
            self._micros.append(round((monotonic() - began) * 1e6))
            sleep(self._pause)

    def _hang_up(self) -> None:
        self._broken += 1
        if self._wire is not None:
            self._micros.pop()  # no answer took no time
            self._wire.close()
            self._wire = None
        sleep(0.05)

    def _new_line(self) -> None:
        self._line_began = monotonic()
        self._micros: list[int] = []
        self._refused.clear()
        self._broken = 0

    def _write_line(self) -> None:
        line = Line(monotonic(), self._micros, dict(self._refused), self._broken)
        with self._account.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
        self._new_line()


def main() -> None:
    """Run one worker; see the module's rule."""
    socket, account, seed, pace = sys.argv[1:]
    Hand(Path(socket), Path(account), seed, float(pace)).work()


if __name__ == "__main__":
    main()
