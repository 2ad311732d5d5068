"""A resource lock that is held while a thread works.

The rule this file keeps: what `base_lock` says of a block holds for a `with` block.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from agentd.api import AcquireResourceLockResult
from agentd.client.base_lock import BaseLock, LockFields
from agentd.client.heartbeats import Heartbeats
from agentd.client.requests.request import Request
from agentd.client.steps import run


class Lock(BaseLock):
    """Holds a lock in a `with` block.

    Heartbeats go out from another thread at a third of its length. When the lock is lost `is_lost`
    says so, and `LockLost` is raised at the block's end: whoever gets through it has held the lock
    all the time. At the end of the block it is released, whatever left the block.
    """

    def __init__(
        self,
        resource_key: str,
        fields: LockFields,
        ask: Callable[[Request[Any]], Any],
        ask_patiently: Callable[[Request[Any]], Any],
        heartbeats: Heartbeats,
    ) -> None:
        super().__init__(resource_key, fields, heartbeats)
        self._ask = ask
        self._ask_patiently = ask_patiently

    def acquire(self) -> AcquireResourceLockResult:
        """Take the lock and keep it alive, until `release`; a `with` block does both."""
        return run(self._take(), self._ask)

    def release(self) -> None:
        """Give the lock back. Raises `LockLost` where it was lost."""
        run(self._give_back(None), self._ask_patiently)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run(self._give_back(error), self._ask_patiently)
