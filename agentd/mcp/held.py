"""What an agent holds: nodes and locks, kept alive from a thread of their own.

The rule this file keeps: what is held has heartbeats; what is lost has a reason, which the agent is
told once, at its next call. A node ends here when the daemon has said so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agentd.api import AcquireNextNodeResult, AcquireResourceLockResult, LockMode
from agentd.client.heartbeats import Heartbeats
from agentd.client.requests import endings, locks
from agentd.client.requests.request import Request
from agentd.text import printable

LEASE_SECS = 60
"""How long a lease or a lock outlives a server that was killed with its client."""


@dataclass(eq=False)
class HeldNode:
    """A node under a lease; `name` is what people call it, or the end of its id."""

    task_id: str
    node_id: str
    lease_id: str
    name: str
    kept: Any = field(default=None, repr=False)

    @property
    def ids(self) -> tuple[str, str, str]:
        """Task, node and lease."""
        return self.task_id, self.node_id, self.lease_id

    def giving_back(self, reason: str) -> Request[Any]:
        """The request that gives it back without blame."""
        return endings.release_node(*self.ids, reason=reason)

    def __str__(self) -> str:
        return f"node {printable(self.name)} of task {self.task_id}"


@dataclass(eq=False)
class HeldLock:
    """A lock; one that is bound to a node's lease (`with_node`) ends with that."""

    key: str
    lease_id: str
    mode: LockMode
    with_node: HeldNode | None = None
    kept: Any = field(default=None, repr=False)

    def giving_back(self, reason: str) -> Request[Any]:  # noqa: ARG002 - a lock's end has none
        """The request that gives it back."""
        return locks.release_resource_lock(self.key, self.lease_id)

    def __str__(self) -> str:
        return f"the lock on {printable(self.key)}"


class Holdings:
    """All that one agent holds, and what it has to be told at its next call."""

    def __init__(self, heartbeats: Heartbeats) -> None:
        self._heartbeats = heartbeats
        self.nodes: dict[str, HeldNode] = {}
        self.locks: dict[str, HeldLock] = {}
        self._news: list[tuple[HeldNode | HeldLock, str]] = []
        self.why_lost: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.nodes or self.locks)

    def __iter__(self) -> Iterator[HeldNode | HeldLock]:
        """The nodes, and then the locks that do not end with one."""
        yield from list(self.nodes.values())
        yield from [each for each in list(self.locks.values()) if each.with_node is None]

    def add_node(self, acquired: AcquireNextNodeResult, name: str) -> HeldNode:
        """Keep a node that was acquired."""
        held = HeldNode(acquired.task_id, acquired.node_id, acquired.lease_id, name)
        node = acquired.context.node
        seconds = float((node.lease_expires_at or 0) - (node.acquired_at or 0))
        for each in (held.node_id, name):
            self.why_lost.pop(each, None)
        self.nodes[held.lease_id] = held
        held.kept = self._heartbeats.keep(held.ids, seconds, self._losing(held))
        return held

    def add_lock(
        self,
        taken: AcquireResourceLockResult,
        mode: LockMode,
        with_node: HeldNode | None = None,
    ) -> HeldLock:
        """Keep a lock that was taken; one that is bound to a node is kept with that."""
        held = HeldLock(taken.resource_key, taken.lease_id, mode, with_node)
        self.locks[held.lease_id] = held
        if with_node is None:
            beat = locks.heartbeat_resource_lock(held.key, held.lease_id, ttl_secs=LEASE_SECS)
            held.kept = self._heartbeats.keep_with(beat, float(LEASE_SECS), self._losing(held))
        return held

    def drop(self, held: HeldNode | HeldLock) -> None:
        """It has ended: no more heartbeats, and with a node's lease its locks are gone.

        Nor is it news any more: a heartbeat may have met the end that its agent has just made.
        """
        for each in [each for each in self._news if each[0] is held]:
            self._news.remove(each)
        if held.kept is not None:
            self._heartbeats.release(held.kept)
        if isinstance(held, HeldLock):
            self.locks.pop(held.lease_id, None)
            return
        self.nodes.pop(held.lease_id, None)
        for lock in [each for each in list(self.locks.values()) if each.with_node is held]:
            self.locks.pop(lock.lease_id, None)

    def lose(self, held: HeldNode | HeldLock, why: str) -> None:
        """It is gone, and the agent has to be told."""
        self.drop(held)
        told = f"You no longer hold {held}: {printable(why)}. Drop the work on it."
        self._news.append((held, told))
        if isinstance(held, HeldNode):
            self.why_lost[held.node_id] = self.why_lost[held.name] = why

    def tell_news(self) -> list[str]:
        """What the agent was not told yet; it counts as told now."""
        news, self._news = self._news, []
        return [told for _, told in news]

    def _losing(self, held: HeldNode | HeldLock) -> Callable[[str], None]:
        # From the heartbeats' thread: each step of `lose` is one that no thread sees half done.
        return lambda why: self.lose(held, why)
