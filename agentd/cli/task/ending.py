"""The end of a task, waited for: how a verb learns of it, and what it says with its exit code.

The rule this file keeps: the daemon is asked to wait, never asked again and again; one that goes
away meanwhile, and comes back, is waited for.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from agentd.api import TaskStatusResult, WatchEventsResult
from agentd.cli.remarks import say
from agentd.client import Client
from agentd.client.away import AWAY
from agentd.client.repeats import backoff
from agentd.errors import Failure
from agentd.task_progress import describe_progress
from agentd.times import format_seconds

Result = TypeVar("Result")

EXIT_CODES: Mapping[str, int] = {"COMPLETED": 0, "FAILED": 10, "CANCELLED": 11}
"""The states in which a task has ended, and what a verb that waited for it exits with."""

_ENDINGS = ("COMPLETE_NODE", "FAIL_NODE", "CANCEL_TASK", "ADD_NODE")
"""After no other event can a task have ended: a node that is added may wait for one that failed."""

_WAIT_SECONDS = 20.0
"""For how long the daemon lets one question wait."""

_LONGEST_AWAY = 1.0
"""Seconds between two looks for a daemon that is away."""

_PAUSE_SECONDS = 0.1
"""The least time between two looks at a task in which many nodes end."""

_CALL_SECONDS = 30.0
_SHORTEST_CALL = 1.0
"""Seconds that an answer may take, however little time is left to wait."""


class WaitTimedOut(Failure):
    """The time that a task was waited for is over, and it has not ended."""

    exit_code = 124


class Waiting:
    """Asks about one task until it has ended, or so many `seconds` are over.

    `tell` is called with what a person is to know meanwhile.
    """

    def __init__(
        self,
        client: Client,
        task: str,
        seconds: float | None = None,
        tell: Callable[[str], None] = say,
    ) -> None:
        self._client = client
        self._task = task
        self._seconds = seconds
        self._tell = tell
        self._was_answered = False
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def status(self) -> TaskStatusResult:
        """The task's state and counts. Raises `TaskNotFound`, `WaitTimedOut`."""
        return self._ask(lambda: self._client.task_status(self._task, fields=["counts"]))

    def newest_place(self) -> int:
        """Where what happens from now on is told behind. Raises as `status`."""
        return self._ask(lambda: self._client.watch_events(task_id=self._task)).last_seq

    def next_events(self, place: int) -> WatchEventsResult:
        """What happened behind that place, or the next that happens. Raises as `status`."""
        return self._ask(lambda: self._watch(place, wait=self._wait_seconds()))

    def events_so_far(self, place: int) -> WatchEventsResult:
        """What happened behind that place. Raises as `status`."""
        return self._ask(lambda: self._watch(place, wait=0))

    def end(self) -> TaskStatusResult:
        """The status of the task when it has ended. Raises as `status`."""
        while True:
            looked_at = time.monotonic()
            place = self.newest_place()
            status = self.status()
            if status.state in EXIT_CODES:
                return status
            if self._left() == 0:
                how = describe_progress(status.state or "", status.counts)
                raise WaitTimedOut(self._timed_out(how))
            # Also where nothing happened it is looked anew: a restored journal has other places.
            self._ask(partial(self._watch_for_ending, place))
            time.sleep(max(looked_at + _PAUSE_SECONDS - time.monotonic(), 0))

    def _watch_for_ending(self, place: int) -> WatchEventsResult:
        return self._watch(place, self._wait_seconds(), _ENDINGS, 1)

    def _watch(
        self, place: int, wait: float, kinds: tuple[str, ...] | None = None, limit: int = 1000
    ) -> WatchEventsResult:
        return self._client.watch_events(
            after_seq=place, task_id=self._task, kinds=kinds, wait_secs=wait, limit=limit
        )

    def _ask(self, question: Callable[[], Result]) -> Result:
        """The answer of the daemon, or of the one that comes after it. Raises `WaitTimedOut`."""
        waits, told = backoff(longest=_LONGEST_AWAY), False
        while True:
            left = self._left()
            bound = _CALL_SECONDS if left is None else min(left, _CALL_SECONDS)
            self._client.timeout = max(bound, _SHORTEST_CALL)
            try:
                answer = question()
            except AWAY as error:
                if not self._was_answered:  # there was none to come back
                    raise
                if self._left() == 0:
                    raise WaitTimedOut(self._timed_out(str(error))) from error
                if not told:
                    told = True
                    self._tell(f"the daemon is waited for: {error}")
                time.sleep(min(next(waits), self._left() or _LONGEST_AWAY))
            else:
                self._was_answered = True
                return answer

    def _left(self) -> float | None:
        """Seconds; None where there is no end."""
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0)

    def _wait_seconds(self) -> float:
        left = self._left()
        return _WAIT_SECONDS if left is None else min(left, _WAIT_SECONDS)

    def _timed_out(self, how_it_is: str) -> str:
        over = format_seconds(self._seconds or 0)
        return f"task {self._task} has not ended after {over}: {how_it_is}"
