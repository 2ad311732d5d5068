"""What is known of an attempt: how long it took and how it ended, and what to expect of others.

The rule this file keeps: the n-th attempt of a node goes as its n-th attempt went. Where there was
none, it goes as the last one did; and where nothing is known, it completes in the usual time.
"""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median_low
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from agentd.decide.retries import pause_ms
from agentd.events import Amounts, NodeFailed, Retry
from agentd.journal import Recorded

How = Literal[
    "completed", "failed", "timed_out", "expired", "released", "revoked", "unfinished", "unknown"
]

USUAL_MS = 1_000
"""Where nothing has ever been completed."""

_TOLD: frozenset[How] = frozenset({"completed", "failed", "timed_out", "expired"})
"""Ends that tell how a further attempt would end."""


class Deed(Struct):
    """What somebody did from outside: records of one moment. `at` is Unix milliseconds.

    In an attempt `at` counts from its beginning. What began then `lasts` so long, where it ended:
    a lock. Who decided a gate took so long: it was open for `waited`.
    """

    at: int
    records: list[Recorded]
    lasts: int | None = None
    waited: int = 0


class Attempt(Struct):
    """How it went. Times are milliseconds, those of `began` since 1970, the others since then.

    After `alive` nothing more was heard of its holder. The pause behind it was `pause`, where that
    was said and not reckoned; else `chance` had its part in it. `noticed` is how long it took until
    its end was noticed, `due` likewise that of the pause. Its worker `dropped` it at another moment
    than its end, where the lease was lost: it was `gone` where it was never seen again.
    """

    task_id: str
    node_id: str
    worker: int
    began: int
    how: How = "unfinished"
    took: int = 0
    alive: int = 0
    dropped: int | None = None
    gone: bool = False
    beats: bool = False
    kind: str | None = None
    retryable: bool = True
    pause: int | None = None
    chance: float = 0.5
    noticed: int = 0
    due: int = 0
    usage: Amounts = field(default_factory=dict)
    deeds: list[Deed] = field(default_factory=list)


def note_failure(attempt: Attempt, event: NodeFailed, at: int, retry: Retry | None, n: int) -> None:
    """How its holder failed it; `n` attempts count, with this one. It had a `retry` left, or None.

    A pause that policy may have chosen was chosen by it.
    """
    attempt.kind, attempt.usage = event.kind, event.usage
    if event.status == "FAILED":
        attempt.retryable = retry is None
        return
    pause = 0 if event.not_before is None else event.not_before - at
    least, most = (pause_ms(retry or Retry(), n, chance) for chance in (0.0, 1.0))
    if not least <= pause <= most:
        attempt.pause = pause
    elif most > least:
        attempt.chance = (pause - least) / (most - least)


class Attempts:
    """All that went on in the stretch, by node."""

    def __init__(self, attempts: Sequence[Attempt], end: int) -> None:
        """`end` is the end of the stretch, Unix milliseconds."""
        self._known: defaultdict[str, list[Attempt]] = defaultdict(list)
        by_task: defaultdict[str, list[int]] = defaultdict(list)
        for attempt in attempts:
            self._known[attempt.node_id].append(attempt)
            if attempt.how == "completed":
                by_task[attempt.task_id].append(attempt.took)
        everything = [took for each in by_task.values() for took in each]
        self._usual = {task_id: median_low(each) for task_id, each in by_task.items()}
        self._usual_of_all = median_low(everything) if everything else USUAL_MS
        self._end = end
        self.guessed = 0
        """Attempts of which nothing is known."""
        self.repeated = 0
        """Attempts that went as an earlier one of their node."""

    def expect(self, task_id: str, node_id: str, number: int, began: int) -> Attempt:
        """How the attempt goes that is the node's so-manieth of the stretch, from 0."""
        known = self._known.get(node_id, ())
        if number < len(known):
            attempt = known[number]
            return attempt if attempt.how in (*_TOLD, "released") else self._finish(attempt)
        told = [each for each in known if each.how in _TOLD]
        if told:
            self.repeated += 1
            return replace(told[-1], deeds=[])
        return self._finish(Attempt(task_id, node_id, -1, began, "unknown"))

    def due(self, node_id: str, number: int) -> int:
        """How long it took until somebody noticed that the pause after it was over."""
        known = self._known.get(node_id, ())
        return known[number].due if 0 <= number < len(known) else 0

    def _finish(self, attempt: Attempt) -> Attempt:
        """One whose end nobody has seen completes in the usual time, or now if that is over."""
        self.guessed += 1
        usual = self._usual.get(attempt.task_id, self._usual_of_all)
        least = self._end - attempt.began + 1 if attempt.how == "unfinished" else attempt.took
        return replace(attempt, how="completed", took=max(usual, least), beats=True)
