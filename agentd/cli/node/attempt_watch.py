"""Whether an attempt goes on, asked of the daemon once and then told by it.

The rule this file keeps: nothing polls the daemon, and one that goes away is waited for: what is
watched here goes on without it.
"""

import threading
import time

from agentd.client import Client
from agentd.client.address import Address
from agentd.client.repeats import TRANSIENT
from agentd.errors import RequestRefused

_WAIT_SECONDS = 30.0
"""For how long the daemon lets one question wait."""

_PAUSE_SECONDS = 1.0
"""Between two questions to a daemon that is away."""


class AttemptWatch:
    """Watches an attempt from a thread of its own, with a connection of its own."""

    def __init__(self, address: Address, task_id: str, node_id: str, attempt: int) -> None:
        self._address = address
        self._task_id = task_id
        self._node_id = node_id
        self._attempt = attempt
        self._ended = threading.Event()
        self._refusal: RequestRefused | None = None
        threading.Thread(target=self._watch, daemon=True).start()

    def has_ended(self) -> bool:
        """Whether the attempt is known to have ended. Raises `RequestRefused`."""
        if self._refusal is not None:
            raise self._refusal
        return self._ended.is_set()

    def _watch(self) -> None:
        with Client(self._address) as client:
            place = None
            while not self._ended.is_set() and self._refusal is None:
                try:
                    place = self._ask(client, place)
                except TRANSIENT:
                    time.sleep(_PAUSE_SECONDS)
                except RequestRefused as refusal:
                    self._refusal = refusal

    def _ask(self, client: Client, place: int | None) -> int:
        """Wait for what happens in the task, if it has not happened; how far that was seen."""
        if place is None:  # what happens from now on is behind this place
            place = client.watch_events(task_id=self._task_id).last_seq
            self._look(client)
            return place
        page = client.watch_events(
            after_seq=place, task_id=self._task_id, wait_secs=_WAIT_SECONDS, limit=1000
        )
        if any(event.node_id == self._node_id for event in page.events):
            self._look(client)
        return page.last_seq

    def _look(self, client: Client) -> None:
        node = client.node_status(self._task_id, self._node_id).node
        if node.status != "RUNNING" or node.attempt != self._attempt:
            self._ended.set()
