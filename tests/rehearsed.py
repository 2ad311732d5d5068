"""A run that is recorded by hand: workers, failures and silence, and a clock that nobody waits for.

The rule this file keeps: what is recorded is decided by the real core on a real store. Who works
how long, and how that ends, is drawn from a seed; nothing here is shared with the rehearsal.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

from agentd.api import TaskParams
from agentd.journal import Recorded
from agentd.methods import SETTLE_DUE
from agentd.rehearsal import Rehearsal, parse_policy, read_stretch, rehearse
from agentd.transact import Call
from tests.core import NOW, Core, spec

SECOND = 1_000


class Played:
    """Workers that work on all tasks of a core until nothing is left; times are milliseconds.

    `work` says of a node and the number of its attempt how long it takes, and how that ends: with
    `complete`, `fail`, `fatal` (never again), `release`, or with `silence` or `death`: its lease
    runs out, and there was no heartbeat, or there were until then.
    `beats`: workers heartbeat every third of a lease.
    """

    def __init__(
        self, core: Core, work: Callable[[str, int], tuple[int, str]], *, beats: bool = True
    ) -> None:
        self.core = core
        self._work = work
        self._beats = beats
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._tasks: set[str] = set()

    def at(self, moment: int, then: Callable[[], None]) -> None:
        """Do it at that moment, of the core's clock."""
        self._order += 1
        heappush(self._agenda, (moment, self._order, then))

    def worker(self, owner: str, *, since: int = 0, poll: int = 500, **wanted: Any) -> None:
        """One more, who asks for work so often while there is none."""

        def ask() -> None:
            lease = self.core.do("AcquireNextNode", lease_owner=owner, **wanted)
            if lease is None:
                self.at(self.core.now + poll, ask)
                return
            self._tasks.add(lease["task_id"])
            held = {name: lease[name] for name in ("task_id", "node_id", "lease_id")}
            took, how = self._work(lease["node_id"], lease["attempt"])
            ends = self.core.now + took
            if self._beats and how != "silence":
                for beat in range(self.core.now, ends, max(self.core.lease_ms // 3, 1)):
                    self.at(beat, lambda: self._quietly("HeartbeatNode", held))
            self.at(ends, lambda: self._end(held, how, ask))

        self.at(NOW + since, ask)

    def _quietly(self, method: str, held: Mapping[str, str], **more: Any) -> None:
        self.core.batch((method, {**held, **more}))

    def _end(self, held: Mapping[str, str], how: str, ask: Callable[[], None]) -> None:
        if how == "complete":
            self._quietly("CompleteNode", held)
        elif how in ("fail", "fatal"):
            self._quietly("FailNode", held, retryable=how == "fail")
        elif how == "release":
            self._quietly("ReleaseNode", held)
        ask()

    def run(self, tasks: Sequence[str], most: int = 10 * 3_600 * SECOND) -> list[Recorded]:
        """Until these tasks have ended; whoever keeps time looks once a second."""
        self._tasks.update(tasks)
        self.at(NOW + SECOND, self._sweep)
        while self._agenda and self._agenda[0][0] < NOW + most and not self._is_over(tasks):
            moment, _, then = heappop(self._agenda)
            self.core.now = max(self.core.now, moment)
            then()
        return self.core.journal()

    def _sweep(self) -> None:
        with self.core.store.read() as reader:
            due = reader.expired_leases(0, self.core.now) + reader.due_nodes(self.core.now, 1_000)
        for task_id in dict.fromkeys(row.task_id for row in due):
            self.core.run([Call(SETTLE_DUE, TaskParams(task_id))])
        self.at(self.core.now + SECOND, self._sweep)

    def _is_over(self, tasks: Sequence[str]) -> bool:
        from agentd.queries import state_of_task, state_row

        with self.core.store.read() as reader:
            states = [state_of_task(reader, state_row(reader, task_id)) for task_id in tasks]
        return all(state in ("COMPLETED", "FAILED", "CANCELLED") for state in states)


def seconds(secs: float) -> Callable[[str, int], tuple[int, str]]:
    """Every node takes so long, and completes."""
    return lambda _node_id, _attempt: (round(secs * SECOND), "complete")


def drawn(seed: int, *, longest: int = 20, failing: float = 0.1, silent: float = 0.02) -> Any:
    """Work of 1 to `longest` seconds; so many of all attempts fail, or fall silent."""

    def work(node_id: str, attempt: int) -> tuple[int, str]:
        draw = random.Random(f"{seed} {node_id} {attempt}")
        took = draw.randint(SECOND, longest * SECOND)
        chance = draw.random()
        if chance < failing:
            return took, "fail"
        return took, "silence" if chance < failing + silent else "complete"

    return work


def layers(seed: int, number: int, first: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Nodes, from uid(first) on, of which each waits for up to three of the thirty before it."""
    draw = random.Random(seed)
    nodes = []
    for each in range(first, first + number):
        before = range(max(first, each - 30), each)
        needed = draw.sample(before, min(len(before), draw.randint(0, 3)))
        nodes.append(spec(each, *needed, **more))
    return nodes


def rehearsed(core: Core, *settings: str, task_id: str | None = None) -> Rehearsal:
    """All that the core's journal holds, or one task's part, under these settings."""
    with core.store.read() as reader:
        stretch = read_stretch(reader, task_id, None)
    return rehearse(stretch, parse_policy(settings))


def any_run(core: Core, seed: int) -> None:
    """Plans, settings, limits and workers of any kind, all drawn from the seed."""
    draw = random.Random(seed)
    tasks = []
    for number in range(1, draw.randint(1, 3) + 1):
        nodes = layers(seed + number, draw.randint(5, 50), first=number * 1_000)
        tasks.append(core.register(*({**node, **_any_settings(draw)} for node in nodes)))
    if draw.random() < 0.6:
        core.do("SetLimit", name="a", max_running=draw.randint(1, 3))
    if draw.random() < 0.4:
        rate = {"count": draw.randint(1, 5), "per_secs": draw.randint(5, 60)}
        core.do("SetLimit", name="b", max_running=draw.randint(1, 3), rate=rate)
    work = drawn(seed, failing=draw.choice([0, 0.1, 0.3]), silent=draw.choice([0, 0.05]))
    played = Played(core, work, beats=draw.random() < 0.8)
    for number in range(draw.randint(1, 8)):
        labels = ["gpu"] if number == 0 or draw.random() < 0.5 else []
        poll = draw.choice([100, 500, 1_000])
        played.worker(f"w{number}", since=draw.randint(0, 20_000), poll=poll, labels=labels)
    played.run(tasks, most=600 * SECOND)


def _any_settings(draw: random.Random) -> dict[str, Any]:
    settings = {
        "retry": {"max_attempts": draw.randint(1, 4), "backoff_secs": draw.choice([0, 0.5, 20])},
        "limits": [draw.choice(["a", "b"])],
        "requires": ["gpu"],
        "priority": draw.randint(-5, 5),
        "timeout_secs": draw.randint(3, 30),
        "locks": ["path:/x"],
        "lease_secs": draw.choice([10, 40]),
    }
    often = {"retry": 0.7, "limits": 0.3, "requires": 0.2, "priority": 0.2}
    return {name: each for name, each in settings.items() if draw.random() < often.get(name, 0.1)}
