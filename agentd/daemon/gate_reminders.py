"""When people are reminded of an open gate: once, when a tenth of its time is left.

The rule this file keeps: what was open when the daemon started is known as well; one that is in
the last tenth then is told at once. Whether a gate is still open is asked when it is told. Where
several daemons share the database, each reminds of those alone that opened through it: else people
are reminded as often as there are daemons.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from agentd.daemon.clock import Clock
from agentd.daemon.notice import Matter
from agentd.events import GateOpened, NodeUpdated
from agentd.journal import Recorded
from agentd.projections import NODES, GateRow
from agentd.queries import node_settings
from agentd.store import Reader, Store

LONGEST_SLEEP_SECONDS = 1.0
"""The loop's timers stand still while the machine is suspended, so none is set for long."""

_PART = 10
"""One part of so many is left."""

_PAGE = 1_000


class GateReminders:
    """Sleeps until the next one."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        tell: Callable[[Matter], None],
        *,
        is_shared: bool = False,
    ) -> None:
        """`is_shared`: other daemons remind of gates as well."""
        self._clock = clock
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[int, Matter]] = []  # Unix milliseconds; a heap
        self._timer: asyncio.TimerHandle | None = None
        if not is_shared:
            with store.read() as reader:
                self._load(reader)
        self._sleep()

    def opened(self, recorded: Recorded, event: GateOpened) -> None:
        """Remind of this one."""
        if event.timeout_at is not None and recorded.node_id is not None:
            self._remind(recorded.seq, recorded.node_id, recorded.at, event.timeout_at)

    def moved(self, recorded: Recorded, event: NodeUpdated) -> None:
        """Remind of it, where it is a gate that is open, by its new time."""
        if event.gate_timeout_at is not None and recorded.node_id is not None:
            self._remind(recorded.seq, recorded.node_id, recorded.at, event.gate_timeout_at)

    def stop(self) -> None:
        """Remind of nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _load(self, reader: Reader) -> None:
        place = (-1, -1)
        while rows := reader.listed_gates("open", None, place, _PAGE):
            for row in rows:
                self._load_one(reader, row)
            place = (rows[-1].since or 0, rows[-1].opened_seq or 0)

    def _load_one(self, reader: Reader, row: GateRow) -> None:
        gate = node_settings(reader, reader.get(NODES, (row.node_id,))).gate
        if gate is not None and gate.timeout_ms is not None and row.timeout_at is not None:
            since = row.timeout_at - gate.timeout_ms
            self._push(row.opened_seq or 0, row.node_id, since, row.timeout_at)

    def _remind(self, seq: int, node_id: str, since: int, timeout_at: int) -> None:
        self._push(seq, node_id, since, timeout_at)
        self._sleep()

    def _push(self, seq: int, node_id: str, since: int, timeout_at: int) -> None:
        matter = Matter("gate_times_out", seq, node_id, timeout_at)
        heappush(self._due, (timeout_at - (timeout_at - since) // _PART, matter))

    def _sleep(self) -> None:
        self.stop()
        if self._due:
            seconds = max(self._due[0][0] - self._clock.now(), 0) / 1000
            self._timer = self._loop.call_later(min(seconds, LONGEST_SLEEP_SECONDS), self._look)

    def _look(self) -> None:
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            self._tell(heappop(self._due)[1])
        self._sleep()
