"""What the commands of a worker write, kept in files until room is needed.

The rule this file keeps: it is beside the work. A disk that is full, or not to be written to, is
told in the log once, and no node notices.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from agentd.client import AsyncLease, Client
from agentd.client.address import Address
from agentd.client.thread_signals import leave_signals_to_main_thread
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.results.attempt_files import DIRECTORY, STREAMS, AttemptFiles
from agentd.results.budget import BLOCK, prune
from agentd.results.kept_stream import KeptStream
from agentd.results.large_result import LargeResult
from agentd.text import printable

logger = logging.getLogger("agentd.worker")

_SCANS_PER_BUDGET = 16
"""So many times while this worker writes a whole budget it is looked at what all have written."""


class OutputPlace(NamedTuple):
    """Where output is kept, and how many bytes of it all together; 0 keeps none."""

    results: Path
    most: int

    @classmethod
    def in_home(cls, home: Path, most: int) -> "OutputPlace":
        """That of a home."""
        return cls(home / DIRECTORY, most)


class OutputKeeper:
    """Keeps the output of one worker's attempts within the budget of all workers of the home."""

    def __init__(self, place: OutputPlace, address: Address) -> None:
        self._place = place
        self._address = address
        self._grown = 0
        self._pruning: threading.Thread | None = None
        self._last_trouble = ""
        self._prune()

    def attempt(self, lease: AsyncLease) -> "AttemptOutput":
        """The output of the attempt that holds this lease."""
        node = lease.context.node
        files = AttemptFiles(self._place.results, lease.task_id, node.id, node.attempt)
        return AttemptOutput(files, self._place.most, self)

    def guard(self, keep: Callable[[], int]) -> None:
        """Keep something, which takes so many bytes more. What fails is told once."""
        if self._place.most == 0:
            return
        try:
            self._grown += keep()
        except OSError as error:
            self._tell(error)
        if self._has_grown():
            self._prune()

    def _has_grown(self) -> bool:
        return self._grown > self._place.most // _SCANS_PER_BUDGET

    def _prune(self) -> None:
        """Make room in a thread of its own, one at a time."""
        if self._pruning is None or not self._pruning.is_alive():
            self._pruning = threading.Thread(target=self._make_room, daemon=True)
            self._pruning.start()

    def _make_room(self) -> None:
        leave_signals_to_main_thread()
        with Client(self._address) as client:
            while True:
                self._grown = 0
                try:
                    prune(self._place.results, self._place.most, partial(_has_ended, client))
                except (RequestRefused, DaemonUnreachable):
                    return  # another time
                except OSError as error:
                    self._tell(error)
                if not self._has_grown():
                    return

    def _tell(self, error: OSError) -> None:
        trouble = f"{self._place.results}: {error.strerror}"
        if trouble != self._last_trouble:
            self._last_trouble = trouble
            logger.warning("what the commands write is not kept in %s", printable(trouble))


class AttemptOutput:
    """Takes what one attempt writes; `large_result` is for a result that no line has room for.

    Used as a context manager it leaves no half of such a result.
    """

    def __init__(self, files: AttemptFiles, most: int, keeper: OutputKeeper) -> None:
        self.large_result = LargeResult(files, most)
        self._keeper = keeper
        self._out, self._err = (KeptStream(files.log(stream)) for stream in STREAMS)
        for stream in (self._out, self._err):
            keeper.guard(partial(_begin, stream))

    def out(self, piece: bytes) -> None:
        """Keep a piece of standard output."""
        self._keeper.guard(partial(self._out.feed, piece))

    def err(self, piece: bytes) -> None:
        """Keep a piece of standard error."""
        self._keeper.guard(partial(self._err.feed, piece))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.large_result.discard()


def _begin(stream: KeptStream) -> int:
    stream.begin()
    return BLOCK


def _has_ended(client: Client, task_id: str) -> bool:
    """Whether a task has; one that this daemon does not know is nobody's."""
    found = client.list_tasks(prefix=task_id).tasks
    return all(task.has_ended for task in found)
