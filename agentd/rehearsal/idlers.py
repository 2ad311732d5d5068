"""The workers who have nothing to do, and when they ask for work.

The rule this file keeps: nobody asks before there is something for it. Of those for whom there is
something they ask first who were the next to ask in fact: so what happened comes out again.
"""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from functools import partial

from agentd.rehearsal.stage import Stage
from agentd.rehearsal.workers import PROMPT_MS, Profile, Worker

Acquire = Callable[[Worker], bool]
"""Ask for a node for the worker: whether there was one."""


_Turn = tuple[tuple[bool, float], int]
"""By which those who wait are sorted, and the worker's number."""


class Idlers:
    """Who waits for work. `acquire` is called when somebody asks."""

    def __init__(self, stage: Stage, workers: Sequence[Worker], acquire: Acquire) -> None:
        self._stage = stage
        self._workers = workers
        self._acquire = acquire
        self._got = dict.fromkeys((worker.number for worker in workers), 0)
        self._idle: defaultdict[Profile, list[_Turn]] = defaultdict(list)
        self._by_number = {worker.number: worker for worker in workers}
        self._coming: Counter[Profile] = Counter()
        self._seen = -1
        self._looks_at: int | None = None

    def begin(self, busy: Collection[int]) -> None:
        """All of them but these ask for work as soon as there is some."""
        for worker in self._workers:
            if worker.number not in busy:
                self.free(worker)
        self.wake()

    def free(self, worker: Worker) -> None:
        """It has nothing to do, from now on."""
        back_at = worker.back_at(self._stage.now)
        if back_at is None:
            return
        if back_at > self._stage.now:
            self._stage.at(back_at, partial(self.free, worker))
            return
        self._rest(worker)
        self._seen = -1

    def _rest(self, worker: Worker) -> None:
        insort(self._idle[worker.profile], (worker.turn(self._got[worker.number]), worker.number))

    def wake(self) -> None:
        """Have as many ask as there are nodes for them, where that may have changed."""
        waiting = self._stage.waiting
        if self._seen == waiting.version:
            return
        self._seen = waiting.version
        left = {
            profile: number
            for profile, idle in self._idle.items()
            if idle and (number := waiting.open_work(*profile) - self._coming[profile]) > 0
        }
        woken = 0
        while left:
            profile = min(left, key=lambda each: self._idle[each][0])
            _, number = self._idle[profile].pop(0)
            worker = self._by_number[number]
            self._call(worker)
            woken += 1
            left = {each: n for each, n in left.items() if n > woken and self._idle[each]}
        self._look_when_a_limit_opens()

    def _call(self, worker: Worker) -> None:
        """It comes when it comes; who takes long is not counted on."""
        delay = worker.delay(self._got[worker.number])
        is_prompt = delay <= PROMPT_MS
        self._coming[worker.profile] += is_prompt
        self._stage.at(self._stage.now + delay, partial(self._ask, worker, is_prompt=is_prompt))

    def _look_when_a_limit_opens(self) -> None:
        opens = self._stage.waiting.next_opening()
        if opens is not None and opens != self._looks_at:
            self._looks_at = opens
            self._stage.at(opens, self._look)

    def _look(self) -> None:
        self._seen, self._looks_at = -1, None

    def _ask(self, worker: Worker, *, is_prompt: bool) -> None:
        """Who finds nothing has nothing to look for until something changes."""
        self._coming[worker.profile] -= is_prompt
        if worker.back_at(self._stage.now) != self._stage.now:
            self.free(worker)
            self._seen = -1
        elif self._acquire(worker):
            self._got[worker.number] += 1
        else:
            self._rest(worker)
