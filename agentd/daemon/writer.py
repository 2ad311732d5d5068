"""The one writer: it takes all commands that are waiting and runs them in one commit.

The rule this file keeps: an answer is given after the commit, never before. Many workers share one
fsync, because commands that arrive while a batch is on its way to the disk form the next one.

Clients that were just answered are likely to ask again at once, so a batch waits for them a moment
(`PATIENCE` turns of the event loop, some 0.1 ms): one commit of eight is cheaper than two of four.
PostgreSQL does the same with `commit_delay` and `commit_siblings`.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from agentd.daemon.contexts import Contexts
from agentd.daemon.log import FAILURES_SECONDS, Seldom, logger
from agentd.errors import StorageError, SyncFailed
from agentd.journal import Recorded
from agentd.store import CheckpointedStore
from agentd.transact import Call, Outcome, run_batch

LARGEST_BATCH = 256
"""Commands per commit, so that one long pipeline does not make everybody wait for all of it."""

PATIENCE = 6
"""Turns of the event loop that a batch waits for the clients of the batch before it."""

CHECKPOINT_AGAIN_SECONDS = 0.01
"""After how long a checkpoint that readers were in the way of is tried again."""


class Client(Protocol):
    """Whoever submits commands."""

    def answer(self, command: "Submitted", outcome: Outcome) -> None:
        """Take the outcome of one command, in the order they were submitted."""


class Submitted(NamedTuple):
    """A request on its way through the writer. `since` is in perf_counter nanoseconds."""

    call: Call
    client: Client
    id: bytes = b""
    since: int = 0


class Writer:
    """Owns the write connection. Runs on the event loop's thread (why: benchmarks/README.md)."""

    def __init__(
        self,
        store: CheckpointedStore,
        contexts: Contexts,
        watch: Callable[[Sequence[Recorded]], None],
        give_up: Callable[[], None],
    ) -> None:
        """`watch` is told of everything that was recorded, once it is on disk.

        `give_up` is called when the disk can no longer be trusted.
        """
        self._store = store
        self._contexts = contexts
        self._watch = watch
        self._give_up = give_up
        self._gave_up = False
        self._failures = Seldom(FAILURES_SECONDS)
        self._waiting: deque[Submitted] = deque()
        self._last_clients: tuple[set[Client], set[Client]] = set(), set()
        self._expected = 0
        self._patience = 0
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._checkpoint_again = False

    def submit(self, command: Submitted) -> None:
        """Run the command in the next batch; its client gets the outcome once it is on disk."""
        self._waiting.append(command)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._expected = len(set().union(*self._last_clients, (c.client for c in self._waiting)))
        self._patience = PATIENCE
        self._gather()

    def _gather(self) -> None:
        if len(self._waiting) < self._expected and self._patience:
            self._patience -= 1
            os.sched_yield()  # let the clients run, if they share this processor
            self._loop.call_soon(self._gather)
        else:
            self._run()

    def _run(self) -> None:
        size = min(len(self._waiting), LARGEST_BATCH)
        batch = [self._waiting.popleft() for _ in range(size)]
        outcomes = run_batch(
            self._store, [command.call for command in batch], self._contexts.make(), log_fault
        )
        self._note_failures([o.refusal for o in outcomes if isinstance(o.refusal, StorageError)])
        for command, outcome in zip(batch, outcomes, strict=True):
            try:
                self._watch(outcome.recorded)
                command.client.answer(command, outcome)
            except Exception as error:  # noqa: BLE001 - one client must not cost the others theirs
                log_fault(error)
        self._last_clients = {command.client for command in batch}, self._last_clients[0]
        # The answers are on their way before the checkpoint and the next batch begin.
        self._loop.call_soon(self._checkpoint)
        if self._waiting:
            self._loop.call_soon(self._begin)
        else:
            self._scheduled = False

    def _note_failures(self, failures: Sequence[StorageError]) -> None:
        if not failures or self._gave_up:
            return
        # They may differ: a batch that a full disk undid is run again one by one.
        worst = next((f for f in failures if isinstance(f, SyncFailed)), failures[0])
        # A disk that is full stays so for a while; one that fails is the end, and told at once.
        log = logger if isinstance(worst, SyncFailed) else self._failures
        log.error("a batch failed, %d of its requests: %s", len(failures), worst)
        self._give_up_over(worst)

    def _give_up_over(self, error: Exception) -> None:
        if isinstance(error, SyncFailed) and not self._gave_up:
            self._gave_up = True
            self._give_up()

    def _checkpoint(self) -> None:
        if self._gave_up:
            return
        try:
            done = self._store.checkpoint()
        except (StorageError, OSError) as error:  # the WAL keeps what is not copied
            logger.warning("the checkpoint failed: %s", error)
            self._give_up_over(error)
            return
        if not done and not self._checkpoint_again:
            self._checkpoint_again = True
            self._loop.call_later(CHECKPOINT_AGAIN_SECONDS, self._try_checkpoint_again)

    def _try_checkpoint_again(self) -> None:
        self._checkpoint_again = False
        self._checkpoint()


def log_fault(error: BaseException) -> None:
    """Log a fault of the daemon's own; the client is told only that there was one."""
    logger.error("a request failed: %r", error, exc_info=error)
