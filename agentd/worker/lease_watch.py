"""Tells those who hold nodes that they were taken from them, within moments.

Their task was cancelled, or somebody else has given the node back. The rule this file keeps: one
connection waits in the daemon for it, so heartbeats stay as seldom as they are, and nothing is
asked while nothing happens. What the watch misses the next heartbeat tells: it is a help, never an
error.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import msgspec

from agentd.api import RecordedEventView
from agentd.client import AsyncClient
from agentd.client.base_lease import LEASE_GONE, BaseLease
from agentd.client.repeats import TRANSIENT, backoff
from agentd.errors import DaemonUnreachable, RequestRefused

_CANCELLED = "CANCEL_TASK"
_RELEASED = "RELEASE_NODE"

WAS_RELEASED = "it was given back, and not by its worker"

_WAIT_SECONDS = 60.0
"""For how long the daemon lets a question wait; then it is asked anew."""

_BEGIN_SECONDS = 1.0
"""Seconds that a worker waits for the first answer, at most, before it acquires."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0

_MOST_REMEMBERED = 64
"""Cancelled tasks that are told to whoever begins to hold a node of theirs only now."""


class _Cancel(msgspec.Struct):
    """What the journal says of it."""

    reason: str | None = None
    by: str | None = None


class LeaseWatch:
    """Watches one task, or all, for the leases that are held under `tells`."""

    def __init__(self, client: AsyncClient, task_id: str | None) -> None:
        self._client = client
        self._task_id = task_id
        self._held: dict[str, set[BaseLease]] = {}
        self._cancelled: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        self._has_begun = asyncio.Event()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch while the block runs. It begins with the watch, or where that takes too long."""
        watch = asyncio.create_task(self._watch())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_BEGIN_SECONDS):
                    await self._has_begun.wait()
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def _watch(self) -> None:
        """Until it is cancelled, or the daemon says that it cannot: an older one, say."""
        pauses, place = backoff(_FIRST_PAUSE, _LONGEST_PAUSE), None
        while True:
            try:
                seen = await self._client.watch_events(
                    after_seq=place,
                    task_id=self._task_id,
                    kinds=[_CANCELLED, _RELEASED],
                    wait_secs=0 if place is None else _WAIT_SECONDS,
                )
            except TRANSIENT:
                await asyncio.sleep(next(pauses))
                continue
            except RequestRefused:
                return
            finally:
                self._has_begun.set()
            if place is None:
                await self._check_held()
            pauses, place = backoff(_FIRST_PAUSE, _LONGEST_PAUSE), seen.last_seq
            for event in seen.events:
                if event.by_client or event.task_id is None:  # it may only call itself so
                    continue
                if event.action_type == _CANCELLED:
                    self._drop_task(event.task_id, _describe(event))
                else:
                    await self._check_node(event.task_id, event.node_id)

    def _drop_task(self, task_id: str, why: str) -> None:
        """Drop what is held of the task."""
        with self._lock:
            self._cancelled[task_id] = why
            if len(self._cancelled) > _MOST_REMEMBERED:
                self._cancelled.popitem(last=False)
            held = list(self._held.get(task_id, ()))
        for lease in held:
            lease.drop(why)

    async def _check_held(self) -> None:
        """Drop what is gone of all that is held: nobody watched when it was handed out."""
        with self._lock:
            held = [lease for leases in self._held.values() for lease in leases]
        for lease in held:
            if (gone := await self._find_loss(lease)) is not None:
                lease.drop(gone.message)

    async def _check_node(self, task_id: str, node_id: str | None) -> None:
        """Drop what is held of the node if its lease is gone; it may be a newer one that lasts."""
        with self._lock:
            held = [each for each in self._held.get(task_id, ()) if each.node_id == node_id]
        for lease in held:
            if await self._find_loss(lease) is not None:
                lease.drop(WAS_RELEASED, released=True)

    async def _find_loss(self, lease: BaseLease) -> RequestRefused | None:
        """How the daemon says that the lease is gone, or None where it lasts, or nobody knows."""
        try:
            await self._client.heartbeat_node(lease.task_id, lease.node_id, lease.lease_id)
        except LEASE_GONE as gone:
            return gone
        except (DaemonUnreachable, RequestRefused):
            pass
        return None

    @contextmanager
    def tells(self, lease: BaseLease) -> Iterator[None]:
        """While the block runs the lease is dropped as soon as the node is taken from it.

        Whoever ends the node himself leaves the block before.
        """
        try:
            with self._lock:
                self._held.setdefault(lease.task_id, set()).add(lease)
                why = self._cancelled.get(lease.task_id)
            if why is not None:
                lease.drop(why)
            yield
        finally:
            with self._lock:
                held = self._held.get(lease.task_id, set())
                held.discard(lease)
                if not held:
                    self._held.pop(lease.task_id, None)


def _describe(event: RecordedEventView) -> str:
    """In the words of the daemon's refusal."""
    try:
        said = msgspec.json.decode(event.payload, type=_Cancel)
    except msgspec.MsgspecError:
        said = _Cancel()
    by = f" by {said.by}" if said.by else ""
    why = f": {said.reason}" if said.reason else ""
    return f"task {event.task_id} was cancelled{by}{why}"
