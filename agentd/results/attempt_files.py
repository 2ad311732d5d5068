"""Where the files of an attempt are: RESULTS/TASK/NODE-ATTEMPT, with a suffix for its output.

The rule this file keeps: ids in full and numbers make these names, never what somebody chose. A
folder may be removed by another process at any moment; whoever makes a file in it makes it again.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Stream = Literal["stdout", "stderr"]

STREAMS: tuple[Stream, ...] = ("stdout", "stderr")

DIRECTORY = "results"
"""The folder in the home."""

_TRIES = 3
"""To make a file, while others remove the folder that they have emptied."""

_HEX = "[0-9a-f]"
_ID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_LOG_NAME = re.compile(rf"({_ID}-\d+)\.(?:stdout|stderr)(?:\.\d+)?")
_PART_NAME = re.compile(rf"({_ID}-\d+)\.part")


class AttemptFiles:
    """The names of the files of one attempt."""

    def __init__(self, results: Path, task_id: str, node_id: str, attempt: int) -> None:
        self.folder = results / task_id
        self.folders = (self.folder, results, results.parent)
        self.result = self.folder / f"{node_id}-{attempt}"
        self.unfinished_result = self.folder / f"{node_id}-{attempt}.part"
        self.left_by_attempt_before = self.folder / f"{node_id}-{attempt - 1}.part"

    def log(self, stream: Stream) -> Path:
        """Where the kept output begins."""
        return self.folder / f"{self.result.name}.{stream}"


def create_file(path: Path) -> None:
    """Make an empty file, and its folders, for this user only. Raises `OSError`."""
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):
            os.close(_create(path))
            return
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.parent.mkdir(mode=0o700, exist_ok=True)
    os.close(_create(path))


def append(path: Path, content: bytes | memoryview) -> None:
    """Add to a file that is there. Raises `OSError`, after a part of it was written perhaps."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def kept_attempts(results: Path, task_id: str, node_id: str) -> list[int]:
    """The attempts of a node of whose output something is kept, the oldest first."""
    name = re.compile(rf"{re.escape(node_id)}-(\d+)\.(?:stdout|stderr)")
    try:
        names = os.listdir(results / task_id)  # noqa: PTH208 - names are all that is looked at
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted({int(found[1]) for each in names if (found := name.fullmatch(each))})


def is_id(name: str) -> bool:
    """Whether this is an id in full, as a task's folder is named."""
    return bool(re.fullmatch(_ID, name))


def log_attempt(name: str) -> str | None:
    """NODE-ATTEMPT of a file of kept output; None of any other."""
    found = _LOG_NAME.fullmatch(name)
    return found and found[1]


def log_or_part_attempt(name: str) -> str | None:
    """As `log_attempt`, of a result that was never finished as well."""
    part = _PART_NAME.fullmatch(name)
    return part[1] if part else log_attempt(name)


def scan(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a folder; nothing where it is gone."""
    try:
        with os.scandir(folder) as found:
            yield from found
    except (FileNotFoundError, NotADirectoryError):
        return


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, 0o600)
