"""Runs a handler on one node, and has the daemon told what came of it.

The rule this file keeps: a node whose handler did not fail is not failed. What only stops the
worker gives the node back, as soon as its handler has really ended: nobody else must get it while
a thread goes on with it.
"""

import asyncio
import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from agentd.api import AcquireNext, AcquireNextNodeResult
from agentd.client import AsyncClient, AsyncLease, Client, Lease
from agentd.client.heartbeats import Heartbeats
from agentd.errors import DaemonUnreachable, LeaseLost, WorkFailed, WorkReleased
from agentd.label import node_label
from agentd.text import printable
from agentd.worker.ending_log import LET_GO, log_end
from agentd.worker.heartbeat_process import HeartbeatProcess
from agentd.worker.kept_result import keep_json, large_json
from agentd.worker.lease_watch import LeaseWatch
from agentd.worker.outcomes import STOPPED, Outcomes, is_cancelled

BlockingHandler = Callable[[Lease], Any]
AsyncHandler = Callable[[AsyncLease], Awaitable[Any]]
Handler = BlockingHandler | AsyncHandler

logger = logging.getLogger("agentd.worker")

SIGNAL_SPREAD_SECONDS = 0.25
"""Seconds that may lie between the news of one signal in two processes that both were sent it."""

_DELIBERATE = (WorkFailed, WorkReleased, LeaseLost, DaemonUnreachable)
"""What a handler raises on purpose, or what is no failure of the node."""

STOP_SECONDS = 5.0
"""Seconds that a handler's thread has to end when the worker is stopped at once."""


class Stoppable(Protocol):
    """A worker that may be told to stop."""

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""

    @property
    def is_signalled(self) -> bool:
        """Whether a signal stops it, or came this moment."""

    async def asks_no_more(self) -> None:
        """Where it is told to stop: return when its own questions get nothing any more."""


class NodeRunner:
    """Runs a handler on nodes. `outcomes` counts what became of them.

    A signal that stops the worker may have come to a program that the handler runs as well (Ctrl-C
    does), so what a handler raises then fails no node. `unbegun` are nodes that came with the end
    of others while the handlers were stopped.
    """

    def __init__(
        self,
        client: AsyncClient,
        handler: Handler,
        worker: Stoppable,
        wanted: Callable[[], AcquireNext | None],
        watch: LeaseWatch,
    ) -> None:
        """`wanted` says which node the call that ends one may ask for, if any."""
        self._handler = handler
        self._is_async = _is_async(handler)
        self._worker = worker
        self._wanted = wanted
        self._watch = watch
        self._blocking = Client(client.address, client.timeout)
        self._outcomes = Outcomes(client, self._blocking, worker.asks_no_more)
        self._heartbeats = HeartbeatProcess(client.address, Heartbeats(self._blocking.ask))
        self.outcomes = self._outcomes.counts
        self.unbegun: list[AcquireNextNodeResult] = []

    async def work(self, acquired: AcquireNextNodeResult) -> AcquireNextNodeResult | None:
        """Run the handler on the node and end the node with what came of it.

        Returns the next one, where the call that ended this one was given it.

        What the handler raises is logged: the node has failed with it. Cancelled, it gives the node
        back; told that the daemon is away, it lets go of it.
        """
        self._heartbeats.start()  # with the first node: a worker that waits needs none
        node = _label(acquired)
        lease: AsyncLease | Lease
        if self._is_async:
            lease = AsyncLease(acquired, self._outcomes.ask, self._heartbeats)
            running = self._run_async(lease, node)
        else:
            lease = Lease(acquired, self._outcomes.ask_in_thread, self._heartbeats)
            running = self._run_in_thread(lease, node)
        try:
            await running
        except LeaseLost as lost:
            self._outcomes.count("lost")
            logger.warning(
                "lost the lease of node %s, and dropped the work: %s", node, printable(lost)
            )
        except asyncio.CancelledError:
            if lease.next is not None:
                self.unbegun.append(lease.next)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the next node is another matter
            log_end(node, error, lease.ending)
        return lease.next

    async def give_back(self, acquired: AcquireNextNodeResult) -> None:
        """Give back a node that was not begun."""
        await self._outcomes.give_back(acquired, _label(acquired))

    def close(self) -> None:
        """Close the connections, and end what runs beside the worker."""
        self._heartbeats.close()
        self._blocking.close()

    async def _run_async(self, lease: AsyncLease, node: str) -> None:
        try:
            async with lease:
                with self._watch.tells(lease):
                    await self._handle(lease)
        except asyncio.CancelledError:
            await self._give_back(lease, node)
            raise

    async def _handle(self, lease: AsyncLease) -> None:
        handler = cast("AsyncHandler", self._handler)
        try:
            lease.result = await handler(lease)
            if (large := large_json(lease.result)) is not None:
                lease.result = await asyncio.to_thread(keep_json, lease, large)
        except SystemExit as exit_:
            raise _exit_error(exit_) from exit_
        except _DELIBERATE:
            raise
        except Exception as error:
            if not self._worker.is_signalled:  # the news may be on its way
                await asyncio.sleep(SIGNAL_SPREAD_SECONDS)
            self._give_back_if_signalled(error)
            raise
        finally:
            lease.acquire_next = self._wanted()

    async def _run_in_thread(self, lease: Lease, node: str) -> None:
        """In a thread of its own, that the program does not wait for at its end."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            outcome = self._run_blocking(lease)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_resolve, ended, outcome)

        threading.Thread(target=run, name=f"node-{lease.node_id[:8]}", daemon=True).start()
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            if is_cancelled():
                await self._stop_thread(lease, ended, node)
            await self._give_back(lease, node)
            raise

    async def _stop_thread(self, lease: Lease, ended: "asyncio.Future[None]", node: str) -> None:
        """Raises `CancelledError` where the thread goes on: then nobody else must get the node."""
        self._outcomes.end_tries()
        lease.interrupt(STOPPED)
        try:
            await asyncio.wait([ended], timeout=STOP_SECONDS)
        finally:
            if not ended.done():
                lease.drop(STOPPED)
                logger.warning(LET_GO, node, "its handler's thread goes on")
        if not ended.done():
            raise asyncio.CancelledError

    def _run_blocking(self, lease: Lease) -> BaseException | None:
        """What the handler or the end of its node raised."""
        try:
            with lease, self._watch.tells(lease):
                self._handle_blocking(lease)
        except StopIteration as stop:  # no future takes it
            return RuntimeError(repr(stop))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            return error
        return None

    def _handle_blocking(self, lease: Lease) -> None:
        handler = cast("BlockingHandler", self._handler)
        try:
            lease.result = _refuse_awaitable(handler(lease))
            if (large := large_json(lease.result)) is not None:
                lease.result = keep_json(lease, large)
        except SystemExit as exit_:
            raise _exit_error(exit_) from exit_
        except _DELIBERATE:
            raise
        except Exception as error:
            if not self._worker.is_signalled:
                time.sleep(SIGNAL_SPREAD_SECONDS)
            self._give_back_if_signalled(error)
            raise
        finally:
            lease.acquire_next = self._wanted()

    def _give_back_if_signalled(self, error: Exception) -> None:
        """Give the node back where the signal may be what the handler raised of."""
        if self._worker.is_signalled:
            raise WorkReleased(STOPPED) from error

    async def _give_back(self, lease: AsyncLease | Lease, node: str) -> None:
        """Give back the node of a handler that was cancelled and has not ended it.

        Not where the handler has only cancelled itself: it would have the node again at once.
        """
        if lease.has_ended:
            return
        if is_cancelled() or self._worker.is_stopping:
            await self._outcomes.give_back(lease, node)
        else:
            logger.warning(LET_GO, node, "its handler was cancelled, and not by the worker")


def _label(acquired: AcquireNextNodeResult) -> str:
    return printable(node_label(acquired.node_id, acquired.context.node.payload_schema))


def _resolve(ended: "asyncio.Future[None]", outcome: BaseException | None) -> None:
    if ended.cancelled():
        return
    if outcome is None:
        ended.set_result(None)
    else:
        ended.set_exception(outcome)
        ended.exception()  # not waited for any more, it is nobody's


def _exit_error(exit_: SystemExit) -> RuntimeError:
    """A handler that leaves the program fails its node: the program is the worker's."""
    return RuntimeError(f"the handler called sys.exit({exit_.code!r})")


def _refuse_awaitable(result: Any) -> Any:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("the handler returned an awaitable: write it as `async def`")
    return result


def _is_async(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object with an async __call__
    )
