"""Who holds which node, and since when, of all tasks.

The rule this file keeps: it is read off the journal: an acquisition begins it, and whatever takes
the lease away ends it. What began longer ago than is read back is left out, never guessed.
"""

import contextlib
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from agentd.api import RecordedEventView
from agentd.client import AsyncClient
from agentd.errors import NodeNotFound, TaskNotFound
from agentd.label import SHORTEST_ID
from agentd.live import SPAN_KINDS, Change
from agentd.references import node_name

_PAGE = 1000
_READ_BACK = 100_000
"""Places of the journal that are read at first."""

_MOST_LABELS = 2_000


class Holding(Struct):
    """A node that is held; `since` is RFC 3339."""

    task_id: str
    node_id: str
    owner: str
    since: str


class _Lease(Struct):
    lease_owner: str = ""


class Held:
    """Call `update` with each change of a feed of all tasks."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._nodes: dict[str, Holding] = {}
        self._labels: dict[str, str] = {}

    async def update(self, change: Change) -> None:
        """Take the change. Raises as the client where the daemon is away."""
        if change.is_new:
            await self._read(change.last_seq)
        self._fold(change.events)

    def of(self, owner: str) -> list[Holding]:
        """What somebody holds, the longest first."""
        return [each for each in self._nodes.values() if each.owner == owner]

    def since(self, owner: str) -> str:
        """When somebody took what is held the longest; what is not known comes last."""
        return min((each.since for each in self.of(owner)), default="~")

    async def label(self, task_id: str, node_id: str) -> str:
        """What to call a node; it is asked for once. Raises as the client."""
        known = self._labels.get(node_id)
        if known is None:
            known = node_id[-SHORTEST_ID:]
            with contextlib.suppress(TaskNotFound, NodeNotFound):  # it is gone
                status = await self._client.node_status(task_id, node_id)
                known = node_name(status.node) or known
            if len(self._labels) >= _MOST_LABELS:
                self._labels.clear()
            self._labels[node_id] = known
        return known

    async def _read(self, last_seq: int) -> None:
        self._nodes = {}
        place = max(0, last_seq - _READ_BACK)
        while place < last_seq:
            page = await self._client.watch_events(after_seq=place, kinds=SPAN_KINDS, limit=_PAGE)
            self._fold(each for each in page.events if each.seq <= last_seq)
            if page.last_seq == place:
                return
            place = page.last_seq

    def _fold(self, events: Iterable[RecordedEventView]) -> None:
        for event in events:
            if event.by_client or event.node_id is None or event.task_id is None:
                continue
            if event.action_type == SPAN_KINDS[0]:
                owner = msgspec.json.decode(event.payload, type=_Lease).lease_owner
                self._nodes[event.node_id] = Holding(
                    event.task_id, event.node_id, owner, event.timestamp
                )
            elif event.action_type in SPAN_KINDS:
                self._nodes.pop(event.node_id, None)
