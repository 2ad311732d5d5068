"""Leases that are kept: for longer than they last, and for longer than their daemon."""

# ruff: noqa: SIM117 - what is tested is a block within a block

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from agentd import Client
from agentd.errors import DaemonUnreachable
from tests.daemon_process import BRIEF_SECONDS, PATIENCE_SECONDS, DaemonProcess
from tests.leases import actions, held, hold, outcome

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def hurried(brief: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon with short leases."""
    with Client(brief.socket_path) as opened:
        yield opened


def until_beaten(client: Client) -> None:
    """Wait for a heartbeat."""
    before = client.metrics().runtime.heartbeats
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while client.metrics().runtime.heartbeats == before:
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_leases_outlast_their_length(brief: DaemonProcess, hurried: Client) -> None:
    """Two leases in two threads are kept for longer than they last, whatever the threads do."""
    acquired = list(held(brief, {}, {}))

    def sleep(node: Any) -> None:
        with hurried.lease(node) as lease:
            time.sleep(BRIEF_SECONDS * 1.1)
            assert hurried.acquire_next_node(node.task_id) is None
            lease.result = node.node_id

    threads = [threading.Thread(target=sleep, args=(node,)) for node in acquired]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for node in acquired:
        assert outcome(brief, node) == ("COMPLETED", node.node_id)
        assert actions(brief, node) == ["ACQUIRE_NODE", "COMPLETE_NODE"]


# Daemons that go away


def test_a_daemon_that_is_away_for_longer_than_the_lease(home: Path) -> None:
    """While no daemon runs nobody gets the node: it is held on to, and kept when one is back."""
    env = {"AGENTD_NODE_TIMEOUT_SECS": str(BRIEF_SECONDS)}
    with DaemonProcess(home, **env) as daemon, Client(daemon.socket_path) as client:
        acquired = hold(daemon)
        with client.lease(acquired) as lease:
            daemon.kill()
            time.sleep(BRIEF_SECONDS * 1.5)  # so it is seen to be away once the lease has run out
            assert not lease.is_lost
            daemon.start()
            until_beaten(client)
            assert client.acquire_next_node(acquired.task_id) is None
            lease.result = "kept"
        assert outcome(daemon, acquired) == ("COMPLETED", "kept")
        assert actions(daemon, acquired) == ["ACQUIRE_NODE", "COMPLETE_NODE"]


def test_finished_work_waits_for_the_daemon(daemon: DaemonProcess) -> None:
    """A block that ends while no daemon runs waits for one as long as a call may take."""
    acquired = hold(daemon)
    with Client(daemon.socket_path) as client:
        with client.lease(acquired) as lease:
            lease.result = "precious"
            client.close()
            daemon.kill()
            starting = threading.Thread(target=daemon.start)
            starting.start()
        starting.join()
        assert outcome(daemon, acquired) == ("COMPLETED", "precious")
    daemon.kill()
    with Client(daemon.socket_path, timeout=0.2) as client:
        with pytest.raises(DaemonUnreachable, match=r"nobody listens .* within 0\.2 s"):
            with client.lease(acquired):
                pass
