"""Where a worker's nodes come from: none is lost between the daemon and the worker."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar

from agentd import AsyncClient, Client
from agentd.api import (
    AcquireNext,
    AcquireNextNodeResult,
    ContextScope,
    DescribeInterfaceResult,
    ListTasksResult,
)
from agentd.worker.node_source import NodeSource
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess


@contextmanager
def stopped(daemon: DaemonProcess) -> Iterator[None]:
    """The daemon takes no request, and finds those that wait when it goes on."""
    daemon.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        daemon.signal(signal.SIGCONT)


@asynccontextmanager
async def reached(daemon: DaemonProcess, task_id: str | None) -> AsyncIterator[NodeSource]:
    """A source that has got its first node, and has asked a stopped daemon for the next."""
    async with AsyncClient(daemon.socket_path) as client:
        source = NodeSource(client, task_id, "me")
        assert await source.next() is not None
        with stopped(daemon):
            client.timeout = 0.3
            assert await source.next() is None
        client.timeout = PATIENCE_SECONDS
        yield source


def nodes_of(daemon: DaemonProcess, task_id: str) -> dict[str, str]:
    """The status of every node of the task."""
    with Client(daemon.socket_path) as client:
        return {node.id: node.status for node in client.task_status(task_id).nodes}


def registered(daemon: DaemonProcess) -> tuple[str, list[str]]:
    """A task of three nodes."""
    with Client(daemon.socket_path) as client:
        task = client.register_task("three", initial_nodes=[{}, {}, {}])
        return task.task_id, task.node_ids


def end(daemon: DaemonProcess, task_id: str, node_id: str) -> None:
    """Complete a node behind its holder's back, as soon as somebody holds it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with Client(daemon.socket_path) as client:
        while time.monotonic() < deadline:
            for node in client.task_status(task_id).nodes:
                if node.id == node_id and node.lease_id:
                    client.complete_node(task_id, node_id, node.lease_id, "by another")
                    return
    raise AssertionError(f"nobody got {node_id}")


async def asked_again(daemon: DaemonProcess, task_id: str) -> AcquireNextNodeResult | None:
    """What comes of a question whose answer came too late."""
    async with reached(daemon, task_id) as source:
        return await source.next()


def test_an_answer_that_came_too_late(shared: DaemonProcess) -> None:
    """The node that was leased for it is worked on: it need not wait for its lease to run out."""
    task_id, ids = registered(shared)
    acquired = asyncio.run(asked_again(shared, task_id))
    assert acquired is not None
    assert acquired.node_id == ids[1]
    assert list(nodes_of(shared, task_id).values()) == ["RUNNING", "RUNNING", "PENDING"]


def test_an_answer_that_came_much_too_late(shared: DaemonProcess) -> None:
    """A node whose lease is gone since is another's: the next one is acquired."""
    task_id, ids = registered(shared)

    async def ask() -> AcquireNextNodeResult | None:
        async with reached(shared, task_id) as source:
            end(shared, task_id, ids[1])
            return await source.next()

    acquired = asyncio.run(ask())
    assert acquired is not None
    assert acquired.node_id == ids[2]


def test_a_pause_is_waited_for(shared: DaemonProcess) -> None:
    """While a node waits only for its next try, the task is not exhausted."""
    with Client(shared.socket_path) as client:
        nodes: list[Any] = [{"name": "a", "retry": {"max_attempts": 9}}]
        nodes += [{"dependencies": ["a"]}, {"name": "b", "priority": -1}]
        task_id = client.register_task("g", initial_nodes=nodes).task_id
        first, second = (client.acquire_next_node(task_id) for _ in range(2))
        assert first is not None
        assert second is not None
        client.fail_node(task_id, "a", first.lease_id, retry_after_secs=3600.0)
        client.complete_node(task_id, "b", second.lease_id)

    async def is_exhausted() -> bool:
        async with AsyncClient(shared.socket_path) as client:
            source = NodeSource(client, task_id, "me")
            assert await source.next() is None
            return source.is_exhausted

    assert not asyncio.run(is_exhausted())


def test_pages_without_a_task_are_passed_by(shared: DaemonProcess) -> None:
    """An older daemon looks at so many tasks a call: an empty page leads on to those with work."""

    class Pages(AsyncClient):
        asked: ClassVar[list[int | None]] = []

        async def describe_interface(self) -> DescribeInterfaceResult:
            interface = await super().describe_interface()
            for method in interface.methods:
                method.params = {}  # it does not know of waits
            return interface

        async def list_tasks(self, **params: Any) -> ListTasksResult:
            self.asked.append(params.get("before"))
            if len(self.asked) < 3:
                return ListTasksResult([], len(self.asked))
            return await super().list_tasks(prefix=task_id, runnable=True)

    task_id, ids = registered(shared)

    async def ask() -> AcquireNextNodeResult | None:
        async with Pages(shared.socket_path) as client:
            return await NodeSource(client, None, "me").next()

    acquired = asyncio.run(ask())
    assert acquired is not None
    assert acquired.node_id == ids[0]
    assert Pages.asked == [None, 1, 2]


def test_a_cancelled_task_is_exhausted(shared: DaemonProcess) -> None:
    """Nobody waits for the moments of its nodes."""
    with Client(shared.socket_path) as client:
        nodes = [{"not_before": time.time() + 3600}]
        task_id = client.register_task("g", initial_nodes=nodes).task_id
        client.cancel_task(task_id)

    async def is_exhausted() -> bool:
        async with AsyncClient(shared.socket_path) as client:
            source = NodeSource(client, task_id, "me")
            assert await source.next() is None
            return source.is_exhausted

    assert asyncio.run(is_exhausted())


def test_labels(shared: DaemonProcess) -> None:
    """They are offered with every question: the first, and the one that comes with an end."""
    with Client(shared.socket_path) as client:
        nodes = [{"requires": ["gpu"]}, {"requires": ["gpu"]}, {"requires": ["tpu"]}]
        task_id = client.register_task("labelled", initial_nodes=nodes).task_id

    async def ask() -> tuple[AcquireNextNodeResult | None, AcquireNextNodeResult | None]:
        async with AsyncClient(shared.socket_path) as client:
            source = NodeSource(client, task_id, "me", ["gpu"])
            held = await source.next()
            assert held is not None
            ended = await client.complete_node(
                task_id, held.node_id, held.lease_id, acquire_next=source.wanted
            )
            return ended.next or None, await source.next()

    second, third = asyncio.run(ask())
    assert second is not None
    assert third is None


def test_a_context_scope(shared: DaemonProcess) -> None:
    """It is said with every question: the first, and the one that comes with an end."""
    with Client(shared.socket_path) as client:
        task_id = client.register_task("scoped", initial_nodes=[{}, {}]).task_id
        for each in client.task_status(task_id).nodes:
            client.commit_event(task_id, each.id, action_type="SAID")

    async def events_of_two() -> list[int]:
        async with AsyncClient(shared.socket_path) as client:
            source = NodeSource(client, task_id, "me", context_scope="node")
            held = await source.next()
            assert held is not None
            ended = await client.complete_node(
                task_id, held.node_id, held.lease_id, acquire_next=source.wanted
            )
            assert ended.next
            return [len(each.context.event_journal) for each in (held, ended.next)]

    assert asyncio.run(events_of_two()) == [1, 1]


def test_a_daemon_that_knows_neither_labels_nor_scopes(shared: DaemonProcess) -> None:
    """It would refuse them together with the end of a node, which must not get lost for that."""

    class Older(AsyncClient):
        async def describe_interface(self) -> DescribeInterfaceResult:
            interface = await super().describe_interface()
            for method in interface.methods:
                method.params = {"properties": {"wait_secs": {}}}
            return interface

    task_id, _ids = registered(shared)

    async def wanted(labels: list[str], scope: ContextScope = "task") -> AcquireNext | None:
        async with Older(shared.socket_path) as client:
            source = NodeSource(client, task_id, "me", labels, scope)
            assert await source.next() is not None
            return source.wanted

    assert asyncio.run(wanted(["gpu"])) is None
    assert asyncio.run(wanted([], "node")) is None
    assert asyncio.run(wanted([])) == AcquireNext(task_id=task_id, lease_owner="me")
