"""WatchEvents over the wire: a cursor that waits, across restarts and deaths of the daemon."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from tests.wire.steps import acquire, complete, held, register
from tests.wire.waiting import LONG, ask, waits

if TYPE_CHECKING:
    from tests.daemon_process import Connection, DaemonProcess

ROUNDS = 30


def seqs(page: dict[str, Any]) -> list[int]:
    """The places of its events."""
    return [event["seq"] for event in page["events"]]


def test_one_boring_example(daemon: DaemonProcess) -> None:
    """A wait ends with the first event that fits; its answer says where to go on."""
    with daemon.connect() as watcher, daemon.connect() as other:
        ask(watcher, "WatchEvents", wait_secs=LONG)
        waits(other)
        task = register(other)
        page = watcher.read_response()["result"]
        assert (seqs(page), page["last_seq"]) == ([1, 2], 2)
        assert page["events"][0]["task_id"] == task.id
        ask(watcher, "WatchEvents", wait_secs=LONG, after_seq=page["last_seq"])
        waits(other)
        acquire(other, task)
        assert seqs(watcher.read_response()["result"]) == [3]


def test_what_was_there_is_not_waited_for(connection: Connection) -> None:
    """Events behind the place are answered at once."""
    register(connection)
    assert connection.call("WatchEvents", after_seq=0, wait_secs=LONG)["events"]


def test_the_time_is_over(connection: Connection) -> None:
    """No events, and the place behind which nothing was left out."""
    register(connection)
    last = connection.call("WatchEvents")["last_seq"]
    began = time.monotonic()
    page = connection.call("WatchEvents", wait_secs=0.3)
    assert page == {"events": [], "last_seq": last}
    assert time.monotonic() - began >= 0.29


def test_only_what_fits_ends_a_wait(daemon: DaemonProcess) -> None:
    """Other tasks, other kinds and heartbeats do not."""
    with daemon.connect() as watcher, daemon.connect() as other:
        task = register(other)
        lease = acquire(other, task)
        ask(watcher, "WatchEvents", wait_secs=LONG, task_id=task.id, kinds=["COMPLETE_NODE"])
        waits(other)
        register(other)
        other.call("HeartbeatNode", **held(lease))
        other.call("CommitEvent", **held(lease), action_type="NOTE")
        event_id = complete(other, lease)
        [event] = watcher.read_response()["result"]["events"]
        assert (event["id"], event["by_client"]) == (event_id, False)


def test_a_client_that_left_is_forgotten(daemon: DaemonProcess) -> None:
    """Nothing waits for nobody."""
    with daemon.connect() as other:
        with daemon.connect() as watcher:
            ask(watcher, "WatchEvents", wait_secs=LONG)
            waits(other)
        waits(other, number=0)


class Follower(threading.Thread):
    """Goes on from `last_seq`, whatever becomes of the daemon, and notes every place it `saw`."""

    def __init__(self, daemon: DaemonProcess) -> None:
        super().__init__()
        self._daemon_process = daemon
        self._place = 0
        self.saw: list[int] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self._follow_one_daemon():
            time.sleep(0.01)

    def _follow_one_daemon(self) -> bool:
        """Whether all was seen; False where the daemon is gone."""
        with contextlib.suppress(OSError, EOFError), self._daemon_process.connect() as connection:
            while True:
                is_last = self.done.is_set()
                page = connection.call("WatchEvents", after_seq=self._place, wait_secs=0.2, limit=7)
                self.saw += seqs(page)
                self._place = page["last_seq"]
                if is_last and not page["events"]:
                    return True
        return False


def test_no_gaps_and_no_repeats_across_deaths(daemon: DaemonProcess) -> None:
    """Whoever goes on from `last_seq` sees every event once, whatever becomes of the daemon."""
    follower = Follower(daemon)
    follower.start()
    try:
        for number in range(ROUNDS):
            with daemon.connect() as connection:
                register(connection)
            if number % 10 == 9:
                daemon.kill()
                daemon.start()
    finally:
        follower.done.set()
        follower.join()
    assert follower.saw == list(range(1, 2 * ROUNDS + 1))
