"""The worker processes of one run.

The rule this file keeps: workers are processes, so that the death of one is real, and one that died
is replaced, but not without end. The key is in their environment, never among their arguments.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from types import TracebackType
from typing import IO, NamedTuple, Self

from agentd.errors import Failure
from agentd.loop.settings import Settings
from agentd.loop.worker import owner

MOST_DEATHS = 10
"""Workers that are replaced in one run; more would die of the same."""

GRACE_SECS = 5.0
"""What is in flight gets so long to come to its end when the run is stopped."""

_LAST_WORDS = 2000
"""Bytes."""


class Death(NamedTuple):
    """A worker that died, how (`SIGKILL`, `exit status 3`), and who takes its place."""

    name: str
    how: str
    successor: str


class _Member(NamedTuple):
    name: str
    process: subprocess.Popen[bytes]
    words: IO[bytes]

    def last_words(self) -> str:
        """The end of what it said on standard error."""
        self.words.seek(0)
        return self.words.read()[-_LAST_WORDS:].decode(errors="replace").strip()

    def close(self) -> None:
        """Let go of a process that has ended."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.words.close()


class Crew:
    """So many workers of one task. Leaving the `with` block ends them all, at once."""

    def __init__(self, task_id: str, settings: Settings) -> None:
        self.task_id = task_id
        self._settings = settings
        self._members: list[_Member] = []
        self._deaths = 0

    def __enter__(self) -> Self:
        self._members = [self._hire() for _ in range(self._settings.workers)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for member in self._members:
            member.process.kill()
            member.process.wait()
            member.close()

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._members)

    def count_done(self) -> int:
        """How many have left of themselves: nothing of the task can run, or they were told to."""
        return sum(member.process.poll() == 0 for member in self._members)

    def replace_the_dead(self) -> list[Death]:
        """Replace every worker that died. Raises `Failure` when there were too many."""
        deaths = []
        for place, member in enumerate(self._members):
            status = member.process.poll()
            if not status:  # None: it works; 0: it is done
                continue
            self._deaths += 1
            if self._deaths > MOST_DEATHS:
                words = self._settings.key.scrub(member.last_words()) or "nothing"
                raise Failure(
                    f"{self._deaths} workers died, the last one with {_how(status)}; it said: "
                    f"{words.splitlines()[-1]}"
                )
            member.close()
            self._members[place] = self._hire()
            deaths.append(Death(member.name, _how(status), self._members[place].name))
        return deaths

    def _hire(self) -> _Member:
        words = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker has ended
        process = subprocess.Popen(  # noqa: S603 - a module of this package
            [sys.executable, "-m", "agentd.loop.worker", self.task_id],
            env={**os.environ, **self._settings.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,  # a Ctrl-C is for the loop, which then ends its workers
        )
        return _Member(owner(process.pid), process, words)

    def stop(self) -> None:
        """Let them finish what is in flight, but no longer than `GRACE_SECS`."""
        running = [member for member in self._members if member.process.poll() is None]
        for member in running:
            member.process.terminate()
        ends_at = time.monotonic() + GRACE_SECS
        for member in running:
            try:
                member.process.wait(max(ends_at - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                return


def _how(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
