"""One of several that write to a database on a server: a store and a cache of its own, random work.

The rule this file keeps: it knows nothing of the others. It does what a daemon does with requests,
but for the socket, and keeps an account of what it asked and was told, as a client does. As a
process of its own it is `python -m tests.machines.writer URL STORE FOLDER NAME SEED BATCHES`, STORE
being one of `broken.STORES`.
"""

from __future__ import annotations

import importlib
import random
import sys
import traceback
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agentd.transact import run_batch
from tests.core import command, context, to_params
from tests.faults.account import Account

if TYPE_CHECKING:
    from agentd.store.postgres import PostgresStore
    from agentd.transact import Outcome
    from tests.daemon_process import Object

LIMITS: dict[str, Object] = {"one": {"max_running": 1}, "two": {"max_running": 2}}
DEMANDS: tuple[list[str], ...] = ([], ["one"], ["two"], ["one", "two"])
"""Of which limits a node takes a slot."""

KEYS = ("a", "b", "c")
"""Of locks, on their own and as those of nodes."""

MOST_HELD = 3

Asked = tuple[str, "Object"]
"""A method and its params."""


class Writer:
    """Holds some nodes and locks at a time; `faults` are its own, of which there must be none."""

    def __init__(
        self, url: str, make: type[PostgresStore], folder: Path, name: str, seed: str
    ) -> None:
        self._store = make(url, self._note_moment)
        self._account = Account(folder / f"{name}.account")
        self._name = name
        self._chance = random.Random(seed)
        self._now = 0
        self._nodes: list[Object] = []
        self._locks: list[Object] = []
        self.faults: list[BaseException] = []

    def work(self, batches: int) -> None:
        """Write so many batches of requests, each in one transaction."""
        for _ in range(batches):
            asked = [self._request() for _ in range(self._chance.choice((1, 1, 1, 2, 4)))]
            numbers = [self._account.asks(method, params) for method, params in asked]
            calls = [command(method, to_params(method, params)) for method, params in asked]
            outcomes = run_batch(self._store, calls, self._context, self.faults.append)
            for number, (method, params), outcome in zip(numbers, asked, outcomes, strict=True):
                self._take(number, method, params, outcome)

    def close(self) -> None:
        """Release the database; what is held stays so."""
        self._store.close()

    def _note_moment(self, moment: int) -> None:
        self._now = moment

    def _context(self) -> Any:
        return context(now=self._now, new_id=self._new_id, random=self._chance.random)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _request(self) -> Asked:
        """What to ask for next. What it names is not named again, in this batch or later."""
        chance = self._chance.random()
        if chance < 0.05:
            return "RegisterTask", {"goal": self._name, "initial_nodes": self._plan()}
        if chance < 0.15:
            mode = self._chance.choice(("exclusive", "shared"))
            key = self._chance.choice(KEYS)
            params = {"resource_key": key, "mode": mode, "owner": self._name}
            return "AcquireResourceLock", params
        if self._locks and chance < 0.3:
            lock = self._locks.pop(self._chance.randrange(len(self._locks)))
            return "ReleaseResourceLock", {k: lock[k] for k in ("resource_key", "lease_id")}
        if (len(self._nodes) < MOST_HELD and chance < 0.65) or not self._nodes:
            return "AcquireNextNode", {"lease_owner": self._name}
        return self._on_a_node(self._nodes.pop(self._chance.randrange(len(self._nodes))))

    def _plan(self) -> list[Object]:
        nodes = [self._new_id() for _ in range(4)]
        return [
            {
                "id": node,
                "dependencies": nodes[:place][-1:] if self._chance.random() < 0.3 else [],
                "limits": self._chance.choice(DEMANDS),
                "locks": self._chance.sample(KEYS, self._chance.choice((0, 0, 0, 1))),
            }
            for place, node in enumerate(nodes)
        ]

    def _on_a_node(self, held: Object) -> Asked:
        params = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        methods = ["CompleteNode", "FailNode", "ReleaseNode", "CommitEvent"]
        [method] = self._chance.choices(methods, [50, 10, 15, 25])
        note = "reason" if method == "ReleaseNode" else "payload"
        written = f"{self._name} {self._chance.getrandbits(64)}"
        return method, {**params, note: written, "request_id": self._new_id()}

    def _take(self, number: int, method: str, params: Object, outcome: Outcome) -> None:
        """Write down what was told, and keep what was got."""
        if outcome.refusal is not None:
            kind = outcome.refusal.kind
            self._account.was_answered(number, {"error": {"data": {"kind": kind}}})
            return
        result = msgspec.json.decode(msgspec.json.encode(outcome.result))
        self._account.was_answered(number, {"result": result})
        if method == "AcquireNextNode" and result is not None:
            self._nodes.append(result)
        elif method == "AcquireResourceLock" and result is not None:
            self._locks.append(result)
        elif method == "CommitEvent":
            self._nodes.append(params)


def main(url: str, store: str, folder: str, name: str, seed: str, batches: str) -> int:
    """Work as a process of its own; 1 where something of it broke, and standard error says what."""
    from tests.machines.broken import STORES

    importlib.import_module("tests.postgres_stores")  # which makes this process patient

    writer = Writer(url, STORES[store], Path(folder), name, seed)
    writer.work(int(batches))
    writer.close()
    for fault in writer.faults:
        traceback.print_exception(fault)
    return bool(writer.faults)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
