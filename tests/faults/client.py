"""One agent of many: it works on whatever task is there, through every end of the daemon.

The rule this file keeps: it is a process of its own (`python -m tests.faults.client SOCKET FOLDER
NAME SEED`), knows the wire protocol and nothing of agentd, and keeps an account. The clients know
each other only by the board, a file of task ids that each may add to, as agents would tell each
other on another channel.

What it does when the daemon is gone is what an agent would do: it connects again, and then either
repeats the request under the same `request_id`, or goes on without knowing what became of it.
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.daemon_process import REPOSITORY, Refused
from tests.faults.asking import Asker, Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from tests.daemon_process import Object

PAUSE_SECONDS = 0.002
"""Between two requests: the account is the experiment, not the load."""

NEWEST = 6
"""Tasks of the board that are worked on: few, so that the clients meet each other."""

LARGE = 12_000
"""Bytes of the payload that now and then spans pages."""

REPEATABLE = ("TaskStatus", "CompleteNode", "FailNode")
"""What may be sent again as it is, without a `request_id`."""


class Client:
    """Holds at most one node at a time."""

    def __init__(self, socket_path: Path, folder: Path, name: str, seed: str) -> None:
        self._board = folder / "board"
        self._name = name
        self._chance = random.Random(seed)
        self._asker = Asker(socket_path, folder / f"{name}.account")
        self._held: Object | None = None

    def work(self) -> None:
        """Ask for ever; somebody ends this process."""
        while True:
            with contextlib.suppress(Unanswered, Refused):
                if self._held is None:
                    self._look_for_work()
                else:
                    self._work_on(self._held)
            time.sleep(self._chance.random() * 2 * PAUSE_SECONDS)

    def _look_for_work(self) -> None:
        tasks = self._board.read_text().split() if self._board.exists() else []
        if not tasks or self._chance.random() < 0.1:
            self._register()
            return
        task_id = self._chance.choice(tasks[-NEWEST:])
        params = {"task_id": task_id, "lease_owner": self._name}
        try:
            self._held = self._ask("AcquireNextNode", params)
        except Unanswered:
            self._held = self._leased_unknowingly(task_id)
        if self._held is None:
            self._register()

    def _register(self) -> None:
        nodes = [str(uuid.UUID(int=self._chance.getrandbits(128))) for _ in range(6)]
        specs = [
            {"id": node, "dependencies": self._chance.sample(nodes[:place], min(place, 1))}
            for place, node in enumerate(nodes)
        ]
        result = self._ask("RegisterTask", {"goal": self._name, "initial_nodes": specs})
        with self._board.open("a") as board:
            board.write(result["task_id"] + "\n")

    def _work_on(self, held: Object) -> None:
        ids = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        methods = ["HeartbeatNode", "CommitEvent", "CompleteNode", "FailNode"]
        [method] = self._chance.choices(methods, [30, 40, 25, 5])
        if method != "HeartbeatNode":
            large = "x" * LARGE if self._chance.random() < 0.02 else ""
            ids["payload"] = {"by": self._name, "at": self._chance.getrandbits(64), "x": large}
        try:
            self._ask(method, ids)
        except Refused:  # the lease ran out, or an end that was not answered took effect
            self._held = None
            raise
        if method in ("CompleteNode", "FailNode"):
            self._held = None

    def _leased_unknowingly(self, task_id: str) -> Object | None:
        """The node that an unanswered acquisition gave to this client, as TaskStatus shows it."""
        for node in self._ask("TaskStatus", {"task_id": task_id})["nodes"]:
            if node["lease_owner"] == self._name:
                return {"task_id": task_id, "node_id": node["id"], "lease_id": node["lease_id"]}
        return None

    def _ask(self, method: str, params: Object) -> Any:
        """The result. Raises `Refused`, or `Unanswered` where the request is not repeated."""
        if method != "TaskStatus" and self._chance.random() < 0.5:
            params = {**params, "request_id": str(uuid.UUID(int=self._chance.getrandbits(128)))}
        again = "request_id" in params or method in REPEATABLE
        return self._asker.ask(method, params, again=again)


class Clients:
    """So many of them, at work while the block runs."""

    module = "tests.faults.client"

    def __init__(
        self, count: int, socket_path: Path, folder: Path, seed: int, name: str = "client"
    ) -> None:
        """Each is called `name`-number: no two of a folder may be called alike."""
        program = [sys.executable, "-m", self.module, str(socket_path), str(folder)]
        self._commands = [
            [*program, f"{name}-{number}", f"{seed} {name} {number}"] for number in range(count)
        ]

    def __enter__(self) -> Self:
        self._processes = [subprocess.Popen(each, cwd=REPOSITORY) for each in self._commands]
        return self

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """They are stopped for the length of the block."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self._processes:
                process.send_signal(signal.SIGCONT)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        ended_early = [each.returncode for each in self._processes if each.poll() is not None]
        for process in self._processes:
            process.kill()
            process.wait()
        if error is None:
            assert ended_early == [], "a client gave up"


if __name__ == "__main__":
    Client(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]).work()
