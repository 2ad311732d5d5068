"""A cancelled task, a node that is taken away: who holds it is told before the next heartbeat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from msgspec import structs

from agentd import AsyncClient, AsyncLease, Client, Lease, Worker
from agentd.errors import LeaseLost, UnknownMethod
from agentd.worker.lease_watch import WAS_RELEASED, LeaseWatch
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.working import task

if TYPE_CHECKING:
    from agentd.api import WatchEventsResult


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of a daemon whose leases last for 5 minutes: no heartbeat tells of anything here."""
    with Client(shared.socket_path) as opened:
        yield opened


@pytest.mark.parametrize("serves", ["one task", "all tasks"])
def test_a_thread_is_told(client: Client, caplog: pytest.LogCaptureFixture, serves: str) -> None:
    """A blocking handler gets LeaseLost, and the log has who cancelled the task and why."""
    task_id = task(client, 1)
    told: list[type[BaseException]] = []

    def handle(lease: Lease) -> None:
        try:  # it may be told before the cancellation is answered
            client.cancel_task(lease.task_id, reason="not\x1bneeded", by="me")
            while True:
                time.sleep(0.01)
        except BaseException as error:
            told.append(type(error))
            worker.stop()
            raise

    worker = Worker(client, handle, task_id=task_id if serves == "one task" else None)
    worker.run()
    assert told == [LeaseLost]
    assert worker.outcomes == {"lost": 1}
    assert f"task {task_id} was cancelled by me: not\\x1bneeded" in caplog.text


def test_a_task_of_asyncio_is_told(client: Client) -> None:
    """An async handler is cancelled."""
    task_id = task(client, 1)

    async def handle(lease: AsyncLease) -> None:
        await asyncio.to_thread(client.cancel_task, lease.task_id)
        await asyncio.Event().wait()

    worker = Worker(client, handle, task_id=task_id)
    worker.run()
    assert worker.outcomes == {"lost": 1}


def test_a_descendant(client: Client) -> None:
    """Whoever holds a node of a task below the one that was cancelled is told, too."""
    parent = client.register_task("parent", initial_nodes=[{}]).task_id
    below = client.register_task("below", initial_nodes=[{}], parent_task_id=parent).task_id

    async def handle(_lease: AsyncLease) -> None:
        await asyncio.to_thread(client.cancel_task, parent)
        await asyncio.Event().wait()

    worker = Worker(client, handle, task_id=below)
    worker.run()
    assert worker.outcomes == {"lost": 1}


# A node that somebody else gives back


def test_a_node_that_is_taken_away(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Its holder lets go of it at once: another may begin it."""
    task_id = task(client, 1)

    async def handle(lease: AsyncLease) -> None:
        worker.stop()  # before: it may be told before the release is answered
        await asyncio.to_thread(
            client.release_node, lease.task_id, lease.node_id, lease.lease_id, after_secs=3600
        )
        await asyncio.Event().wait()

    worker = Worker(client, handle, task_id=task_id)
    worker.run()
    assert worker.outcomes == {"lost": 1}
    assert "it was given back, and not by its worker" in caplog.text


def test_a_release_of_an_earlier_lease(client: Client) -> None:
    """A node that the same worker has again meanwhile is its own, whatever became of the first."""
    task_id, last = task(client, 1), task(client, 2)
    place = client.watch_events().last_seq
    are_held = asyncio.Event()

    class FromThere(AsyncClient):
        """It begins before the releases, and hears of them once there are leases."""

        async def watch_events(self, **params: Any) -> WatchEventsResult:
            if params["after_seq"] is None:
                return structs.replace(await super().watch_events(**params), last_seq=place)
            await are_held.wait()
            return await super().watch_events(**params)

    async def watch() -> tuple[str, bool]:
        async with FromThere(client.socket_path) as opened:
            first = await hold(opened, task_id)
            taken = await hold(opened, last)
            await opened.release_node(task_id, first.node_id, first.lease_id)
            await opened.release_node(last, taken.node_id, taken.lease_id)
            again = await hold(opened, task_id)
            leases = LeaseWatch(opened, None)
            async with leases.watching(), asyncio.timeout(PATIENCE_SECONDS):
                with leases.tells(again), leases.tells(taken):
                    are_held.set()
                    return await taken.dropped.get(), again.dropped.empty()

    assert asyncio.run(watch()) == (WAS_RELEASED, True)


# The watch by itself


class Held:
    """Stands for a lease."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.node_id = self.lease_id = "n"
        self.dropped: asyncio.Queue[str] = asyncio.Queue()

    def drop(self, why: str, *, released: bool = False) -> None:  # noqa: ARG002
        """Note why."""
        self.dropped.put_nowait(why)


def held(task_id: str) -> Any:
    """A lease on a node of that task."""
    return Held(task_id)


async def hold(client: AsyncClient, task_id: str) -> Any:
    """A node of that task, handed out."""
    acquired = await client.acquire_next_node(task_id)
    assert acquired is not None
    lease = held(task_id)
    lease.node_id, lease.lease_id = acquired.node_id, acquired.lease_id
    return lease


def test_it_goes_on_where_it_was(daemon: DaemonProcess) -> None:
    """What was cancelled while the connection was away is told, too."""

    async def watch() -> str:
        async with AsyncClient(daemon.socket_path) as opened:
            lease: Any = held(task_id)
            leases = LeaseWatch(opened, None)
            async with leases.watching():
                with leases.tells(lease):
                    daemon.kill()
                    await asyncio.to_thread(daemon.start)
                    with Client(daemon.socket_path) as client:
                        client.cancel_task(task_id)
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        return str(await lease.dropped.get())

    with Client(daemon.socket_path) as client:
        task_id = task(client, 1)
    assert asyncio.run(watch()) == f"task {task_id} was cancelled"


def test_a_node_that_is_held_only_now(shared: DaemonProcess, client: Client) -> None:
    """The news may be quicker than the answer that brings the node: then it is told at once."""
    task_id, other = task(client, 1), task(client, 1)

    async def watch() -> tuple[bool, bool]:
        async with AsyncClient(shared.socket_path) as opened:
            first: Any = held(task_id)
            late: Any = held(task_id)
            others: Any = held(other)
            leases = LeaseWatch(opened, None)
            async with leases.watching():
                with leases.tells(first), leases.tells(others):
                    await asyncio.to_thread(client.cancel_task, task_id)
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await first.dropped.get()
                with leases.tells(late):
                    return late.dropped.empty(), others.dropped.empty()

    assert asyncio.run(watch()) == (False, True)


def test_a_watch_that_begins_late(shared: DaemonProcess, client: Client) -> None:
    """What was cancelled or given back before the daemon had time for the watch is told with it."""
    kept, cancelled, given_back = (task(client, 1) for _ in range(3))

    async def watch() -> tuple[bool, str, str]:
        async with AsyncClient(shared.socket_path) as opened:
            lasts, lost, gone = [await hold(opened, each) for each in (kept, cancelled, given_back)]
            await opened.cancel_task(cancelled, reason="not needed")
            await opened.release_node(given_back, gone.node_id, gone.lease_id)
            leases = LeaseWatch(opened, None)
            with leases.tells(lasts), leases.tells(lost), leases.tells(gone):
                async with leases.watching(), asyncio.timeout(PATIENCE_SECONDS):
                    why, gave_back = await lost.dropped.get(), await gone.dropped.get()
            return lasts.dropped.empty(), why, gave_back

    is_kept, why, gave_back = asyncio.run(watch())
    assert is_kept
    assert why == f"task {cancelled} was cancelled: not needed"
    assert "lease" in gave_back


def test_an_event_that_only_calls_itself_so(shared: DaemonProcess, client: Client) -> None:
    """What an agent commits leases nothing, whatever it calls itself."""
    task_id, other = task(client, 1), task(client, 1)

    async def watch() -> bool:
        async with AsyncClient(shared.socket_path) as opened:
            lease: Any = held(task_id)
            last: Any = held(other)
            leases = LeaseWatch(opened, None)
            async with leases.watching():
                with leases.tells(lease), leases.tells(last):
                    [node_id] = [each.id for each in client.task_status(task_id).nodes]
                    await opened.commit_event(task_id, node_id, action_type="CANCEL_TASK")
                    await opened.cancel_task(other)
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await last.dropped.get()
                    return bool(lease.dropped.empty())

    assert asyncio.run(watch())


def test_an_older_daemon() -> None:
    """One that knows no such watch is asked once; heartbeats tell, as ever."""

    class Older:
        asked: ClassVar[list[str]] = []

        async def watch_events(self, **_params: Any) -> WatchEventsResult:
            self.asked.append("watch_events")
            raise UnknownMethod

    async def watch() -> None:
        older: Any = Older()
        leases = LeaseWatch(older, None)
        async with leases.watching():
            lease: Any = held("t")
            with leases.tells(lease):
                await asyncio.sleep(0)

    asyncio.run(watch())
    assert Older.asked == ["watch_events"]


def test_few_are_remembered(shared: DaemonProcess, client: Client) -> None:
    """A worker that sees many tasks cancelled in its life keeps the names of the newest."""

    async def watch() -> list[bool]:
        async with AsyncClient(shared.socket_path) as opened:
            last: Any = held(tasks[-1])
            leases = LeaseWatch(opened, None)
            async with leases.watching():
                with leases.tells(last):
                    for task_id in tasks:
                        await opened.cancel_task(task_id)
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await last.dropped.get()
                return [dropped(leases, task_id) for task_id in tasks]

    tasks = [task(client, 1) for _ in range(70)]
    told = asyncio.run(watch())
    assert told == [False] * 6 + [True] * 64


def dropped(leases: LeaseWatch, task_id: str) -> bool:
    """Whether a lease on a node of that task is dropped as soon as it is held."""
    lease: Any = held(task_id)
    with leases.tells(lease):
        return not lease.dropped.empty()
