"""Runs a handler on one node, and tells the daemon what came of it.

The rule this file keeps: the outcome of finished work is precious. It is told to the daemon until
the daemon has answered, however long that takes, or the lease is known to be lost.
"""

import asyncio
import contextlib
import inspect
import logging
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from agentd.api import AcquireNext, AcquireNextNodeResult
from agentd.client import AsyncClient, AsyncLease, Client, Lease
from agentd.client.base_lease import LEASE_GONE, BaseLease
from agentd.client.heartbeats import Heartbeats
from agentd.client.payloads import failure_payload
from agentd.client.repeats import TRANSIENT, backoff
from agentd.client.requests.request import Request
from agentd.errors import DaemonUnreachable, LeaseLost, WorkFailed, WorkReleased
from agentd.label import node_label
from agentd.text import printable

Result = TypeVar("Result")
BlockingHandler = Callable[[Lease], Any]
AsyncHandler = Callable[[AsyncLease], Awaitable[Any]]
Handler = BlockingHandler | AsyncHandler

logger = logging.getLogger("agentd.worker")

_ENDED_AS = {"CompleteNode": "completed", "FailNode": "failed", "ReleaseNode": "released"}
_LOST_AS = {
    "FailNode": "lost",
    "ReleaseNode": "lost",
}  # what the handler raised leaves the block; else it is LeaseLost
_LONGEST_WAIT = 2.0
_LONGEST_LOGGED = 200
"""Bytes of a failure that the log repeats; the node has all of it."""

SIGNAL_SPREAD_SECONDS = 0.25
"""Seconds that may lie between the news of one signal in two processes that both were sent it."""

_DELIBERATE = (WorkFailed, WorkReleased, LeaseLost, DaemonUnreachable)
"""What a handler raises on purpose, or what is no failure of the node."""

_STOP_SECONDS = 5.0
"""Seconds that a handler's thread has to end when the worker is stopped at once."""


class NodeRunner:
    """Runs a handler on nodes. `outcomes` counts what became of them.

    `is_signalled` says whether a signal stops the worker. It may have come to a program that the
    handler runs as well (Ctrl-C does), so what a handler raises then fails no node.
    """

    def __init__(
        self,
        client: AsyncClient,
        handler: Handler,
        is_signalled: Callable[[], bool],
        wanted: Callable[[], AcquireNext | None],
    ) -> None:
        """`wanted` says which node the call that ends one may ask for, if any."""
        self._client = client
        self._handler = handler
        self._is_signalled = is_signalled
        self._wanted = wanted
        self._next: dict[str, AcquireNextNodeResult] = {}  # by the lease that it came with
        self._blocking = Client(client.socket_path, client.timeout)
        self._heartbeats = Heartbeats(self._blocking.ask)
        self._is_async = _is_async(handler)
        self.outcomes: Counter[str] = Counter()
        self._counting = threading.Lock()

    async def work(self, acquired: AcquireNextNodeResult) -> AcquireNextNodeResult | None:
        """Run the handler on the node and end the node with what came of it.

        Returns the next one, where the call that ended this one was given it.

        What the handler raises is logged: the node has failed with it. Cancelled, or told that the
        daemon is away, it lets go of the node.
        """
        node = printable(node_label(acquired.node_id, acquired.context.node.payload_schema))
        try:
            await (self._run_async if self._is_async else self._run_in_thread)(acquired)
        except LeaseLost as lost:
            self._count("lost")
            logger.warning(
                "lost the lease of node %s, and dropped the work: %s", node, printable(lost)
            )
        except asyncio.CancelledError as stopped:
            cause = f", after {printable(repr(stopped.__cause__))}" if stopped.__cause__ else ""
            logger.warning("let go of node %s%s: it goes back when its lease runs out", node, cause)
            raise
        except WorkReleased as released:
            logger.info("gave node %s back: %s", node, printable(released.reason or "no reason"))
        except DaemonUnreachable as error:
            logger.warning("let go of node %s, it goes back: %s", node, printable(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next node is another matter
            told = " ".join([_describe(error), *getattr(error, "__notes__", ())])
            logger.warning("node %s failed: %s", node, printable(told))
        return self._next.pop(acquired.lease_id, None)

    def close(self) -> None:
        """Close the connections."""
        self._blocking.close()

    async def _run_async(self, acquired: AcquireNextNodeResult) -> None:
        handler = cast("AsyncHandler", self._handler)
        lease = AsyncLease(acquired, self._ask, self._heartbeats)
        with self._next_of(lease):
            async with lease:
                try:
                    lease.result = await handler(lease)
                except SystemExit as exit_:
                    raise _exit_error(exit_) from exit_
                except _DELIBERATE:
                    raise
                except Exception as error:
                    if not self._is_signalled():  # the news may be on its way
                        await asyncio.sleep(SIGNAL_SPREAD_SECONDS)
                    self._let_go_if_signalled(error)
                    raise
                finally:
                    lease.acquire_next = self._wanted()

    async def _run_in_thread(self, acquired: AcquireNextNodeResult) -> None:
        """In a thread of its own, that the program does not wait for at its end."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        stopped = threading.Event()

        def run() -> None:
            outcome = self._run_blocking(lease)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_resolve, ended, outcome)

        lease = Lease(
            acquired, lambda request: self._ask_in_thread(request, stopped), self._heartbeats
        )
        threading.Thread(target=run, name=f"node-{lease.node_id[:8]}", daemon=True).start()
        try:
            with self._next_of(lease):
                await asyncio.shield(ended)
        except asyncio.CancelledError:
            stopped.set()
            lease.drop("the worker was stopped")
            await asyncio.wait([ended], timeout=_STOP_SECONDS)
            raise

    def _run_blocking(self, lease: Lease) -> BaseException | None:
        """What the handler or the end of its node raised."""
        handler = cast("BlockingHandler", self._handler)
        try:
            with lease:
                try:
                    lease.result = _refuse_awaitable(handler(lease))
                except SystemExit as exit_:
                    raise _exit_error(exit_) from exit_
                except _DELIBERATE:
                    raise
                except Exception as error:
                    if not self._is_signalled():
                        time.sleep(SIGNAL_SPREAD_SECONDS)
                    self._let_go_if_signalled(error)
                    raise
                finally:
                    lease.acquire_next = self._wanted()
        except StopIteration as stop:  # no future takes it
            return RuntimeError(repr(stop))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            return error
        return None

    @contextmanager
    def _next_of(self, lease: BaseLease) -> Iterator[None]:
        """Around the work under a lease: keep what the call that ended it was given."""
        try:
            yield
        finally:
            if lease.next is not None:
                self._next[lease.lease_id] = lease.next

    def _let_go_if_signalled(self, error: Exception) -> None:
        """Let go of the node where the signal may be what the handler raised of."""
        if self._is_signalled():
            raise asyncio.CancelledError from error

    async def _ask(self, request: Request[Result]) -> Result:
        tries = _Tries(request.method)
        with self._count_outcome(request.method):
            while True:
                try:
                    return await self._client.ask(request)
                except TRANSIENT as error:
                    await asyncio.sleep(tries.wait_after(error))

    def _ask_in_thread(self, request: Request[Result], stopped: threading.Event) -> Result:
        tries = _Tries(request.method)
        with self._count_outcome(request.method):
            while True:
                try:
                    return self._blocking.ask(request)
                except TRANSIENT as error:
                    if stopped.wait(tries.wait_after(error)):
                        raise

    @contextmanager
    def _count_outcome(self, method: str) -> Iterator[None]:
        """Around a request under the lease: count what it made of the node."""
        try:
            yield
        except LEASE_GONE:
            self._count(_LOST_AS.get(method))
            raise
        self._count(_ENDED_AS.get(method))

    def _count(self, outcome: str | None) -> None:
        if outcome is not None:
            with self._counting:
                self.outcomes[outcome] += 1


class _Tries:
    """The tries of one request, which end with its answer; each new trouble is logged once."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._waits = backoff(longest=_LONGEST_WAIT)
        self._last_trouble: type[Exception] | None = None

    def wait_after(self, error: Exception) -> float:
        """Seconds to wait before the next try. Logs the error where the last was another."""
        if type(error) is not self._last_trouble:
            logger.warning("%s is tried until it is answered: %s", self._method, printable(error))
        self._last_trouble = type(error)
        return next(self._waits)


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


def _describe(error: Exception) -> str:
    if isinstance(error, WorkFailed):
        return bytes(failure_payload(error))[:_LONGEST_LOGGED].decode(errors="replace")
    return repr(error)


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
