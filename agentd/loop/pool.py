"""The worker processes of one run.

The rule this file keeps: workers are processes, so that the death of one is real, and one that died
is replaced, but not without end. The key is in their environment, never among their arguments.
"""

import time
from typing import NamedTuple, Self

from agentd.errors import Failure
from agentd.loop.process import WorkerProcess
from agentd.loop.settings import Settings

MOST_DEATHS = 10
"""Workers that are replaced in one run; more would die of the same."""

GRACE_SECS = 5.0
"""What is in flight gets so long to come to its end when the run is stopped."""

_POLL_SECS = 0.02


class WorkerDeath(NamedTuple):
    """A worker that died, how (`SIGKILL`, `exit status 3`), and who takes its place."""

    name: str
    exit_reason: str
    successor: str


class WorkerPool:
    """So many workers of one task. Leaving the `with` block ends them all, at once."""

    def __init__(self, task_id: str, settings: Settings) -> None:
        self.task_id = task_id
        self._settings = settings
        self._processes: list[WorkerProcess] = []
        self._deaths = 0

    def __enter__(self) -> Self:
        self._processes = [self._start_worker() for _ in range(self._settings.workers)]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.close()

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._processes)

    def count_done(self) -> int:
        """How many have left of themselves: nothing of the task can run, or they were told to."""
        return sum(process.status == 0 for process in self._processes)

    def replace_dead_workers(self) -> list[WorkerDeath]:
        """Replace every worker that died. Raises `Failure` when there were too many."""
        deaths = []
        for place, process in enumerate(self._processes):
            if not process.status:  # None: it works; 0: it is done
                continue
            self._deaths += 1
            if self._deaths > MOST_DEATHS:
                words = self._settings.key.scrub(process.stderr_tail()) or "nothing"
                raise Failure(
                    f"{self._deaths} workers died, the last one with {process.exit_reason}; "
                    f"it said: {words.splitlines()[-1]}"
                )
            process.close()
            self._processes[place] = self._start_worker()
            deaths.append(
                WorkerDeath(process.name, process.exit_reason, self._processes[place].name)
            )
        return deaths

    def stop(self) -> None:
        """Let them finish what is in flight, but no longer than `GRACE_SECS`."""
        for process in self._processes:
            process.terminate()
        ends_at = time.monotonic() + GRACE_SECS
        while any(m.status is None for m in self._processes) and time.monotonic() < ends_at:
            time.sleep(_POLL_SECS)

    def _start_worker(self) -> WorkerProcess:
        return WorkerProcess(self.task_id, self._settings)
