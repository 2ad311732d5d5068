"""One node in the hands of one handler.

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
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from agentd.api import AcquireNextNodeResult
from agentd.client import AsyncClient, AsyncLease, Client, Lease
from agentd.client.base_lease import LEASE_GONE
from agentd.client.heartbeats import Heartbeats
from agentd.client.payloads import failure_payload
from agentd.client.repeats import TRANSIENT, backoff
from agentd.client.requests.request import Request
from agentd.errors import DaemonUnreachable, LeaseLost, WorkFailed
from agentd.label import label
from agentd.text import shown

Result = TypeVar("Result")
BlockingHandler = Callable[[Lease], Any]
AsyncHandler = Callable[[AsyncLease], Awaitable[Any]]
Handler = BlockingHandler | AsyncHandler

logger = logging.getLogger("agentd.worker")

_ENDS = {"CompleteNode": "completed", "FailNode": "failed"}
_LOST = {"FailNode": "lost"}  # what the handler raised leaves the block; else it is LeaseLost
_LONGEST_WAIT = 2.0
_LONGEST_TOLD = 200
"""Bytes of a failure that the log repeats; the node has all of it."""

MOMENT = 0.25
"""Seconds that may lie between the news of one signal in two processes that both were sent it."""

_SAID = (WorkFailed, LeaseLost, DaemonUnreachable)
"""What a handler raises on purpose, or what is no failure of the node."""

_LAST_WAIT = 5.0
"""Seconds that a handler's thread has to end when the worker is stopped at once."""


class Handling:
    """Hands nodes to a handler. `outcomes` counts what became of them.

    `is_signalled` says whether a signal stops the worker. It may have come to a program that the
    handler runs as well (Ctrl-C does), so what a handler raises then fails no node.
    """

    def __init__(
        self, client: AsyncClient, handler: Handler, is_signalled: Callable[[], bool]
    ) -> None:
        self._client = client
        self._handler = handler
        self._is_signalled = is_signalled
        self._blocking = Client(client.socket_path, client.timeout)
        self._heartbeats = Heartbeats(self._blocking.ask)
        self._is_async = _is_async(handler)
        self.outcomes: Counter[str] = Counter()
        self._counting = threading.Lock()

    async def work(self, acquired: AcquireNextNodeResult) -> None:
        """Run the handler on the node and end the node with what came of it.

        What the handler raises is logged: the node has failed with it. Cancelled, or told that the
        daemon is away, it lets go of the node.
        """
        node = shown(label(acquired.node_id, acquired.context.node.payload_schema))
        try:
            await (self._await if self._is_async else self._in_thread)(acquired)
        except LeaseLost as lost:
            self._count("lost")
            logger.warning("lost the lease of node %s, and dropped the work: %s", node, shown(lost))
        except asyncio.CancelledError as stopped:
            cause = f", after {shown(repr(stopped.__cause__))}" if stopped.__cause__ else ""
            logger.warning("let go of node %s%s: it goes back when its lease runs out", node, cause)
            raise
        except DaemonUnreachable as error:
            logger.warning("let go of node %s, it goes back: %s", node, shown(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next node is another matter
            told = " ".join([_told(error), *getattr(error, "__notes__", ())])
            logger.warning("node %s failed: %s", node, shown(told))

    def close(self) -> None:
        """Close the connections."""
        self._blocking.close()

    async def _await(self, acquired: AcquireNextNodeResult) -> None:
        handler = cast("AsyncHandler", self._handler)
        async with AsyncLease(acquired, self._ask, self._heartbeats) as lease:
            try:
                lease.result = await handler(lease)
            except SystemExit as exit_:
                raise _left(exit_) from exit_
            except _SAID:
                raise
            except Exception as error:
                if not self._is_signalled():  # the news may be on its way
                    await asyncio.sleep(MOMENT)
                self._spare(error)
                raise

    async def _in_thread(self, acquired: AcquireNextNodeResult) -> None:
        """In a thread of its own, that the program does not wait for at its end."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        stopped = threading.Event()

        def run() -> None:
            outcome = self._run(lease)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, ended, outcome)

        lease = Lease(acquired, lambda request: self._ask_here(request, stopped), self._heartbeats)
        threading.Thread(target=run, name=f"node-{lease.node_id[:8]}", daemon=True).start()
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            stopped.set()
            lease.drop("the worker was stopped")
            await asyncio.wait([ended], timeout=_LAST_WAIT)
            raise

    def _run(self, lease: Lease) -> BaseException | None:
        """What the handler or the end of its node raised."""
        handler = cast("BlockingHandler", self._handler)
        try:
            with lease:
                try:
                    lease.result = _no_awaitable(handler(lease))
                except SystemExit as exit_:
                    raise _left(exit_) from exit_
                except _SAID:
                    raise
                except Exception as error:
                    if not self._is_signalled():
                        time.sleep(MOMENT)
                    self._spare(error)
                    raise
        except StopIteration as stop:  # no future takes it
            return RuntimeError(repr(stop))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            return error
        return None

    def _spare(self, error: Exception) -> None:
        """Let go of the node where the signal may be what the handler raised of."""
        if self._is_signalled():
            raise asyncio.CancelledError from error

    async def _ask(self, request: Request[Result]) -> Result:
        trouble = _Trouble(request.method)
        for wait in backoff(longest=_LONGEST_WAIT):
            try:
                answer = await self._client.ask(request)
            except TRANSIENT as error:
                trouble.tell(error)
                await asyncio.sleep(wait)
            except LEASE_GONE:
                self._count(_LOST.get(request.method))
                raise
            else:
                self._count(_ENDS.get(request.method))
                return answer
        raise AssertionError  # waits() has no end

    def _ask_here(self, request: Request[Result], stopped: threading.Event) -> Result:
        trouble = _Trouble(request.method)
        for wait in backoff(longest=_LONGEST_WAIT):
            try:
                answer = self._blocking.ask(request)
            except TRANSIENT as error:
                trouble.tell(error)
                if stopped.wait(wait):
                    raise
            except LEASE_GONE:
                self._count(_LOST.get(request.method))
                raise
            else:
                self._count(_ENDS.get(request.method))
                return answer
        raise AssertionError  # waits() has no end

    def _count(self, outcome: str | None) -> None:
        if outcome is not None:
            with self._counting:
                self.outcomes[outcome] += 1


class _Trouble:
    """Why a request is not answered, said once as long as it stays the same."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._said: type[Exception] | None = None

    def tell(self, error: Exception) -> None:
        """Log it, if it is news."""
        if type(error) is not self._said:
            logger.warning("%s is tried until it is answered: %s", self._method, shown(error))
        self._said = type(error)


def _settle(ended: "asyncio.Future[None]", outcome: BaseException | None) -> None:
    if ended.cancelled():
        return
    if outcome is None:
        ended.set_result(None)
    else:
        ended.set_exception(outcome)
        ended.exception()  # not waited for any more, it is nobody's


def _left(exit_: SystemExit) -> RuntimeError:
    """A handler that leaves the program fails its node: the program is the worker's."""
    return RuntimeError(f"the handler called sys.exit({exit_.code!r})")


def _told(error: Exception) -> str:
    if isinstance(error, WorkFailed):
        return bytes(failure_payload(error))[:_LONGEST_TOLD].decode(errors="replace")
    return repr(error)


def _no_awaitable(result: Any) -> Any:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("the handler returned an awaitable: write it as `async def`")
    return result


def _is_async(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object with an async __call__
    )
