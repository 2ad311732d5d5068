"""The one writer: it takes the commands that are waiting and runs them in one commit.

The rules this file keeps: an answer is given after the commit, never before. Many workers share one
fsync, because commands that arrive while a batch is on its way to the disk form the next one.

A batch is bounded in work and in the bytes of its answers: it ends when it has taken
`LONGEST_BATCH_SECONDS`, and a large command is a batch of its own. Large ones and batches of the
others take turns, and after each long one there is a rest, so that nobody waits for more than one
of them, however many there are.

Clients that were just answered are likely to ask again at once, so a batch waits for them a moment
(`PATIENCE` turns of the event loop, some 0.1 ms): one commit of eight is cheaper than two of four.
PostgreSQL does the same with `commit_delay` and `commit_siblings`.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Protocol

from msgspec import Struct

from agentd.daemon.answer_memory import WaitingClient
from agentd.daemon.context_factory import ContextFactory
from agentd.daemon.log import FAILURES_SECONDS, RateLimitedLog, logger
from agentd.errors import StorageError, SyncFailed
from agentd.journal import Recorded
from agentd.store import ServedStore
from agentd.transact import Call, Outcome, run_batch

LARGEST_BATCH = 256
"""Commands per commit, so that one long pipeline does not make everybody wait for all of it."""

MOST_ANSWERED = 4 * 1024 * 1024
"""Bytes of answers, as far as they can be told, with which a batch is full."""

LONGEST_BATCH_SECONDS = 0.05
"""A batch that has taken so long leaves the rest to the next one."""

REST = 0.1
"""After a large command that took longer than a batch may, the next one is not begun for so much of
the time that it took: what arrived meanwhile is read, run and answered, queries included.
"""

PATIENCE = 6
"""Turns of the event loop that a batch waits for the clients of the batch before it."""

CHECKPOINT_AGAIN_SECONDS = 0.01
"""After how long a checkpoint that readers were in the way of is tried again."""


class Client(Protocol):
    """Whoever submits commands."""

    def answer(self, command: "SubmittedCommand", outcome: Outcome) -> None:
        """Take the outcome of one command, in the order they were submitted."""


class LargeClient(Client, WaitingClient, Protocol):
    """Whoever has a large command. It is decoded late, so that it takes little while it waits."""

    def begin(self) -> "SubmittedCommand | None":
        """The command, now that it is its turn; None where there is nothing to run after all."""


class SubmittedCommand(Struct, frozen=True):
    """A request on its way through the writer. `since` is in perf_counter nanoseconds.

    `answer_bytes` is about how many its answer will have, 0 where they are few; what goes `alone`
    has no other command of its client beside it. Its client is willing to wait for `wait_secs`
    where there is nothing yet.
    """

    call: Call
    client: Client
    id: bytes = b""
    since: int = 0
    answer_bytes: int = 0
    alone: bool = False
    wait_secs: float = 0


class Writer:
    """Owns the write connection. Runs on the event loop's thread (why: benchmarks/README.md).

    `RemoteWriter` is its like for a store whose transactions may wait for another machine.
    """

    def __init__(
        self,
        store: ServedStore,
        contexts: ContextFactory,
        after_commit: Callable[[Sequence[Recorded]], None],
        give_up: Callable[[], None],
        has_room: Callable[[], bool] = lambda: True,
        seconds: Callable[[], float] = perf_counter,
    ) -> None:
        """`after_commit` is told of everything that was recorded, once it is on disk.

        `give_up` is called when the disk can no longer be trusted. A large command is begun only
        where there is room (`has_room`) for its answer. `seconds` is the clock of batches.
        """
        self._store = store
        self._contexts = contexts
        self._after_commit = after_commit
        self._give_up = give_up
        self._has_room = has_room
        self._seconds = seconds
        self._gave_up = False
        self._failures = RateLimitedLog(FAILURES_SECONDS)
        self._waiting: deque[SubmittedCommand] = deque()
        self._large: dict[LargeClient, float] = {}  # in the order in which they came, and when
        self._large_is_next = False
        self._rests_from = 0.0  # seconds that the large command took, while there is the rest
        self._stopping = False
        self._last_clients: tuple[set[Client], set[Client]] = set(), set()
        self._expected = 0
        self._patience = 0
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._checkpoint_again = False

    def submit(self, command: SubmittedCommand) -> None:
        """Run the command in the next batch; its client gets the outcome once it is on disk."""
        self._waiting.append(command)
        self.go_on()

    def submit_large(self, client: LargeClient) -> None:
        """Run the client's command as a batch of its own, when it is its turn."""
        if self._stopping:
            client.refuse()
        else:
            self._large[client] = self._seconds()
            self.go_on()

    def withdraw(self, client: LargeClient) -> None:
        """It is gone, and what it waited for with it."""
        self._large.pop(client, None)

    def go_on(self) -> None:
        """Something waits, or there is room for the answer of what waited for that."""
        if not self._scheduled and (self._waiting or self._may_begin_large()):
            self._scheduled = True
            self._loop.call_soon(self._begin)

    def stop(self) -> float:
        """Refuse the large commands that were not begun, and those to come.

        Returns for how many seconds the word to stop may have waited for the last of them.
        """
        self._stopping = True
        waiting, self._large = self._large, {}
        for client in waiting:
            client.refuse()
        return self._rests_from

    @property
    def is_busy(self) -> bool:
        """Whether a batch is under way, of which it is not known what it has seen."""
        return False

    def close(self) -> None:
        """Nobody submits anything any more, or waits for an answer."""

    def _may_begin_large(self) -> bool:
        return bool(self._large) and not self._rests_from and self._has_room()

    def _begin(self) -> None:
        if self._may_begin_large() and (self._large_is_next or not self._waiting):
            self._run_large()
            return
        self._large_is_next = True
        self._expected = len(set().union(*self._last_clients, (c.client for c in self._waiting)))
        self._patience = PATIENCE
        self._gather()

    def _run_large(self) -> None:
        client = next(iter(self._large))
        del self._large[client]
        self._large_is_next = False
        began = self._seconds()
        batch: list[SubmittedCommand] = []
        try:
            if (command := client.begin()) is not None:
                batch.append(command)
        except Exception as error:  # noqa: BLE001 - one client must not cost the others theirs
            log_fault(error)
        self._run(batch, None, partial(self._end_large, began))

    def _end_large(self, began: float) -> None:
        took = self._seconds() - began
        if took >= LONGEST_BATCH_SECONDS:
            self._rests_from = took
            self._loop.call_later(REST * took, self._end_rest)
        self._finish()

    def _end_rest(self) -> None:
        self._rests_from = 0.0
        self.go_on()

    def _gather(self) -> None:
        if len(self._waiting) < self._expected and self._patience:
            self._patience -= 1
            os.sched_yield()  # let the clients run, if they share this processor
            self._loop.call_soon(self._gather)
        else:
            self._run_waiting()

    def _run_waiting(self) -> None:
        batch: list[SubmittedCommand] = []
        answer_bytes = 0
        waiting = self._waiting
        while waiting and len(batch) < LARGEST_BATCH and answer_bytes < MOST_ANSWERED:
            batch.append(command := waiting.popleft())
            answer_bytes += command.answer_bytes
        self._run(batch, LONGEST_BATCH_SECONDS, self._finish)

    def _run(
        self, batch: list[SubmittedCommand], longest: float | None, then: Callable[[], None]
    ) -> None:
        """Run what comes to its turn within so many seconds, answer it, and then do that."""
        if batch:
            enough = bool if longest is None else self._timer(longest)
            calls = [command.call for command in batch]
            outcomes = run_batch(self._store, calls, self._contexts.make, log_fault, enough)
            self._deliver(batch, outcomes)
            # The answers are on their way before the checkpoint and the next batch begin.
            self._loop.call_soon(self._checkpoint)
        then()

    def _timer(self, longest: float) -> Callable[[], bool]:
        """Tells whether so many seconds are over."""
        deadline = self._seconds() + longest
        return lambda: self._seconds() >= deadline

    def _deliver(self, batch: Sequence[SubmittedCommand], outcomes: Sequence[Outcome]) -> None:
        self._waiting.extendleft(reversed(batch[len(outcomes) :]))  # which were not begun
        self._note_failures([o.refusal for o in outcomes if isinstance(o.refusal, StorageError)])
        for command, outcome in zip(batch, outcomes, strict=False):
            try:
                self._after_commit(outcome.recorded)
                command.client.answer(command, outcome)
            except Exception as error:  # noqa: BLE001 - one client must not cost the others theirs
                log_fault(error)
        begun = {command.client for command in batch[: len(outcomes)]}
        self._last_clients = begun, self._last_clients[0]

    def _finish(self) -> None:
        self._scheduled = False
        self.go_on()

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
