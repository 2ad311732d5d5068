"""A lease in an `async with` block: as in a `with` block, and what a cancelled task is told."""

# ruff: noqa: PT012 - what is tested is what leaves a block

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Raw

from agentd import AsyncClient
from agentd.errors import LeaseLost, Unsendable, WorkFailed
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.leases import GONE, actions, hold, left_alone, outcome, run, taken

if TYPE_CHECKING:
    from agentd import AsyncLease
    from agentd.api import AcquireNextNodeResult
    from tests.leases import Block


def lost(daemon: DaemonProcess, block: Block, match: str = "") -> AcquireNextNodeResult:
    """Run the block under a lease that another takes meanwhile: it raises LeaseLost."""
    acquired = hold(daemon)

    async def losing(lease: AsyncLease) -> Any:
        taken(daemon, acquired)
        return await block(lease)

    with pytest.raises(LeaseLost, match=f"^node {acquired.node_id}: .*{match}"):
        run(daemon, acquired, losing)
    assert left_alone(daemon, acquired)
    return acquired


async def work(_lease: AsyncLease) -> None:
    """Wait for longer than any test may take."""
    await asyncio.sleep(PATIENCE_SECONDS)
    raise AssertionError("nothing was raised")


# The end of the block


def test_it_completes_the_node(shared: DaemonProcess) -> None:
    """What the block leaves in `result` is the node's result."""
    acquired = hold(shared)

    async def block(lease: AsyncLease) -> Any:
        await lease.commit("SAW", lease.payload)
        return {"inputs": lease.inputs}

    run(shared, acquired, block)
    assert outcome(shared, acquired) == ("COMPLETED", {"inputs": {}})
    assert actions(shared, acquired) == ["ACQUIRE_NODE", "SAW", "COMPLETE_NODE"]


@pytest.mark.parametrize(
    ("error", "told"), [(KeyError("gone"), "KeyError"), (WorkFailed({"type": "mine"}), "mine")]
)
def test_it_fails_the_node(shared: DaemonProcess, error: Exception, told: str) -> None:
    """What the block raises fails the node, and goes on."""
    acquired = hold(shared)

    async def block(_lease: AsyncLease) -> None:
        raise error

    with pytest.raises(type(error)):
        run(shared, acquired, block)
    status, payload = outcome(shared, acquired)
    assert (status, payload["type"]) == ("FAILED", told)


@pytest.mark.parametrize(
    ("result", "error"), [(object(), TypeError), (Raw(b"rubbish"), Unsendable)]
)
def test_a_result_that_cannot_be_sent(
    shared: DaemonProcess, result: Any, error: type[Exception]
) -> None:
    """A result that is no JSON fails the node and is raised."""
    acquired = hold(shared)

    async def block(_lease: AsyncLease) -> Any:
        return result

    with pytest.raises(error):
        run(shared, acquired, block)
    status, payload = outcome(shared, acquired)
    assert (status, payload["type"]) == ("FAILED", error.__name__)


def test_a_loop_that_is_blocked(fleeting: DaemonProcess) -> None:
    """Heartbeats go out though the block lets nothing else run, and a loss is told after it."""

    async def block(lease: AsyncLease) -> None:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while not lease.is_lost and time.monotonic() < ends_at:
            pass

    lost(fleeting, block, match=GONE)


def test_finished_work_waits_for_the_daemon(daemon: DaemonProcess) -> None:
    """A block that ends while no daemon runs waits for one as long as a call may take."""
    acquired = hold(daemon)
    starting = threading.Thread(target=daemon.start)

    async def main() -> None:
        async with AsyncClient(daemon.socket_path) as client, client.lease(acquired) as lease:
            await client.close()
            daemon.kill()
            starting.start()
            lease.result = "precious"

    asyncio.run(main())
    starting.join()
    assert outcome(daemon, acquired) == ("COMPLETED", "precious")


# Leases that are lost


def test_it_is_lost_in_the_middle_of_work(fleeting: DaemonProcess) -> None:
    """The task that waits is told within a heartbeat, with the reason."""
    lost(fleeting, work, match=GONE)


def test_a_commit_says_that_it_is_lost(fleeting: DaemonProcess) -> None:
    """A commit under a lease that is gone raises LeaseLost."""

    async def block(lease: AsyncLease) -> None:
        with pytest.raises(LeaseLost):
            await lease.commit("SAW")
        assert lease.is_lost

    lost(fleeting, block)


def test_a_block_that_swallows_it(fleeting: DaemonProcess) -> None:
    """A block that swallows the cancellation does not get past its end; nothing is left of it."""
    acquired = hold(fleeting)

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        async with AsyncClient(fleeting.socket_path) as client:
            with pytest.raises(LeaseLost):
                async with client.lease(acquired) as lease:
                    taken(fleeting, acquired)
                    with pytest.raises(asyncio.CancelledError):
                        await work(lease)
            assert task.cancelling() == 0
            await asyncio.sleep(0)
        async with asyncio.TaskGroup() as group:  # it would take a leftover for its own
            group.create_task(asyncio.sleep(0))

    asyncio.run(main())


def test_a_block_that_fails_of_it(fleeting: DaemonProcess) -> None:
    """What the block raises when it is told is not hidden: a note says what became of the node."""
    acquired = hold(fleeting)

    async def block(lease: AsyncLease) -> None:
        taken(fleeting, acquired)
        try:
            await work(lease)
        finally:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        run(fleeting, acquired, block)
    assert "could not be failed" in caught.value.__notes__[0]


def test_a_loss_at_the_end_of_the_block(shared: DaemonProcess) -> None:
    """What comes too late to cancel the block cancels nothing after it."""
    acquired = hold(shared)

    async def main() -> None:
        async with AsyncClient(shared.socket_path) as client:
            with pytest.raises(LeaseLost, match="too late"):
                async with client.lease(acquired) as lease:
                    lease.drop("too late")
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert outcome(shared, acquired) == ("RUNNING", None)


def test_a_block_that_fails_of_its_own_after_a_drop(shared: DaemonProcess) -> None:
    """Who has let go of the node fails it no more."""
    acquired = hold(shared)

    async def block(lease: AsyncLease) -> None:
        lease.drop("no time")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(shared, acquired, block)
    assert outcome(shared, acquired) == ("RUNNING", None)


def test_a_loss_that_is_told_twice(shared: DaemonProcess) -> None:
    """Whoever has the news already is not cancelled again while it cleans up."""
    acquired = hold(shared)
    cleaned: list[bool] = []

    async def block(lease: AsyncLease) -> None:
        lease.drop("cancelled")
        try:
            await work(lease)
        finally:
            lease.drop("cancelled")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(LeaseLost, match="cancelled"):
        run(shared, acquired, block)
    assert cleaned


def test_a_block_with_tasks_of_its_own(fleeting: DaemonProcess) -> None:
    """The tasks of a group within the block end with it."""
    ended: list[bool] = []

    async def child() -> None:
        try:
            await asyncio.sleep(PATIENCE_SECONDS)
        finally:
            ended.append(True)

    async def block(_lease: AsyncLease) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(child())

    lost(fleeting, block)
    assert ended == [True, True]


def test_a_timeout_does_not_take_the_loss_for_its_own(fleeting: DaemonProcess) -> None:
    """The loss goes through a timeout that has not come yet."""

    async def block(lease: AsyncLease) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await work(lease)

    lost(fleeting, block)
