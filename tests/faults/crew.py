"""One worker of an orchestrator's: it waits for work, and ends it in one-call cycles.

The rule this file keeps: it is a process of its own (`python -m tests.faults.crew SOCKET FOLDER
NAME SEED`), knows the wire protocol and nothing of agentd, and keeps an account. Every request has
a `request_id`, and is repeated under it until it is answered: so whatever the daemon records of it,
its worker learns. It goes home when a node tells it so.
"""

from __future__ import annotations

import random
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.daemon_process import PATIENCE_SECONDS, Refused
from tests.faults.asking import Asker
from tests.faults.client import Clients

if TYPE_CHECKING:
    from types import TracebackType

    from tests.daemon_process import Object

WAIT_SECONDS = 60
"""As long as may be: a waiter that is forgotten is not saved by the end of its time."""

WORK_SECONDS = 0.003
GO_HOME = "go home"
LABELS: tuple[list[str], ...] = ([], ["gpu"], ["gpu", "mac"])
"""What workers offer, in turns."""


class Worker:
    """Holds at most one node at a time."""

    def __init__(self, socket_path: Path, folder: Path, name: str, seed: str) -> None:
        self._asker = Asker(socket_path, folder / f"{name}.account")
        self._chance = random.Random(seed)
        labels = LABELS[int(name.rpartition("-")[2]) % len(LABELS)]
        self._wanted = {"lease_owner": name, "labels": labels}

    def work(self) -> None:
        """Work on whatever there is, until it is told to go home."""
        held: Object | None = None
        while True:
            while held is None:
                held = self._ask("AcquireNextNode", {**self._wanted, "wait_secs": WAIT_SECONDS})
            if held["context"]["node"]["payload_schema"] == GO_HOME:
                self._ask("CompleteNode", {**_ids(held), "payload": self._note()})
                return
            held = self._work_on(held)

    def _work_on(self, held: Object) -> Object | None:
        """The node that came with the end of this one; None where it is left to its lease, too."""
        time.sleep(self._chance.random() * 2 * WORK_SECONDS)
        steps = ("CompleteNode", "FailNode", "ReleaseNode", "HeartbeatNode", "die")
        [step] = self._chance.choices(steps, (70, 12, 8, 8, 2))
        if step == "die":
            return None
        params = _ids(held)
        try:
            if step == "HeartbeatNode":
                self._ask(step, params)
                return held
            following = self._ask(step, {**params, **self._end(step)}).get("next")
        except Refused:  # the lease ran out
            return None
        return following if following is None else dict(following)

    def _end(self, method: str) -> Object:
        """What an end says besides whose it is."""
        params: Object = {"reason" if method == "ReleaseNode" else "payload": self._note()}
        if method == "ReleaseNode" and self._chance.random() < 0.5:
            params["after_secs"] = 0.05
        if self._chance.random() < 0.85:
            params["acquire_next"] = self._wanted
        return params

    def _note(self) -> str:
        return f"{self._wanted['lease_owner']} {self._chance.getrandbits(64)}"

    def _ask(self, method: str, params: Object) -> Any:
        request_id = str(uuid.UUID(int=self._chance.getrandbits(128)))
        return self._asker.ask(method, {**params, "request_id": request_id}, again=True)


def _ids(held: Object) -> Object:
    return {name: held[name] for name in ("task_id", "node_id", "lease_id")}


class Crew(Clients):
    """So many of them; the block ends when all have gone home."""

    module = "tests.faults.crew"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                ended = [each.wait(PATIENCE_SECONDS) for each in self._processes]
                assert not any(ended), "a worker gave up"
        finally:
            for process in self._processes:
                process.kill()
                process.wait()


if __name__ == "__main__":
    Worker(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]).work()
