"""Agents at work on a store, and what they were answered: the witness of everything acknowledged.

The rule this file keeps: what is right, the plain model says (tests/property/model.py), which
shares no code with agentd. After every answer it is written down what a client may rely on from
there on.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from agentd.errors import RequestRefused, StorageError
from agentd.store.sqlite import SqliteStore
from tests.core import NOW, Core
from tests.property.base_model import Refused
from tests.property.model import Model

Call = tuple[str, dict[str, Any]]

LEASE_MS = 60_000
LARGEST_PAYLOAD = 12_000
"""Characters: such a payload fills pages of its own."""


class Acknowledged(NamedTuple):
    """What the clients know at a moment: the time, the counts, every task, and every event id.

    `moment` is what the workload's clock of faults said, a length of a recording perhaps.
    """

    moment: int
    now: int
    database: dict[str, Any]
    tasks: dict[str, Any]
    noted: tuple[tuple[str, Any], ...]

    @property
    def events(self) -> int:
        """How many records the journal has."""
        count: int = self.database["total_events"]
        return count


class Workload:
    """Some agents, one choice after the other. `moment` dates what they are answered."""

    def __init__(self, store: SqliteStore, random: Random, moment: Callable[[], int]) -> None:
        self.store = store
        self.core = Core(store, lease_ms=LEASE_MS)
        self.model = Model(NOW, LEASE_MS, self.core.event_limit)
        self.random = random
        self.moment = moment
        self.noted: dict[str, Any] = {}
        self.history = [self.acknowledged()._replace(moment=0)]
        self.node_ids = 0

    def go_on(self, store: SqliteStore) -> None:
        """Work on the store as it was opened again."""
        self.store = self.core.store = store

    def step(self) -> list[StorageError]:
        """One batch of one request or several; now and then time passes. As `send`."""
        self.core.now += self.random.choice([0, 1, 700, LEASE_MS // 3])
        self.model.now = self.core.now
        return self.send(*(self.call() for _ in range(self.random.choice([1, 1, 2, 4]))))

    def send(self, *calls: Call) -> list[StorageError]:
        """Run the calls in one commit, compare the answers, and write down what holds now.

        Returns the refusals that blame the disk: these requests changed nothing.
        """
        answers = self.core.batch(*calls)
        assert not self.core.faults, self.core.faults
        for call, answer in zip(calls, answers, strict=True):
            if not isinstance(answer, StorageError):
                self._compare(call, answer)
        self.history.append(self.acknowledged())
        return [answer for answer in answers if isinstance(answer, StorageError)]

    def acknowledged(self) -> Acknowledged:
        """What the clients know now."""
        tasks = {
            task_id: self.model.answer("TaskStatus", {"task_id": task_id}, {})
            for task_id in self.model.tasks
        }
        return Acknowledged(
            self.moment(), self.model.now, self.model.database(), tasks, tuple(self.noted.items())
        )

    def call(self) -> Call:
        """Some request that makes sense, more or less."""
        held = [node for node in self.model.nodes.values() if node["lease_id"] is not None]
        free = [node for node in self.model.nodes.values() if node["status"] == "PENDING"]
        if not free or self.random.random() < 0.03:
            return "RegisterTask", self._registration()
        if not held or self.random.random() < 0.25:
            task_id = self.random.choice(free)["task_id"]
            return "AcquireNextNode", {"task_id": task_id, "lease_owner": "worker"}
        node = self.random.choice(held)
        if self.random.random() < 0.1:
            return "settle_due", {"task_id": node["task_id"]}
        lease = {"task_id": node["task_id"], "node_id": node["id"], "lease_id": node["lease_id"]}
        if self.random.random() < 0.4:
            return "HeartbeatNode", lease
        ways = ["CommitEvent", "CommitEvent", "CompleteNode", "CompleteNode", "FailNode"]
        return self.random.choice(ways), {**lease, "payload": self._payload()}

    def _registration(self) -> dict[str, Any]:
        nodes: list[dict[str, Any]] = []
        for _ in range(self.random.randint(1, 6)):
            self.node_ids += 1
            before = [node["id"] for node in nodes if self.random.random() < 0.3]
            node_id = f"00000000-0000-4000-9000-{self.node_ids:012x}"
            nodes.append({"id": node_id, "dependencies": before})
        return {"goal": "some goal", "context": self._payload(), "initial_nodes": nodes}

    def _payload(self) -> dict[str, Any]:
        size = self.random.choice([0, 10, 200, self.random.randrange(LARGEST_PAYLOAD)])
        return {"text": "x" * size, "number": self.random.random()}

    def _compare(self, call: Call, answer: Any) -> None:
        try:
            expected = self.model.answer(*call, answer)
        except Refused as refused:
            kind = answer.kind if isinstance(answer, RequestRefused) else None
            if kind not in refused.kinds:
                raise AssertionError(f"{call} was answered {answer}, not {refused}") from None
        else:
            assert answer == expected, (call, answer)
            if call[0] in ("CommitEvent", "CompleteNode", "FailNode"):
                self.noted.setdefault(answer["event_id"], call[1]["payload"])
