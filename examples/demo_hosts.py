"""The hosts of `make demo-machines`: each has a daemon in a home of its own, and two workers.

The rule this file keeps: a worker knows its own daemon's socket and nothing of the others. What it
was told is done, it writes down.
"""

import threading
from pathlib import Path
from typing import NamedTuple

from agentd import Client
from agentd.errors import DaemonUnreachable, RequestRefused, StorageError
from examples.demo_daemon import Daemon

LEASE_SECS = 3
WAIT_SECS = 1.0
PAUSE_SECS = 0.1
STEP_SECS = 0.35

TROUBLE = (DaemonUnreachable, RequestRefused)
"""What a worker meets while its daemon or the server is away: it asks again."""


class Done(NamedTuple):
    """A node that a worker was told is completed."""

    node_id: str
    lease_id: str
    worker: str


class Host:
    """One daemon and its workers, in threads; `stop` is set when the demo is over."""

    def __init__(self, name: str, home: Path, server: str) -> None:
        home.mkdir(mode=0o700)
        self.name = name
        self.daemon = Daemon(home, server)
        self.done: list[Done] = []
        self.stop = threading.Event()

    def work(self, task_id: str) -> None:
        """Have two workers work on the task until they are told to stop."""
        for number in (1, 2):
            name = f"{self.name}-{number}"
            threading.Thread(target=self._work, args=(name, task_id), daemon=True).start()

    def _work(self, worker: str, task_id: str) -> None:
        with Client(self.daemon.socket_path, timeout=5.0) as client:
            while not self.stop.is_set():
                try:
                    self._do_one(client, worker, task_id)
                except TROUBLE:
                    self.stop.wait(PAUSE_SECS)

    def _do_one(self, client: Client, worker: str, task_id: str) -> None:
        acquired = client.acquire_next_node(
            task_id=task_id, lease_owner=worker, lease_secs=LEASE_SECS, wait_secs=WAIT_SECS
        )
        if acquired is None or self.stop.wait(STEP_SECS):
            return
        node_id, lease_id = acquired.node_id, acquired.lease_id
        while not self.stop.wait(PAUSE_SECS):
            try:
                client.complete_node(task_id, node_id, lease_id, {"worker": worker})
            except (
                DaemonUnreachable,
                StorageError,
            ):  # repeated with the same lease, it counts once
                continue
            self.done.append(Done(node_id, lease_id, worker))
            return
