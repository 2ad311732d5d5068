"""Who worked: recognised by the names in acquisitions, and when they were there.

The rule this file keeps: an owner is so many workers as it held nodes at once. A worker took its
time between two nodes; where it left work lying that it could have had, it was away.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import inf
from statistics import median_low

from msgspec import Struct, field
from msgspec.structs import replace

from agentd.events import NodeAcquired
from agentd.journal import Recorded
from agentd.rehearsal.attempts import Attempt
from agentd.rehearsal.waiting import Waiting

PATIENCE_MS = 60_000
"""Nobody who is there leaves work lying for longer."""

PROMPT_MS = 2_000
"""Who asks as often as that is there for whatever comes; others are left to come when they do."""

SOON_MS = 1_000
"""Who is there for the first time, or has nothing any more, asks before that is over."""

Profile = tuple[frozenset[str], str | None]
"""The labels that a worker offers, and the task that it keeps to, if it keeps to one."""


class Worker(Struct):
    """One that works on one node at a time.

    `delays` are how long it took from when it was free, and there was work, until it had some:
    milliseconds, one for each time; and these were the `moments`. It was `away` from one until
    another, or for good.
    """

    number: int
    owner: str
    profile: Profile
    lease_ms: int | None = None
    delays: list[int] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    away: list[tuple[int, int | None]] = field(default_factory=list)

    def delay(self, number: int) -> int:
        """How long it takes the so-manieth time, from 0: as it did, or as it usually does."""
        if number < len(self.delays):
            return self.delays[number]
        return median_low(self.delays) if self.delays else 0

    def turn(self, number: int) -> tuple[bool, float]:
        """By which workers are sorted that wait: who is prompt, as they followed each other."""
        is_late = self.delay(number) > PROMPT_MS
        if is_late:
            return True, self.delay(number)
        return False, self.moments[number] if number < len(self.moments) else inf

    def back_at(self, now: int) -> int | None:
        """When it is there: now, or later; None where it never is again."""
        for begin, end in self.away:
            if begin <= now and end is None:
                return None
            if begin <= now and end is not None and now < end:
                now = end
        return now


def find_profiles(records: Iterable[Recorded], *, several: bool) -> Mapping[str, Profile]:
    """What each owner offered in all, and the one task that it kept to, if there are `several`."""
    labels: defaultdict[str, set[str]] = defaultdict(set)
    tasks: defaultdict[str, set[str]] = defaultdict(set)
    for recorded in records:
        event = recorded.event
        if isinstance(event, NodeAcquired):
            labels[event.lease_owner].update(event.labels)
            tasks[event.lease_owner].add(recorded.task_id)
    return {
        owner: (
            frozenset(labels[owner]),
            next(iter(own)) if several and len(own) == 1 else None,
        )
        for owner, own in tasks.items()
    }


class Roster:
    """The workers of a stretch, as far as they were seen. Times are Unix milliseconds."""

    def __init__(self, profiles: Mapping[str, Profile], waiting: Waiting, begin: int) -> None:
        self.workers: list[Worker] = []
        self._profiles = profiles
        self._waiting = waiting
        self._begin = begin
        self._free: defaultdict[str, list[tuple[int, int, Attempt | None]]] = defaultdict(list)
        self._open: dict[Profile, int | None] = {}
        self._looked: dict[Profile, int] = {}
        self._missed: dict[Profile, int] = {}
        self._of_task: defaultdict[str | None, list[Profile]] = defaultdict(list)
        self._seen = -1
        for profile in dict.fromkeys(profiles.values()):
            self._of_task[profile[1]].append(profile)

    def has_free(self, owner: str) -> bool:
        """Whether one of this owner's has nothing to do."""
        return bool(self._free[owner])

    def begin(self, owner: str, lease_ms: int | None, at: int) -> int:
        """A worker of this owner has got a node: its number."""
        profile = self._profiles.get(owner, (frozenset(), None))
        self._look(profile)
        free, lost, patience = self._free[owner], None, PATIENCE_MS
        if free:
            since, number, lost = free.pop()
            worker = self.workers[number]
        else:
            worker, patience = self._welcome(owner, profile), SOON_MS
            since, number = self._begin, worker.number
        worker.lease_ms = lease_ms
        opened = self._open.get(profile)
        ready = at if opened is None else max(since, opened)
        if lost is not None and (lost.gone or at - ready > SOON_MS):
            lost.gone, lost.dropped, ready = False, at - lost.began, at
        elif at - ready > patience:
            self._note_away(worker, ready, at)
            ready = at
        elif worker.away and worker.away[-1][1] is None:
            self._note_away(worker, worker.away[-1][0], at)
            ready = at
        worker.delays.append(at - ready)
        worker.moments.append(at)
        return number

    def _welcome(self, owner: str, profile: Profile) -> Worker:
        """One more, who was not there yet when others left work lying that it could have had."""
        worker = Worker(len(self.workers), owner, profile)
        if (missed := self._missed.get(profile)) is not None:
            worker.away.append((self._begin, missed))
        self.workers.append(worker)
        return worker

    def hold(self, owner: str) -> int:
        """A worker of this owner had a node before the stretch began: its number."""
        number = len(self.workers)
        profile = self._profiles.get(owner, (frozenset(), None))
        if profile not in self._of_task[profile[1]]:
            self._of_task[profile[1]].append(profile)
        self.workers.append(Worker(number, owner, profile))
        return number

    def end(self, number: int, at: int, lost: Attempt | None = None) -> None:
        """A worker is free; or it is not told yet that it has lost its node."""
        self._free[self.workers[number].owner].append((at, number, lost))

    def look(self, task_id: str) -> None:
        """See whether there is work now that something has happened in this task."""
        if self._seen == self._waiting.version:
            return
        self._seen = self._waiting.version
        for about in (None, task_id):
            for profile in self._of_task.get(about, ()):
                self._look(profile)

    def close(self) -> None:
        """The stretch is over."""
        for profile in self._open:
            self._close(profile)

    def _look(self, profile: Profile) -> None:
        is_open = self._waiting.open_work(*profile) > 0
        if is_open and self._open.get(profile) is None:
            opened, now = self._waiting.opened_by_time(profile[0]), self._waiting.now
            self._open[profile] = opened if self._looked.get(profile, now) < opened else now
        elif not is_open and self._open.get(profile) is not None:
            self._close(profile)
            self._open[profile] = None
        self._looked[profile] = self._waiting.now

    def _close(self, profile: Profile) -> None:
        """Who was free and left work lying for long was away; who had lost its node, still busy."""
        opened, now = self._open.get(profile), self._waiting.now
        if opened is None or now - opened <= SOON_MS:
            return
        self._missed[profile] = now
        for free in self._free.values():
            for since, number, lost in free:
                worker = self.workers[number]
                begin = max(since, opened)
                if worker.profile != profile:
                    continue
                if lost is not None and now - begin > SOON_MS:
                    lost.gone = True
                elif lost is None and now - begin > PATIENCE_MS:
                    self._note_away(worker, begin, None)

    def _note_away(self, worker: Worker, begin: int, until: int | None) -> None:
        if worker.away and worker.away[-1][1] is None:
            begin = min(begin, worker.away.pop()[0])
        worker.away.append((begin, until))


def resize(workers: list[Worker], wanted: int | None) -> list[Worker]:
    """So many of them: those that worked most; more are as those are, and there from the start."""
    if wanted is None or wanted == len(workers):
        return workers
    if wanted < len(workers):
        busiest = sorted(workers, key=lambda each: -len(each.delays))[:wanted]
        return sorted(busiest, key=lambda each: each.number)
    delays = [delay for each in workers for delay in each.delays]
    usual = median_low(delays) if delays else 0
    labels = frozenset().union(*(each.profile[0] for each in workers))
    numbers = range(len(workers), wanted)
    more = [Worker(number, f"more {number}", (labels, None), None, [usual]) for number in numbers]
    return [*workers, *(replace(each) for each in more)]
