"""What the demo's workers write down: one JSON line for each thing that happened.

The rule this file keeps: a line is in the file before its worker does anything else, so an answered
write that the journal lacks cannot go unnoticed.
"""

import time
from pathlib import Path

import msgspec
from msgspec import Struct


class Entry(Struct, frozen=True, omit_defaults=True):
    """One thing that one worker did or noticed. `at` is in Unix seconds.

    `event_id` is set where the daemon acknowledged a write: it is the id in the answer.
    """

    at: float
    worker: str
    what: str
    title: str = ""
    event_id: str = ""


class LogWriter:
    """The end that a worker writes to."""

    def __init__(self, path: Path, worker: str) -> None:
        self._file = path.open("ab", buffering=0)
        self._worker = worker

    def write(self, what: str, title: str = "", event_id: str = "") -> None:
        """Append one entry, stamped with the time of now."""
        entry = Entry(time.time(), self._worker, what, title, event_id)
        self._file.write(msgspec.json.encode(entry) + b"\n")


class LogReader:
    """The end that the demo reads from, while the worker still writes."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = path.open("rb")
        self._rest = b""

    def new_entries(self) -> list[Entry]:
        """The entries since the last call; half a line waits for its other half."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [msgspec.json.decode(line, type=Entry) for line in lines]
