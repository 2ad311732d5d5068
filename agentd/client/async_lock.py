"""A resource lock that is held while a task of asyncio works.

The rule this file keeps: what `base_lock` says of a block holds for an `async with` block.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from agentd.api import AcquireResourceLockResult
from agentd.client.base_lock import BaseLock, LockFields
from agentd.client.heartbeats import Heartbeats
from agentd.client.requests.request import Request
from agentd.client.steps import run_async


class AsyncLock(BaseLock):
    """Holds a lock in an `async with` block, as `Lock` does in a `with` block."""

    def __init__(
        self,
        resource_key: str,
        fields: LockFields,
        ask: Callable[[Request[Any]], Awaitable[Any]],
        ask_patiently: Callable[[Request[Any]], Awaitable[Any]],
        heartbeats: Heartbeats,
    ) -> None:
        super().__init__(resource_key, fields, heartbeats)
        self._ask = ask
        self._ask_patiently = ask_patiently

    async def acquire(self) -> AcquireResourceLockResult:
        """See `Lock.acquire`."""
        return await run_async(self._take(), self._ask)

    async def release(self) -> None:
        """See `Lock.release`."""
        await run_async(self._give_back(None), self._ask_patiently)

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await run_async(self._give_back(error), self._ask_patiently)
