"""A task that holds a lease and is cancelled by others: it hears that, and the node is let be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient
from agentd.errors import LeaseLost
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.leases import hold, outcome, run, taken

if TYPE_CHECKING:
    from agentd import AsyncLease
    from agentd.api import AcquireNextNodeResult
    from tests.leases import Block


async def work(_lease: AsyncLease) -> None:
    """Wait for longer than any test may take."""
    await asyncio.sleep(PATIENCE_SECONDS)
    raise AssertionError("nothing was raised")


def cancelled(daemon: DaemonProcess, acquired: AcquireNextNodeResult, block: Block) -> None:
    """Cancel the block from outside once it has begun: that is what leaves it."""

    async def main() -> None:
        begun = asyncio.Event()

        async def begins(lease: AsyncLease) -> Any:
            begun.set()
            return await block(lease)

        async def hold_on() -> None:
            async with AsyncClient(daemon.socket_path) as client, client.lease(acquired) as lease:
                lease.result = await begins(lease)

        task = asyncio.create_task(hold_on())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_cancelled_task(shared: DaemonProcess) -> None:
    """A cancellation leaves the block as it came, and the node alone."""
    acquired = hold(shared)
    cancelled(shared, acquired, work)
    assert outcome(shared, acquired) == ("RUNNING", None)


def test_a_cancelled_task_whose_lease_was_lost(fleeting: DaemonProcess) -> None:
    """Who was told of the loss already, and is then cancelled from outside, is cancelled."""
    acquired = hold(fleeting)

    async def block(lease: AsyncLease) -> None:
        taken(fleeting, acquired)
        with pytest.raises(LeaseLost):
            await lease.commit("SAW")
        await work(lease)

    cancelled(fleeting, acquired, block)


def test_cancelled_twice(shared: DaemonProcess) -> None:
    """Lost and cancelled from outside at once, the block is cancelled: that must not be lost."""
    acquired = hold(shared)

    async def block(lease: AsyncLease) -> None:
        lease.drop("at once")
        await work(lease)

    cancelled(shared, acquired, block)
    assert outcome(shared, acquired) == ("RUNNING", None)


def test_a_timeout_around_the_block(shared: DaemonProcess) -> None:
    """A timeout outside is a timeout, and leaves the node alone."""
    acquired = hold(shared)

    async def main() -> None:
        async with AsyncClient(shared.socket_path) as client:
            async with asyncio.timeout(0.02):
                async with client.lease(acquired) as lease:
                    await work(lease)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert outcome(shared, acquired) == ("RUNNING", None)


def test_a_timeout_within_the_block(shared: DaemonProcess) -> None:
    """A timeout inside is the block's own affair."""
    acquired = hold(shared)

    async def block(lease: AsyncLease) -> str:
        try:
            async with asyncio.timeout(0.02):
                await work(lease)
        except TimeoutError:
            return "in time"
        return "never"

    run(shared, acquired, block)
    assert outcome(shared, acquired) == ("COMPLETED", "in time")
