"""A worker: acquires nodes, hands them to its handler, and waits where there is nothing to do.

The rule this file keeps: it stops without losing anything. SIGTERM ends the acquiring and lets the
handlers finish; Ctrl-C, or a second SIGTERM, stops them too, and gives their nodes back. Nothing
that only stops a worker fails a node, and none stays held that nobody works on.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from agentd.api import AcquireNextNodeResult, ContextScope
from agentd.client import AsyncClient, Client
from agentd.client.nodes import as_texts
from agentd.client.repeats import backoff
from agentd.worker.lease_watch import LeaseWatch
from agentd.worker.node_runner import SIGNAL_SPREAD_SECONDS, Handler, NodeRunner
from agentd.worker.node_source import NodeSource

FIRST_WAIT = 0.05
LONGEST_WAIT = 2.0
"""Seconds between two questions for work, at least and at most."""


class Worker:
    """Runs `handler` on up to `concurrency` nodes at a time.

    The handler takes a `Lease` (with `payload`, `inputs`, `context`, `commit`) and returns the
    node's result, any JSON-encodable value; an `async def` handler takes an `AsyncLease`. What it
    raises fails the node, with type, message and the end of the traceback, or with the payload of a
    `WorkFailed`; a `WorkReleased` gives it back, as does whatever else is raised while a signal
    stops the worker. Heartbeats go out from a process of their own. When the lease is lost, or the
    task cancelled, it is stopped: an async one is cancelled, a blocking one gets `LeaseLost` at its
    next step in Python.

    With `task_id` the worker ends when nothing of that task can run any more, else it serves all
    tasks until it is told to stop. `owner` names it in the journal, and `labels` are what it
    offers: nodes that require others are not for it. `context_scope` says whose events its nodes
    come with, as for `acquire_next_node`. Its connections are its own: `client` says
    where the daemon is and how long a call may take. `outcomes` counts the nodes that were
    `completed`, `failed`, `released` (given back) and `lost`.
    """

    def __init__(
        self,
        client: Client | AsyncClient,
        handler: Handler,
        *,
        concurrency: int = 1,
        task_id: str | None = None,
        owner: str | None = None,
        labels: Sequence[str] = (),
        context_scope: ContextScope = "task",
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency={concurrency}: a worker has at least one hand")
        self._client = client
        self._handler = handler
        self._concurrency = concurrency
        self._task_id = None if task_id is None else str(task_id)
        self._labels = as_texts(labels, "$.labels", "AcquireNextNode")
        self._context_scope: ContextScope = context_scope
        self._owner = owner or f"{Path(sys.argv[0]).stem or 'worker'}-{os.getpid()}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = self._is_over = False
        self._signalled_at: float | None = None
        self._changed = asyncio.Event()
        self._told_to_stop = asyncio.Event()
        self._withdrawn = asyncio.Event()
        self._running: set[asyncio.Task[AcquireNextNodeResult | None]] = set()
        self.outcomes: Mapping[str, int] = {}

    def run(self) -> None:
        """Work until there is nothing left to do, or until the worker is stopped.

        In the main thread SIGTERM stops it. Raises `DaemonUnreachable` if there is no daemon at the
        start, `TaskNotFound`, `KeyboardInterrupt`, and `RuntimeError` in a thread whose event loop
        it would block: there it is `await asyncio.to_thread(worker.run)`.
        """
        if _is_in_event_loop():
            raise RuntimeError(
                "run() blocks: in an event loop, `await asyncio.to_thread(worker.run)`"
            )
        try:
            asyncio.run(self._run())
        except asyncio.CancelledError:  # by a second SIGTERM
            if not self._stopping:
                raise

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping

    @property
    def signalled_at(self) -> float | None:
        """When SIGTERM or SIGINT told it to stop, in seconds of its event loop's clock, or None."""
        return self._signalled_at

    def stop(self) -> None:
        """Acquire no more, and let the handlers finish. From any thread."""
        self._stopping = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed: the worker has stopped
                self._loop.call_soon_threadsafe(self._note_stop)

    async def asks_no_more(self) -> None:
        """Where it is told to stop: return when its own questions get nothing any more.

        What is given back sooner could be handed out to one of them.
        """
        if self._stopping or self._is_over:
            await self._withdrawn.wait()

    def _note_stop(self) -> None:
        self._told_to_stop.set()
        self._changed.set()

    @property
    def is_signalled(self) -> bool:
        """Whether a signal stops it, or came this moment."""
        if self._signalled_at is None or self._loop is None:
            return False
        return self._stopping or self._loop.time() - self._signalled_at < SIGNAL_SPREAD_SECONDS

    async def _run(self) -> None:
        self._loop, self._is_over = asyncio.get_running_loop(), False
        self._withdrawn.clear()
        async with AsyncClient(self._client.address, self._client.timeout) as client:
            source = NodeSource(
                client, self._task_id, self._owner, self._labels, self._context_scope
            )
            watch = LeaseWatch(client, self._task_id)
            runner = NodeRunner(
                client,
                self._handler,
                self,
                lambda: None if self._stopping else source.wanted,
                watch,
            )
            self.outcomes = runner.outcomes
            try:
                with self._heed_signals():
                    async with watch.watching():
                        try:
                            await self._serve(source, runner)
                        finally:
                            await self._let_go(source, runner)
            finally:
                runner.close()

    async def _let_go(self, source: NodeSource, runner: NodeRunner) -> None:
        """Cancel the handlers, and give back what was handed out and never begun."""
        self._is_over = True
        await self._withdraw(source, runner)
        await asyncio.sleep(0)  # a task that has not begun could not give its node back
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._give_back_unbegun(runner)

    async def _withdraw(self, source: NodeSource, runner: NodeRunner) -> None:
        """Have the question that was given up, if any, answered before anything is given back."""
        try:
            if (unread := await source.unread()) is not None:
                runner.unbegun.append(unread)
        finally:
            self._withdrawn.set()

    async def _give_back_unbegun(self, runner: NodeRunner) -> None:
        unbegun = list(runner.unbegun)
        await asyncio.gather(*map(runner.give_back, unbegun))
        del runner.unbegun[: len(unbegun)]

    async def _serve(self, source: NodeSource, runner: NodeRunner) -> None:
        pauses = backoff(FIRST_WAIT, LONGEST_WAIT)
        while not self._stopping:
            self._changed.clear()
            if len(self._running) >= self._concurrency:
                await self._changed.wait()
            elif (acquired := await source.next()) is not None:
                self._start_node(runner, acquired)
                pauses = backoff(FIRST_WAIT, LONGEST_WAIT)
            elif source.is_exhausted and not self._running:
                return
            else:
                if not self._running:
                    source.log_waiting()
                began = time.monotonic()
                if (acquired := await self._wait_for_node(source)) is not None:
                    self._start_node(runner, acquired)
                elif time.monotonic() - began > LONGEST_WAIT or await self._pause(next(pauses)):
                    # It has waited in the daemon, or a node has ended: others may follow.
                    pauses = backoff(FIRST_WAIT, LONGEST_WAIT)
        await self._withdraw(source, runner)
        await self._give_back_unbegun(runner)  # now: what runs may take long
        while self._running:
            await asyncio.wait(self._running)

    async def _wait_for_node(self, source: NodeSource) -> AcquireNextNodeResult | None:
        """The next node, as soon as there is one; None after a while, or when told to stop."""
        asked = asyncio.ensure_future(source.wait())
        told = asyncio.ensure_future(self._told_to_stop.wait())
        try:
            await asyncio.wait([asked, told], return_when=asyncio.FIRST_COMPLETED)
            return await asked if asked.done() else None
        finally:
            for future in (asked, told):
                future.cancel()
            await asyncio.wait([asked, told])

    def _start_node(self, runner: NodeRunner, acquired: AcquireNextNodeResult) -> None:
        task = asyncio.get_running_loop().create_task(runner.work(acquired))
        self._running.add(task)
        task.add_done_callback(partial(self._on_node_ended, runner))

    def _on_node_ended(
        self, runner: NodeRunner, task: "asyncio.Task[AcquireNextNodeResult | None]"
    ) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is None and (next_one := task.result()):
            if self._is_over:
                runner.unbegun.append(next_one)
            else:
                self._start_node(runner, next_one)
        self._changed.set()

    async def _pause(self, seconds: float) -> bool:
        """Wait; True when something has changed before the time was over."""
        try:
            async with asyncio.timeout(seconds):
                return await self._changed.wait()
        except TimeoutError:
            return False

    @contextmanager
    def _heed_signals(self) -> Iterator[None]:
        """What this worker makes of signals."""
        with self._stop_on_sigterm(), self._record_sigint():
            yield

    @contextmanager
    def _stop_on_sigterm(self) -> Iterator[None]:
        """SIGTERM stops the worker, a second one its handlers too."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()

        def on_sigterm() -> None:
            if self._stopping and main is not None:
                main.cancel()
            self._signalled_at = loop.time()
            self.stop()

        previous = signal.getsignal(signal.SIGTERM)
        try:
            loop.add_signal_handler(signal.SIGTERM, on_sigterm)
        except (ValueError, RuntimeError):  # only the main thread is told of signals
            yield
            return
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, previous)

    @contextmanager
    def _record_sigint(self) -> Iterator[None]:
        """Note when SIGINT comes, at once: the handlers are cancelled some steps later."""
        loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)
        is_told = threading.current_thread() is threading.main_thread()
        if not is_told or not callable(before):  # it is ignored, or another thread's
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            self._signalled_at = loop.time()
            before(number, frame)

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
