"""A resource lock that is held for the length of a block.

The rule this file keeps: whoever gets through the block has held the lock all the time, or is told
that it was lost. What is said to the daemon is said here, in steps, for both kinds of lock.
"""

import time
from collections.abc import Callable
from typing import Any, TypedDict

from agentd.api import (
    AcquireResourceLockResult,
    ListResourceLocksResult,
    LockMode,
    ResourceLockView,
    rfc3339,
)
from agentd.client.heartbeats import Heartbeats, HeldLease, boot_clock
from agentd.client.lock_paths import absolute_key
from agentd.client.requests import locks
from agentd.client.requests.request import Id
from agentd.client.steps import Steps
from agentd.errors import LockHeld, LockLost, LockNotHeld
from agentd.lock_keys import normalise_key, overlap

_LONGEST_WAIT_SECS = 60.0
"""For how long the daemon lets one request wait."""

_MOST_HOLDERS = 3
"""Who is named where several are in the way."""


class LockFields(TypedDict, total=False):
    """The fields of AcquireResourceLock, besides the key."""

    wait_secs: float
    mode: LockMode
    ttl_secs: int | None
    owner: str
    provider: str | None
    task_id: Id | None
    node_id: Id | None
    metadata: Any
    node_lease_id: Id | None


class BaseLock:
    """What both kinds of lock share: the key, whether it is still ours, and how it ends.

    `key` is what is locked: a `file:` or `dir:` with an absolute path. `held` is what the daemon
    answered, None before. `on_lost` is called with the reason, from another thread, when the lock
    is lost.
    """

    def __init__(self, resource_key: str, fields: LockFields, heartbeats: Heartbeats) -> None:
        self._fields: LockFields = {**fields, "wait_secs": 0}
        self._wait_secs = fields.get("wait_secs", 0.0)
        self.key = absolute_key(resource_key)
        self.held: AcquireResourceLockResult | None = None
        self.on_lost: Callable[[str], None] | None = None
        self._heartbeats = heartbeats
        self._kept: HeldLease | None = None
        self._why_lost: str | None = None

    @property
    def lease_id(self) -> str | None:
        """The lease under which it is held; None before."""
        return None if self.held is None else self.held.lease_id

    @property
    def is_lost(self) -> bool:
        """Whether the lock is known to be gone."""
        return self._why_lost is not None

    def check(self) -> None:
        """Raise `LockLost` if the lock is known to be gone."""
        if self._why_lost is not None:
            raise LockLost(f"the lock on {self.key} is lost: {self._why_lost}")

    def leave(self) -> None:
        """Send no more heartbeats: it lasts as long as it lasts, or until its lease is released."""
        if self._kept is not None:
            self._heartbeats.release(self._kept)

    def _take(self) -> Steps[AcquireResourceLockResult]:
        """Take it, and keep it alive. Raises `LockHeld`, and what the daemon refuses."""
        deadline = time.monotonic() + self._wait_secs
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            self._fields["wait_secs"] = min(left, _LONGEST_WAIT_SECS)
            held: AcquireResourceLockResult | None
            held = yield locks.acquire_resource_lock(self.key, **self._fields)
            if held is not None:
                self._keep(held)
                return held
            if left <= _LONGEST_WAIT_SECS:
                raise LockHeld((yield from self._who_holds_it()))

    def _keep(self, held: AcquireResourceLockResult) -> None:
        self.held, self._why_lost = held, None
        ttl_secs = self._fields.get("ttl_secs")
        beat = locks.heartbeat_resource_lock(self.key, held.lease_id, ttl_secs=ttl_secs)
        seconds = float(held.lease_expires_at - held.acquired_at)
        age = time.time() - held.acquired_at - 1  # which is in whole seconds
        self._kept = self._heartbeats.keep_with(beat, seconds, self._lose, age)

    def _lose(self, why: str) -> None:
        self._why_lost = self._why_lost or why
        if self.on_lost is not None:
            self.on_lost(why)

    def _give_back(self, error: BaseException | None) -> Steps[None]:
        """Release it. Raises `LockLost` where it was lost and no `error` says that already."""
        self.leave()
        if self.held is not None and self._why_lost is None:
            has_run_out = self._has_run_out()
            try:
                yield locks.release_resource_lock(self.key, self.held.lease_id)
            except LockNotHeld as refusal:
                self._why_lost = refusal.message
            else:
                if has_run_out:  # somebody may have had what it overlaps meanwhile
                    self._why_lost = "it was not confirmed for as long as it lasts"
        if error is None:
            self.check()

    def _has_run_out(self) -> bool:
        """Whether it lasted as long as it might; one that is bound ends with its node's lease."""
        kept = self._kept
        if kept is None or self._fields.get("node_lease_id") is not None:
            return False
        return boot_clock() - kept.confirmed_at >= kept.seconds

    def _who_holds_it(self) -> Steps[str]:
        """What is said of a lock that cannot be had."""
        found: list[ResourceLockView] = []
        key, after = normalise_key(self.key), None
        while True:
            page: ListResourceLocksResult = yield locks.list_resource_locks(after=after)
            found += (each for each in page.locks if self._is_in_way(each, key))
            if (after := page.next) is None:
                return f"{self.key} is held by {_holders(found, key)}"

    def _is_in_way(self, other: ResourceLockView, key: str) -> bool:
        both_shared = self._fields.get("mode") == other.mode == "shared"
        return not both_shared and overlap(key, other.resource_key)


def _holders(found: list[ResourceLockView], key: str) -> str:
    """Who has what, and until when."""
    if not found:
        return "somebody else"  # who has given it back since
    told = [_holder(each, key) for each in found[:_MOST_HOLDERS]]
    more = [f"{len(found) - _MOST_HOLDERS:,} more"] if len(found) > _MOST_HOLDERS else []
    return ", ".join([*told, *more])


def _holder(lock: ResourceLockView, key: str) -> str:
    until = rfc3339(lock.lease_expires_at * 1000).replace(".000Z", "Z")
    what = "" if lock.resource_key == key else f" as {lock.resource_key}"
    return f"{lock.owner!r}{what} until {until}"
