"""A daemon without its socket on a machine of the test's, and the model beside it.

The rule this file keeps: writer, sweeper, grace and clock are the real ones and are started as
`agentd serve` starts them; what is right, the model says (tests/property/model.py), which shares no
code with agentd. Times are Unix milliseconds.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agentd.daemon.clock import Clock
from agentd.daemon.service import Service
from agentd.daemon.writer import SubmittedCommand
from tests.core import EVENT_LIMIT, NOW, Core, command, open_sqlite, to_params, uid
from tests.faults.machine import MS, Machine
from tests.property.base_model import GRACE_MS, Refused
from tests.property.model import Model
from tests.property.node_model import Object

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from agentd.transact import Outcome

SWEEP_MS = 1_002
"""Within a second of its end a lease is rolled back; timers are rounded up to a millisecond."""

OPEN_TASKS = 3
NODES = 4
REMEMBERED = 40
"""Leases that somebody may still believe in."""


class World:
    """`now` is what the daemon's clock has to say, `stale` counts the stale writes refused."""

    def __init__(self, machine: Machine, directory: Path, chance: Random, lease_ms: int) -> None:
        self.machine = machine
        self.chance = chance
        self.model = Model(NOW, lease_ms, EVENT_LIMIT)
        self.open: list[str] = []
        self.granted: list[Object] = []
        self.stale = 0
        self._directory = directory
        self._registered = 0
        self._seq = self._last_at = 0
        self.start()

    @property
    def now(self) -> int:
        """What the daemon's clock has to say."""
        return self._anchor + (self.machine.clock_gettime_ns(0) - self._began) // MS

    # The process

    def start(self) -> None:
        """Start the daemon's parts as `agentd serve` does."""
        self._began = self.machine.clock_gettime_ns(0)
        self._anchor = max(self.machine.time_ns() // MS, self._last_at)
        self.store = open_sqlite(self._directory)
        with self.store.read() as reader:
            self._clock = Clock(not_before=reader.last_at())
        lease_ms = self.model.lease_ms
        self.service = Service(self.store, self._clock, lease_ms, EVENT_LIMIT, pytest.fail)
        self.service.sweeper.sweep()
        self.came_back()

    def came_back(self) -> None:
        """The daemon is there again, and whatever it does at once it has done."""
        self.awake_since = self.model.now = self.now
        self.model.come_back()
        self.machine.run()

    def end(self) -> None:
        """End the process."""
        self.service.queries.close()
        self.machine.end_process()
        self.store.close()

    # Requests

    def ask(self, method: str, **params: Any) -> Any:
        """What the daemon and the model both answer; None where both refuse."""
        waiting = Waiting()
        request = command(method, to_params(method, params))
        self.service.writer.submit(SubmittedCommand(request, waiting))
        self.machine.run()
        expected = self._expected(method, params, waiting.result)
        if isinstance(expected, Refused):
            assert waiting.kind in expected.kinds, (method, params, waiting.result)
            self.stale += waiting.kind == "stale_lease"
        else:
            assert (waiting.kind, waiting.result) == (None, expected), (method, params)
        self._seq, self._last_at = self.end_of_journal()
        return waiting.result

    def _expected(self, method: str, params: Object, fresh: object) -> Any:
        """What the model answers, a refusal being an answer too."""
        try:
            return self.model.answer(method, params, fresh)
        except Refused as refused:
            return refused

    def register(self) -> None:
        """A task whose second half waits for its first node."""
        ids = [uid(self._registered * NODES + place + 1) for place in range(NODES)]
        specs = [{"id": each, "dependencies": []} for each in ids]
        specs[-1]["dependencies"] = ids[:1]
        self._registered += 1
        self.open.append(self.ask("RegisterTask", goal="g", initial_nodes=specs)["task_id"])

    def request(self) -> None:
        """Some request of some client, most of them of the holder of a lease."""
        if len(self.open) < OPEN_TASKS:
            self.register()
        current = [each for each in self.granted if self.holds(each)]
        if not current or self.chance.random() < 0.3:
            answer = self.ask("AcquireNextNode", task_id=self.chance.choice(self.open))
            names = ("task_id", "node_id", "lease_id")
            self.granted += [{name: answer[name] for name in names}] if answer else []
            del self.granted[:-REMEMBERED]
            return
        held = self.chance.choice(current if self.chance.random() < 0.6 else self.granted)
        methods = ("HeartbeatNode", "CommitEvent", "CompleteNode", "FailNode")
        [method] = self.chance.choices(methods, (50, 30, 15, 5))
        self.ask(method, **held, **({} if method == "HeartbeatNode" else {"payload": 1}))
        self.open = [task for task in self.open if self.is_open(task)]

    def holds(self, held: Object) -> bool:
        """Whether the model says that this lease is current."""
        return bool(self.model.nodes[held["node_id"]]["lease_id"] == held["lease_id"])

    def is_open(self, task_id: str) -> bool:
        """Whether somebody could still work on the task."""
        nodes = [self.model.nodes[node_id] for node_id in self.model.tasks[task_id]["nodes"]]
        failed = nodes[0]["status"] == "FAILED"  # then the last one waits for ever
        left = nodes[:-1] if failed else nodes
        return any(node["status"] in ("PENDING", "RUNNING") for node in left)

    # What has to hold

    def check(self) -> None:
        """The daemon's clock, what it did by itself, and every open task are as the model says."""
        assert self._clock.now() == self.now
        self._follow()
        self.model.now = self.now
        for task_id in self.open:
            shown = Core(self.store).do("TaskStatus", task_id=task_id)
            assert shown == self.model.answer("TaskStatus", {"task_id": task_id}, {})
        assert self._overdue() == []

    def _follow(self) -> None:
        """Roll back in the model what the daemon rolled back by itself, if it was right to."""
        with self.store.read() as reader:
            rows = list(reader.journal(self._seq))
        for (at, task_id), group in groupby(rows, key=lambda row: (row.at, row.task_id)):
            rolled_back = {row.node_id for row in group if row.kind == "LeaseExpired"}
            running = self._running(task_id)
            self.model.now = at
            self.model.answer("settle_due", {"task_id": task_id}, {})
            assert rolled_back == running - self._running(task_id)
        self._seq, self._last_at = self.end_of_journal()

    def _running(self, task_id: str) -> set[str]:
        nodes = self.model.tasks[task_id]["nodes"]
        return {node_id for node_id in nodes if self.model.nodes[node_id]["status"] == "RUNNING"}

    def _overdue(self) -> list[Object]:
        """The leases that the daemon should have rolled back by itself."""
        grace = min(GRACE_MS, self.model.lease_ms)
        back = self.model.back_at
        found = []
        for node_id in set().union(*map(self._running, self.open)):
            node = self.model.nodes[node_id]
            due = back + grace if node["ends"] <= back else node["ends"]
            if self.now > max(due, self.awake_since) + SWEEP_MS:
                found.append(node)
        return found

    def end_of_journal(self) -> tuple[int, int]:
        """The seq of the last event, and its moment."""
        with self.store.read() as reader:
            return reader.last_seq(), reader.last_at()


class Waiting:
    """A client of the writer that waits for one answer."""

    result: Any = None
    kind: str | None = None

    def answer(self, _command: SubmittedCommand, outcome: Outcome) -> None:
        """See `writer.Client`."""
        if outcome.refusal is not None:
            self.kind = outcome.refusal.kind
        else:
            self.result = msgspec.json.decode(msgspec.json.encode(outcome.result))
