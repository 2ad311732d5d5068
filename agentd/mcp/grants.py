"""Requests that may grant something: a node, the next node, a lock.

The rule this file keeps: what nobody waits for any more is nobody's. A call that was cancelled, or
whose answer was lost, may have been granted what it asked for: the daemon is asked, under the same
`request_id`, and what was granted is given back. That question alone grants nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from agentd import api
from agentd.api import AcquireNextNodeResult, AcquireResourceLockResult, EndingResult
from agentd.client import AsyncClient
from agentd.client.requests import endings, locks
from agentd.client.requests.request import Request
from agentd.errors import DaemonUnreachable, RequestIdReused, RequestRefused

Result = TypeVar("Result")

REPORT_SECS = 5.0
"""Seconds between two reports of progress."""

_PAUSES = (0.0, 0.3)
"""Seconds before each question: the daemon may hear a moment later that nobody waits."""

_NOBODYS_TASK = "00000000-0000-0000-0000-000000000000"


class Grants:
    """The requests that are under way, by their `request_id`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._settling: set[asyncio.Task[None]] = set()
        self.pending: dict[str, Request[Any]] = {}
        self.report_secs = REPORT_SECS

    async def ask(
        self,
        request: Request[Result],
        report: Callable[[float], Awaitable[None]] | None = None,
    ) -> Result:
        """The answer; while it is waited for, `report` is told how many seconds have passed.

        Raises what `AsyncClient.ask` raises.
        """
        request_id = str(request.params.request_id)
        self.pending[request_id] = request
        try:
            answer = await self._wait(request, report)
        except RequestRefused:
            del self.pending[request_id]
            raise
        except BaseException:  # cancelled, or its answer was lost: what was granted is unknown
            self.settle_later(request)
            raise
        del self.pending[request_id]
        return answer

    async def _wait(
        self, request: Request[Result], report: Callable[[float], Awaitable[None]] | None
    ) -> Result:
        if report is None:
            return await self._client.ask(request)
        began = asyncio.get_running_loop().time()
        asking = asyncio.ensure_future(self._client.ask(request))
        try:
            while not (await asyncio.wait({asking}, timeout=self.report_secs))[0]:
                await report(asyncio.get_running_loop().time() - began)
            return asking.result()
        finally:
            asking.cancel()

    def settle_later(self, request: Request[Any]) -> None:
        """Give back what it was granted, if anything: nobody waits for it any more."""
        self.pending[str(request.params.request_id)] = request
        settling = asyncio.get_running_loop().create_task(self._settle(request))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    async def _settle(self, request: Request[Any]) -> None:
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            try:
                if await self._was_granted(request):
                    for each in giving_back(await self._client.ask(request)):
                        await self._client.ask(each)
                    break
            except (DaemonUnreachable, RequestRefused):
                continue  # it is over by itself when its lease is
        self.pending.pop(str(request.params.request_id), None)

    async def _was_granted(self, request: Request[Any]) -> bool:
        try:
            await self._client.ask(question_about(request))
        except RequestIdReused:
            return True
        except RequestRefused:
            pass
        return False

    async def settled(self) -> None:
        """Wait until nothing is left to be given back."""
        while self._settling:
            await asyncio.wait(self._settling)


def question_about(request: Request[Any]) -> Request[Any]:
    """Refused with `RequestIdReused` where the request was granted; else it is refused, too."""
    params = api.AcquireNextNodeParams(task_id=_NOBODYS_TASK, request_id=request.params.request_id)
    return Request("AcquireNextNode", params, AcquireNextNodeResult)


def giving_back(granted: Any) -> list[Request[Any]]:
    """The requests that give back what an answer granted."""
    if isinstance(granted, EndingResult):
        granted = granted.next or None
    reason = "its agent no longer waited for it"
    if isinstance(granted, AcquireNextNodeResult):
        ids = (granted.task_id, granted.node_id, granted.lease_id)
        return [endings.release_node(*ids, reason=reason)]
    if isinstance(granted, AcquireResourceLockResult):
        return [locks.release_resource_lock(granted.resource_key, granted.lease_id)]
    return []
