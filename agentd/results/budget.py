"""How much kept output there may be in all, and what goes first.

The rule this file keeps: what goes is the output of the tasks that ended longest ago; of those that
have not ended only where that is not enough; of each the attempts that have been silent longest.
What a node's result names is never removed. Others may remove the same at the same time.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from os import DirEntry
from pathlib import Path

from agentd.results.attempt_files import is_id, log_attempt, log_or_part_attempt, scan

BLOCK = 4096
"""Bytes that a file takes at least, and by which it grows: the many small ones count, too."""

_KEPT_EIGHTHS = 7
"""What is left of the budget when something was removed: the next time is not at once."""

_MOST_ASKED = 1000
"""Tasks of which it is asked, each time, whether they have ended; the rest count as if not."""


class _Group:
    """Files that go together: their names, their bytes, and when the newest was written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []
        self.size = 0
        self.written_at = 0.0

    def add(self, entry: DirEntry[str]) -> None:
        """Count a file, unless it is gone. What a killed worker did not finish has no size here."""
        with contextlib.suppress(FileNotFoundError):
            found = entry.stat(follow_symlinks=False)
            self.names.append(entry.name)
            if log_attempt(entry.name) is not None:
                self.size += -(-max(found.st_size, 1) // BLOCK) * BLOCK
            self.written_at = max(self.written_at, found.st_mtime)


def prune(results: Path, most: int, has_ended: Callable[[str], bool]) -> None:
    """Remove kept output until there are at most `most` bytes, where there are more.

    `has_ended` says it of a task, and may raise: then nothing more is removed. Raises `OSError`.
    """
    tasks = sorted(_tasks(results), key=attrgetter("written_at"))
    excess = sum(task.size for task in tasks) - most
    if excess <= 0:
        return
    excess += most - most * _KEPT_EIGHTHS // 8
    lasting: list[_Group] = []
    for number, task in enumerate(tasks):
        if excess <= 0:
            return
        if number < _MOST_ASKED and has_ended(task.folder.name):
            excess = _prune_attempts([task], excess, log_or_part_attempt)
        else:
            lasting.append(task)
    _prune_attempts(lasting, excess, log_attempt)  # a result may be under way


def _prune_attempts(
    tasks: list[_Group], excess: int, attempt_of: Callable[[str], str | None]
) -> int:
    """Remove the files of attempts, the longest silent first; how much there is still too much."""
    attempts = [attempt for task in tasks for attempt in _attempts(task.folder, attempt_of)]
    # What others have removed since it was counted is room, too.
    excess -= sum(task.size for task in tasks) - sum(attempt.size for attempt in attempts)
    for group in sorted(attempts, key=attrgetter("written_at")):
        if excess <= 0:
            break
        for name in group.names:
            (group.folder / name).unlink(missing_ok=True)
        excess -= group.size
    for task in tasks:
        with contextlib.suppress(OSError):  # something is left in it, or it is gone
            task.folder.rmdir()
    return excess


def _tasks(results: Path) -> Iterator[_Group]:
    for folder in scan(results):
        if not is_id(folder.name):
            continue
        group = _Group(results / folder.name)
        for entry in scan(group.folder):
            if log_attempt(entry.name) is not None:
                group.add(entry)
        if group.size:
            yield group


def _attempts(folder: Path, attempt_of: Callable[[str], str | None]) -> Iterable[_Group]:
    found: dict[str, _Group] = {}
    for entry in scan(folder):
        if (attempt := attempt_of(entry.name)) is not None:
            found.setdefault(attempt, _Group(folder)).add(entry)
    return found.values()
