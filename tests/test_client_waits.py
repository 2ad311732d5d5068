"""Calls that wait in the daemon: nothing stands behind them, and the worker polls no more."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient, Client, Worker
from agentd.api import AcquireNext
from agentd.errors import NoAnswer, StaleLease
from agentd.worker.node_source import NodeSource
from tests.clients import each_client
from tests.daemon_process import PATIENCE_SECONDS
from tests.fake_daemon import fake_daemon, says_nothing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import DaemonProcess
    from tests.fake_daemon import Peer

LONG = 60.0


WORKER_WAITS = 2
"""Requests of an idle worker that wait: for a node, and for the news that a task was cancelled."""


def until_waiting(client: Client, number: int = 1) -> None:
    """Until so many requests wait."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.metrics().runtime.waiting_requests != number:
        assert time.monotonic() < deadline, f"never {number}"
        time.sleep(0.005)


@each_client
def test_the_time_is_over(daemon: DaemonProcess, opened: Any) -> None:
    """A wait that found nothing is None, no leases, or no events."""
    with opened(daemon.socket_path) as client:
        assert client.acquire_next_node(wait_secs=0.05) is None
        assert client.acquire_nodes(3, wait_secs=0.05).leases == []
        page = client.watch_events(wait_secs=0.05)
        assert (page.events, page.last_seq) == ([], 0)


@each_client
def test_a_wait_may_be_longer_than_the_timeout(daemon: DaemonProcess, opened: Any) -> None:
    """The timeout is for what the daemon takes besides."""
    with opened(daemon.socket_path, 2.5) as client:
        assert client.acquire_next_node(wait_secs=2.6) is None
        assert client.call("AcquireNextNode", {"wait_secs": 2.6}) is None


@each_client
def test_a_wait_has_an_end(tmp_path: Path, opened: Any) -> None:
    """A daemon that does not answer then is given up."""
    path = tmp_path / "s"
    with fake_daemon(path, says_nothing), opened(path, 0.1) as client, pytest.raises(NoAnswer):
        client.acquire_next_node(wait_secs=0.1)


def test_nothing_stands_behind_a_wait(daemon: DaemonProcess) -> None:
    """With asyncio, calls of one loop share a connection, but those that wait."""

    async def act() -> None:
        async with AsyncClient(daemon.socket_path) as client:
            first = asyncio.create_task(client.acquire_next_node(wait_secs=LONG))
            second = asyncio.create_task(client.watch_events(wait_secs=LONG))
            with Client(daemon.socket_path) as other:
                await asyncio.to_thread(until_waiting, other, 2)
            task = await client.register_task("g", initial_nodes=[{}])
            held = await first
            assert held is not None
            assert held.task_id == task.task_id
            assert (await second).events
            assert (await client.acquire_next_node(wait_secs=0.01)) is None

    asyncio.run(act())


def test_a_wait_that_is_given_up_is_forgotten(daemon: DaemonProcess) -> None:
    """Cancelled, it takes its connection with it: no node is given to nobody."""

    async def act() -> None:
        async with AsyncClient(daemon.socket_path) as client:
            waiting = asyncio.create_task(client.acquire_next_node(wait_secs=LONG))
            with Client(daemon.socket_path) as other:
                await asyncio.to_thread(until_waiting, other)
                waiting.cancel()
                await asyncio.wait([waiting])
                await asyncio.to_thread(until_waiting, other, 0)

    asyncio.run(act())


@each_client
def test_a_wait_goes_on_with_the_next_daemon(daemon: DaemonProcess, opened: Any) -> None:
    """A daemon that is killed takes its waits with it; the client asks the next one again."""

    def die_and_register() -> None:
        with Client(daemon.socket_path, PATIENCE_SECONDS) as other:
            until_waiting(other)
            daemon.kill()
            daemon.start()
            until_waiting(other)
            other.register_task("g", initial_nodes=[{}])

    thread = threading.Thread(target=die_and_register)
    thread.start()
    with opened(daemon.socket_path) as client:
        assert client.acquire_next_node(wait_secs=LONG) is not None
    thread.join()


@each_client
def test_the_one_call_cycle(daemon: DaemonProcess, opened: Any) -> None:
    """The end of a node brings the next one; without one it is None, unasked it is left out."""
    with opened(daemon.socket_path) as client:
        task_id = client.register_task("g", initial_nodes=[{}, {}]).task_id
        wanted = AcquireNext(task_id=task_id, lease_owner="me")
        held = client.acquire_next_node(task_id)
        ids = held.task_id, held.node_id, held.lease_id
        held = client.complete_node(*ids, 1, acquire_next=wanted).next
        assert held.lease_owner == "me"
        ids = held.task_id, held.node_id, held.lease_id
        assert client.fail_node(*ids, 2, acquire_next=wanted).next is None
        assert not client.fail_node(*ids, 2).next


@each_client
def test_several_heartbeats(daemon: DaemonProcess, opened: Any) -> None:
    """Each has its answer: a new end, or the error by which it was refused."""
    with opened(daemon.socket_path) as client:
        client.register_task("g", initial_nodes=[{}])
        held = client.acquire_next_node()
        ids = held.task_id, held.node_id, held.lease_id
        good, stale = client.heartbeat_nodes([ids, (*ids[:2], ids[0])]).leases
    assert good.ok
    assert stale.error.data["kind"] == StaleLease.kind


# The worker


def test_a_worker_waits_in_the_daemon(daemon: DaemonProcess) -> None:
    """It does not poll: it has the node when there is one, also one of any task."""
    worker_of: list[Worker] = []

    def handle(lease: Any) -> str:
        worker_of[0].stop()
        return str(lease.payload)

    with Client(daemon.socket_path) as client:
        worker_of.append(Worker(client, handle))
        thread = threading.Thread(target=worker_of[0].run)
        thread.start()
        until_waiting(client, WORKER_WAITS)
        asked = client.metrics().runtime.acquire_attempts
        time.sleep(0.3)
        assert client.metrics().runtime.acquire_attempts == asked
        task = client.register_task("g", initial_nodes=[{"payload_schema": 1}])
        thread.join()
        assert client.task_status(task.task_id).counts == {"COMPLETED": 1}


def test_a_worker_that_waits_is_stopped_at_once(daemon: DaemonProcess) -> None:
    """The daemon forgets it."""
    with Client(daemon.socket_path) as client:
        worker = Worker(client, print)
        thread = threading.Thread(target=worker.run)
        thread.start()
        until_waiting(client, WORKER_WAITS)
        began = time.monotonic()
        worker.stop()
        thread.join()
        assert time.monotonic() - began < 10
        until_waiting(client, 0)


def test_a_worker_asks_once_and_then_only_ends_nodes(daemon: DaemonProcess) -> None:
    """The call that ends a node brings the next one along, also where the node failed."""

    def handle(lease: Any) -> int:
        if lease.payload == 2:
            raise ValueError
        return 0

    with Client(daemon.socket_path) as client:
        nodes = [{"payload_schema": number} for number in range(5)]
        task_id = client.register_task("g", initial_nodes=nodes).task_id
        worker = Worker(client, handle, task_id=task_id)
        worker.run()
        assert worker.outcomes == {"completed": 4, "failed": 1}
        events = client.watch_events(after_seq=0, task_id=task_id, kinds=["ACQUIRE_NODE"])
        owners = {json.loads(bytes(event.payload))["lease_owner"] for event in events.events}
        assert len(owners) == 1


def test_an_older_daemon_is_polled(tmp_path: Path) -> None:
    """One that does not know waits is asked as ever: which tasks have a node, and for theirs."""
    described = {
        "protocol": "agentd-jsonl-v1",
        "transport": "t",
        "framing": "f",
        "version": "0",
        "state_model": {"node_statuses": [], "strict_transitions": {}},
        "errors": [],
        "methods": [
            {
                "method": "AcquireNextNode",
                "summary": "",
                "params": {"properties": {"task_id": {}, "lease_owner": {}}},
                "result": {},
                "aliases": [],
            }
        ],
    }
    answers = {"DescribeInterface": described, "ListTasks": {"tasks": [], "next": None}}

    def script(peer: Peer) -> None:
        while True:
            peer.answer(answers[peer.read()["method"]])

    async def act() -> None:
        async with AsyncClient(path) as client:
            source = NodeSource(client, None, "me")
            assert await source.next() is None
            assert await source.wait() is None
            assert source.wanted is None

    path = tmp_path / "s"
    with fake_daemon(path, script) as daemon:
        asyncio.run(act())
    assert daemon.methods == ["DescribeInterface", "ListTasks", "ListTasks"]
