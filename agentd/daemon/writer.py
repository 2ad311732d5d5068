"""The one writer: it takes all commands that are waiting and runs them in one commit.

The rule this file keeps: an answer is given after the commit, never before. Many workers share one
fsync, because commands that arrive while a batch is on its way to the disk form the next one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from agentd.daemon.contexts import Contexts
from agentd.daemon.log import logger
from agentd.journal import Recorded
from agentd.store import Store
from agentd.transact import Outcome, Request, run_batch

LARGEST_BATCH = 256
"""Commands per commit, so that one long pipeline does not make everybody wait for all of it."""

Answer = Callable[[Outcome], None]
Watch = Callable[[Sequence[Recorded]], None]


class CheckpointedStore(Store, Protocol):
    """A store that tidies up between transactions."""

    def checkpoint(self) -> None:
        """Do what has become due."""


class _Waiting(NamedTuple):
    request: Request
    answer: Answer


class Writer:
    """Owns the write connection. Runs on the event loop's thread (why: benchmarks/README.md)."""

    def __init__(self, store: CheckpointedStore, contexts: Contexts, watch: Watch) -> None:
        """`watch` is told of everything that was recorded, once it is on disk."""
        self._store = store
        self._contexts = contexts
        self._watch = watch
        self._waiting: deque[_Waiting] = deque()
        self._loop = asyncio.get_running_loop()
        self._scheduled = False

    def submit(self, request: Request, answer: Answer) -> None:
        """Run the command in the next batch and give its outcome to `answer`, once it is on disk."""
        self._waiting.append(_Waiting(request, answer))
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        size = min(len(self._waiting), LARGEST_BATCH)
        batch = [self._waiting.popleft() for _ in range(size)]
        outcomes = run_batch(
            self._store, [waiting.request for waiting in batch], self._contexts.make(), log_fault
        )
        for waiting, outcome in zip(batch, outcomes, strict=True):
            self._watch(outcome.recorded)
            waiting.answer(outcome)
        # The answers are on their way before the checkpoint and the next batch begin.
        if self._waiting:
            self._loop.call_soon(self._run)
        else:
            self._scheduled = False
        self._loop.call_soon(self._store.checkpoint)


def log_fault(error: BaseException) -> None:
    """Log a fault of the daemon's own with its traceback; the client is told only that there was one."""
    logger.error("a request failed: %r", error, exc_info=error)
