"""A daemon that is away while somebody works: that fails no node, because failing is final."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentd import AsyncClient, Client, Lease, Worker
from agentd.api import AcquireNextNodeResult
from agentd.errors import DaemonUnreachable, LeaseLost
from tests.daemon_process import DaemonProcess
from tests.working import node, task

PATIENCE = 0.6
"""Seconds that a call waits for the daemon."""


@contextmanager
def away(daemon: DaemonProcess) -> Iterator[None]:
    """It goes away, and is back when the call in the block has given up."""
    daemon.kill()
    try:
        yield
    finally:
        daemon.start()


def acquired(daemon: DaemonProcess) -> AcquireNextNodeResult:
    """The only node of a new task."""
    with Client(daemon.socket_path) as client:
        found = client.acquire_next_node(task(client, 1))
    assert found is not None
    return found


def status(daemon: DaemonProcess, found: AcquireNextNodeResult) -> str:
    """What has become of it."""
    with Client(daemon.socket_path) as client:
        return node(client, found.task_id).status


def test_an_event_that_could_not_be_told(daemon: DaemonProcess) -> None:
    """The error leaves the block, and the node goes back when its lease runs out."""
    found = acquired(daemon)
    with Client(daemon.socket_path, PATIENCE) as client:  # noqa: SIM117
        with pytest.raises(DaemonUnreachable), client.lease(found) as lease, away(daemon):
            lease.commit("STEP")
    assert status(daemon, found) == "RUNNING"


def test_an_event_that_could_not_be_told_async(daemon: DaemonProcess) -> None:
    """So it is with a lease of asyncio."""
    found = acquired(daemon)

    async def work() -> None:
        async with (
            AsyncClient(daemon.socket_path, PATIENCE) as client,
            client.lease(found) as lease,
        ):
            with away(daemon):
                await lease.commit("STEP")

    with pytest.raises(DaemonUnreachable):
        asyncio.run(work())
    assert status(daemon, found) == "RUNNING"


def test_a_handler_that_cannot_reach_the_daemon(shared: DaemonProcess) -> None:
    """What a worker's handler asks the daemon in vain does not fail its node either."""

    def handle(lease: Lease) -> None:
        worker.stop()
        with Client(shared.home / "nowhere") as client:
            client.task_status(lease.task_id)

    with Client(shared.socket_path) as client:
        task_id = task(client, 1)
        worker = Worker(client, handle, task_id=task_id)
        worker.run()
        assert node(client, task_id).status == "RUNNING"
    assert worker.outcomes == {}


def test_the_reason_is_told_once(shared: DaemonProcess) -> None:
    """A lease that is dropped after it was lost keeps the reason for which it was lost."""
    found = acquired(shared)
    with Client(shared.socket_path) as client:
        client.complete_node(found.task_id, found.node_id, found.lease_id)
        lease = client.lease(found)
        with pytest.raises(LeaseLost) as caught:
            lease.commit("STEP")
        lease.drop(str(caught.value))
        with pytest.raises(LeaseLost) as caught:
            lease.check()
    assert str(caught.value).startswith(f"node {found.node_id}: lease {found.lease_id} ")
