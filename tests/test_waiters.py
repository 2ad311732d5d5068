"""Who waits for work: woken by commits, in their order, no more of them than there is work for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import UNSET

from agentd.api import AcquireNextNodeParams
from agentd.daemon.counters import new_counters
from agentd.daemon.waiters import Waiters
from agentd.daemon.workers import Workers
from agentd.daemon.writer import SubmittedCommand
from agentd.events import EventCommitted, NodeAcquired, NodeAdded
from agentd.journal import GENESIS, Draft, Recorded, record
from agentd.methods import BY_NAME
from agentd.transact import Call, Outcome
from tests.core import NOW, Ids, uid

LONG = 60.0
A, B = uid(1), uid(2)
NOTHING = Outcome(None, may_wait=True)
ENDED = Outcome(None)
NODE = Outcome("a lease")
ADDED = Draft(NodeAdded(0, (), 0, "PENDING"), uid(9))


def commit(task_id: str, draft: Draft = ADDED) -> list[Recorded]:
    """What a commit has recorded."""
    return record(GENESIS, 1, task_id, [draft], NOW, Ids())


class Scene:
    """Waiters, and the tries that they are about to make."""

    def __init__(self) -> None:
        self.counters = new_counters()
        self.workers = Workers(lambda: NOW, ())
        self.waiters = Waiters(self.counters, self.workers)
        self.tries: list[Waiting] = []

    def wait(self, name: str, task_id: str | None = None, seconds: float = LONG) -> "Waiting":
        """Somebody whose first try found nothing."""
        waiting = Waiting(self, name)
        params = AcquireNextNodeParams(
            task_id=UNSET if task_id is None else task_id, wait_secs=seconds, lease_owner=name
        )
        command = BY_NAME["AcquireNextNode"].command
        assert command is not None
        submitted = SubmittedCommand(Call(command, params), waiting, wait_secs=seconds)
        assert self.waiters.keep(submitted, NOTHING)
        return waiting

    def try_all(self, nodes: int) -> int:
        """Have those try that were woken, wave after wave; there are so many nodes to get.

        Returns how many waves it took.
        """
        waves = 0
        while self.tries:
            waves += 1
            tries, self.tries = self.tries, []
            for waiting in tries:
                waiting.had(NODE if nodes > 0 else NOTHING)
                nodes -= 1
        return waves


class Waiting:
    """A client whose request waits."""

    def __init__(self, scene: Scene, name: str) -> None:
        self.scene = scene
        self.name = name
        self.answers: list[Any] = []
        self.tries = 0
        self.is_there = True
        self._command: SubmittedCommand | None = None

    def answer(self, _command: SubmittedCommand, outcome: Outcome) -> None:
        self.answers.append(outcome.result)

    def try_again(self, command: SubmittedCommand) -> bool:
        self._command = command
        self.tries += self.is_there
        if self.is_there:
            self.scene.tries.append(self)
        return self.is_there

    def had(self, outcome: Outcome) -> None:
        """Its try has come to this."""
        assert self._command is not None
        if not self.scene.waiters.keep(self._command, outcome):
            self.answer(self._command, outcome)


def play(acts: Callable[[Scene], Awaitable[None]]) -> None:
    """Play a scene on a loop of its own."""

    async def run() -> None:
        await acts(Scene())

    asyncio.run(run())


def test_one_node_wakes_one() -> None:
    """The one who has waited longest gets it; two more try, find nothing and keep their places."""

    async def acts(scene: Scene) -> None:
        waiting = [scene.wait(f"{number}") for number in range(500)]
        assert scene.counters.waiting_requests == 500
        scene.waiters.committed(commit(A))
        scene.try_all(nodes=1)
        assert waiting[0].answers == ["a lease"]
        assert sum(each.tries for each in waiting) == 3
        scene.waiters.committed(commit(A))
        scene.try_all(nodes=1)
        assert waiting[1].answers == ["a lease"]
        assert scene.counters.waiting_requests == 498

    play(acts)


def test_many_nodes_take_few_commits() -> None:
    """One is woken, then two, four, eight: 500 nodes for 500 waiters take nine waves."""

    async def acts(scene: Scene) -> None:
        waiting = [scene.wait(f"{number}", A if number % 2 else None) for number in range(500)]
        scene.waiters.committed(commit(A))
        assert scene.try_all(nodes=500) == 9
        assert all(each.answers == ["a lease"] for each in waiting)
        assert scene.counters.waiting_requests == 0

    play(acts)


def test_whom_a_commit_concerns() -> None:
    """Those who wait for its task, and those who take any; others are not woken."""

    async def acts(scene: Scene) -> None:
        other, of_a, of_any = scene.wait("b", B), scene.wait("a", A), scene.wait("any")
        scene.waiters.committed(commit(A))
        scene.try_all(nodes=2)
        assert (other.tries, of_a.answers, of_any.answers) == (0, ["a lease"], ["a lease"])

    play(acts)


def test_one_that_finds_nothing_speaks_for_those_alike() -> None:
    """But not for those who want something else."""

    async def acts(scene: Scene) -> None:
        of_any = [scene.wait("any") for _ in range(3)]
        of_a = [scene.wait("a", A) for _ in range(3)]
        scene.waiters.committed(commit(A))
        scene.try_all(nodes=0)
        assert [each.tries for each in (*of_any, *of_a)] == [1, 0, 0, 1, 0, 0]

    play(acts)


def test_what_makes_no_work_wakes_nobody() -> None:
    """An acquisition and a note are no news for them."""

    async def acts(scene: Scene) -> None:
        waiting = scene.wait("w", A)
        lease = NodeAcquired(uid(5), "w", NOW, "RUNNING")
        for event in (lease, EventCommitted("NOTE")):
            scene.waiters.committed(commit(A, Draft(event, uid(9))))
        assert waiting.tries == 0

    play(acts)


def test_a_commit_while_others_try() -> None:
    """Work that came after a try had begun is tried for again: no node waits beside a waiter."""

    async def acts(scene: Scene) -> None:
        first, second = scene.wait("1", A), scene.wait("2", A)
        scene.waiters.committed(commit(A))
        tries, scene.tries = scene.tries, []
        tries[0].had(NOTHING)  # another was faster
        scene.waiters.committed(commit(A))
        scene.try_all(nodes=2)
        assert first.answers == second.answers == ["a lease"]

    play(acts)


def test_the_end_of_a_task_is_told() -> None:
    """All who wait for it are answered, in waves too."""

    async def acts(scene: Scene) -> None:
        waiting = [scene.wait(f"{number}", A) for number in range(20)]
        scene.waiters.committed(commit(A))
        waves = 0
        while scene.tries:
            waves += 1
            tries, scene.tries = scene.tries, []
            for each in tries:
                each.had(ENDED)
        assert all(each.answers == [None] for each in waiting)
        assert waves == 5

    play(acts)


def test_who_has_left_is_passed_over() -> None:
    """The node goes to the next one, whether the daemon was told or finds out."""

    async def acts(scene: Scene) -> None:
        told, gone, there = (scene.wait(name) for name in "123")
        scene.waiters.forget(told)
        gone.is_there = False
        scene.waiters.committed(commit(A))
        scene.try_all(nodes=1)
        assert (told.tries, gone.tries, there.answers) == (0, 0, ["a lease"])
        assert scene.counters.waiting_requests == 0

    play(acts)


def test_who_leaves_during_a_try() -> None:
    """The others go on."""

    async def acts(scene: Scene) -> None:
        leaving, there = scene.wait("1"), scene.wait("2")
        scene.waiters.committed(commit(A))
        scene.waiters.forget(leaving)
        assert scene.tries == [leaving, there]

    play(acts)


def test_the_time_is_over() -> None:
    """It is answered with nothing; where it is trying, with what it gets."""

    async def acts(scene: Scene) -> None:
        waiting, trying = scene.wait("1", A, 0.01), scene.wait("2", B, 0.01)
        scene.waiters.committed(commit(B))
        await asyncio.sleep(0.05)
        assert (waiting.answers, trying.answers) == ([None], [])
        trying.had(NODE)
        assert trying.answers == ["a lease"]
        assert scene.counters.waiting_requests == 0

    play(acts)


def test_the_time_is_over_during_a_try_in_vain() -> None:
    """It is answered with nothing, and waits no longer."""

    async def acts(scene: Scene) -> None:
        trying = scene.wait("1", seconds=0.01)
        scene.waiters.committed(commit(A))
        await asyncio.sleep(0.05)
        trying.had(NOTHING)
        assert trying.answers == [None]
        assert scene.counters.waiting_requests == 0

    play(acts)


def test_a_stop() -> None:
    """All are answered at once, those who are trying when they have, and nobody waits anew."""

    async def acts(scene: Scene) -> None:
        trying, waiting = scene.wait("1"), scene.wait("2")
        scene.waiters.committed(commit(A))
        scene.waiters.stop()
        assert (trying.answers, waiting.answers) == ([], [None])
        trying.had(NOTHING)
        assert trying.answers == [None]
        trying.had(NOTHING)
        assert trying.answers == [None, None]

    play(acts)


def test_workers_are_told() -> None:
    """Who waits is listed while he does."""

    async def acts(scene: Scene) -> None:
        scene.wait("w")
        other = scene.wait("w")
        scene.waiters.forget(other)
        [worker] = scene.workers.list()
        assert (worker.owner, worker.waiting) == ("w", 1)

    play(acts)
