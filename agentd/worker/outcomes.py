"""What a worker tells the daemon under its leases, and how many nodes ended in which way.

The rule this file keeps: the outcome of finished work is precious. It is told to the daemon until
the daemon has answered, however long that takes, or the lease is known to be lost. Only a worker
that is stopped at once has less time: a few seconds for what is on its way.
"""

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from agentd.client import AsyncClient, Client
from agentd.client.base_lease import LEASE_GONE
from agentd.client.repeats import TRANSIENT, backoff
from agentd.client.requests import endings
from agentd.client.requests.request import Request
from agentd.errors import NoAnswer, RequestRefused
from agentd.text import printable

Result = TypeVar("Result")

logger = logging.getLogger("agentd.worker")

STOPPED = "the worker was stopped"

_ENDED_AS = {"CompleteNode": "completed", "FailNode": "failed", "ReleaseNode": "released"}
# Of these what the handler raised leaves the block, of other requests it is LeaseLost.
_LOST_AS = {"FailNode": "lost", "ReleaseNode": "lost"}
_LONGEST_WAIT = 2.0

LAST_SECONDS = 3.0
"""Seconds for which the daemon is told, or waited for, when the worker is stopped at once."""


class Held(Protocol):
    """What a lease is known by."""

    task_id: str
    node_id: str
    lease_id: str


class Outcomes:
    """Tells what becomes of nodes, and counts it in `counts`."""

    def __init__(
        self,
        client: AsyncClient,
        blocking: Client,
        may_release: Callable[[], Awaitable[None]],
    ) -> None:
        """`blocking` is for the threads of handlers; `may_release` returns when nodes may go back.

        Threads do not wait for that: what they give back at that moment their worker may get once
        more, and gives back again.
        """
        self._client = client
        self._blocking = blocking
        self._may_release = may_release
        self.counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._stopped = threading.Event()

    async def ask(self, request: Request[Result]) -> Result:
        """The answer to a request under a lease.

        An end of a node that is on its way when its task is cancelled has the time to arrive: else
        nobody knew whether it did, nor which node came with it.
        """
        if request.method not in _ENDED_AS:
            return await self._ask(request)
        asking = asyncio.ensure_future(self._ask(request))
        try:
            if not is_cancelled():
                with contextlib.suppress(asyncio.CancelledError):
                    return await asyncio.shield(asking)
            return await self._wait_a_moment(asking, request)
        finally:
            asking.cancel()

    async def _wait_a_moment(self, asking: Awaitable[Result], request: Request[Any]) -> Result:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                return await asking
        except TimeoutError as error:
            raise NoAnswer(
                f"{request.method} was not answered within {LAST_SECONDS:g} s"
            ) from error

    async def give_back(self, held: Held, node: str) -> None:
        """Give back a node that nobody works on any more; `node` is what the log calls it.

        It is tried for some seconds; after that the node goes back when its lease runs out.
        """
        request = endings.release_node(held.task_id, held.node_id, held.lease_id, reason=STOPPED)
        try:
            await self._wait_a_moment(self._ask(request), request)
        except LEASE_GONE as gone:
            logger.warning("node %s is not ours any more: %s", node, printable(gone))
        except (*TRANSIENT, RequestRefused) as error:
            logger.warning(
                "let go of node %s, it goes back when its lease runs out: %s",
                node,
                printable(error),
            )
        else:
            logger.info("gave node %s back: %s", node, STOPPED)

    async def _ask(self, request: Request[Result]) -> Result:
        if request.method == "ReleaseNode":
            await self._may_release()
        tries = _Tries(request.method)
        with self._count_outcome(request.method):
            while True:
                try:
                    return await self._client.ask(request)
                except TRANSIENT as error:
                    await asyncio.sleep(tries.wait_after(error))

    def end_tries(self) -> None:
        """From now on threads are told at once what their tries met."""
        self._stopped.set()

    def ask_in_thread(self, request: Request[Result]) -> Result:
        """The answer to a request under a lease, for a thread."""
        tries = _Tries(request.method)
        with self._count_outcome(request.method):
            while True:
                try:
                    return self._blocking.ask(request)
                except TRANSIENT as error:
                    if self._stopped.wait(tries.wait_after(error)):
                        raise

    def count(self, outcome: str | None) -> None:
        """Count a node that ended so."""
        if outcome is not None:
            with self._counting:
                self.counts[outcome] += 1

    @contextmanager
    def _count_outcome(self, method: str) -> Iterator[None]:
        """Around a request under the lease: count what it made of the node."""
        try:
            yield
        except LEASE_GONE:
            self.count(_LOST_AS.get(method))
            raise
        self.count(_ENDED_AS.get(method))


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


def is_cancelled() -> bool:
    """Whether somebody has cancelled the task of asyncio that asks."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
