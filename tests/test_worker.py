"""A worker: what becomes of the nodes that its handler gets, and of itself when it is stopped."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from agentd import AsyncClient, AsyncLease, Client, Lease, Worker, WorkFailed, WorkReleased
from agentd.errors import LeaseLost, NoSocket, TaskNotFound
from tests.daemon_process import BRIEF_SECONDS, PATIENCE_SECONDS, DaemonProcess

Handler = Callable[[Lease], Any] | Callable[[AsyncLease], Awaitable[Any]]


@pytest.fixture
def client(brief: DaemonProcess) -> Iterator[Client]:
    """A client of it."""
    with Client(brief.socket_path) as opened:
        yield opened


def task(client: Client, *payloads: Any) -> str:
    """A task with a node for each payload, none of which depends on another."""
    nodes = [{"payload_schema": payload} for payload in payloads]
    return client.register_task("work", initial_nodes=nodes).task_id


def ends(client: Client, task_id: str) -> list[tuple[str, Any]]:
    """Status and result of every node."""
    nodes = client.task_status(task_id).nodes
    return [(node.status, json.loads(bytes(node.result_payload))) for node in nodes]


def blocking(act: Callable[[Any], Any]) -> Handler:
    """A blocking handler that gives its payload to `act`."""

    def handle(lease: Lease) -> Any:
        return act(lease.payload)

    return handle


def awaiting(act: Callable[[Any], Any]) -> Handler:
    """An async handler that does the same."""

    async def handle(lease: AsyncLease) -> Any:
        await asyncio.sleep(0)
        return act(lease.payload)

    return handle


either = pytest.mark.parametrize("kind", [blocking, awaiting])

# Handlers


@either
def test_it_completes_nodes(client: Client, kind: Callable[..., Handler]) -> None:
    """What the handler returns is the node's result."""
    task_id = task(client, 1, "two", None)
    worker = Worker(client, kind(lambda payload: [payload]), task_id=task_id)
    worker.run()
    assert ends(client, task_id) == [
        ("COMPLETED", [1]),
        ("COMPLETED", ["two"]),
        ("COMPLETED", [None]),
    ]
    assert worker.outcomes == {"completed": 3}


def fail(payload: Any) -> Any:
    """What a handler may do wrong, by the node's payload."""
    match payload:
        case "raise":
            raise ValueError("no such thing")
        case "payload":
            raise WorkFailed({"exit": 3})
        case "exit":
            sys.exit(4)
        case "stop":
            raise StopIteration
        case "unsendable":
            return object()
        case _:
            return json.loads("[" * 130 + "]" * 130)


@either
def test_it_gives_nodes_back(client: Client, kind: Callable[..., Handler]) -> None:
    """A WorkReleased is no failure: the node may be had again."""
    task_id, said = task(client, 1), ["no quota"]

    def work(payload: Any) -> Any:
        if said:
            raise WorkReleased(said.pop())
        return payload

    worker = Worker(client, kind(work), task_id=task_id)
    worker.run()
    assert ends(client, task_id) == [("COMPLETED", 1)]
    assert worker.outcomes == {"released": 1, "completed": 1}


@either
def test_it_fails_nodes(client: Client, kind: Callable[..., Handler]) -> None:
    """What the handler raises fails the node, and so does a result that cannot be sent."""
    task_id = task(client, "raise", "payload", "exit", "unsendable", "deep")
    worker = Worker(client, kind(fail), concurrency=2, task_id=task_id)
    worker.run()
    statuses, errors = zip(*ends(client, task_id), strict=True)
    assert set(statuses) == {"FAILED"}
    assert worker.outcomes == {"failed": 5}
    assert errors[0]["type"] == "ValueError"
    assert errors[0]["message"] == "no such thing"
    assert errors[0]["traceback"].endswith("ValueError: no such thing")
    assert errors[1] == {"exit": 3}
    assert "sys.exit(4)" in errors[2]["message"]
    assert [error["type"] for error in errors[3:]] == ["TypeError", "Unsendable"]


def test_a_handler_must_not_return_an_awaitable(client: Client) -> None:
    """A blocking handler that returns a coroutine is told to be `async def`."""
    task_id = task(client, 1)
    Worker(client, lambda _lease: asyncio.sleep(0), task_id=task_id).run()
    [(status, error)] = ends(client, task_id)
    assert status == "FAILED"
    assert "async def" in error["message"]


def test_any_callable_handles(client: Client) -> None:
    """An object whose `__call__` is async is an async handler."""

    class Handles:
        async def __call__(self, lease: AsyncLease) -> Any:
            await lease.commit("SEEN")
            return lease.payload

    task_id = task(client, 7)
    Worker(client, Handles(), task_id=task_id).run()
    assert ends(client, task_id) == [("COMPLETED", 7)]


@either
def test_heartbeats_go_on_beside_the_handler(client: Client, kind: Callable[..., Handler]) -> None:
    """A handler may take longer than the lease, even one that blocks the worker's event loop."""
    task_id = task(client, 1)
    calls: list[int] = []

    def act(payload: int) -> int:
        calls.append(payload)
        time.sleep(BRIEF_SECONDS + 0.2)
        return payload

    Worker(client, kind(act), concurrency=2, task_id=task_id).run()
    assert (ends(client, task_id), calls) == ([("COMPLETED", 1)], [1])


def test_handlers_run_side_by_side(client: Client) -> None:
    """With `concurrency` so many handlers run at a time, and no more."""
    task_id = task(client, *range(6))
    meeting = threading.Barrier(3, timeout=PATIENCE_SECONDS)
    together: list[int] = []
    inside = threading.Semaphore(3)

    def act(_payload: int) -> None:
        assert inside.acquire(blocking=False)
        together.append(meeting.wait())
        inside.release()

    Worker(client, blocking(act), concurrency=3, task_id=task_id).run()
    assert sorted(together) == [0, 0, 1, 1, 2, 2]


def take(client: Client, lease: Lease | AsyncLease) -> None:
    """End the node behind its holder's back: from now on its lease is no longer current."""
    client.complete_node(lease.task_id, lease.node_id, lease.lease_id, "taken")


def test_a_lost_lease_stops_a_thread(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A blocking handler whose lease is lost gets `LeaseLost` while it runs."""
    task_id = task(client, 1)
    stopped: list[BaseException] = []

    def handle(lease: Lease) -> None:
        take(client, lease)
        try:
            while True:
                time.sleep(0.01)
        except BaseException as error:
            stopped.append(error)
            raise

    worker = Worker(client, handle, task_id=task_id)
    worker.run()
    assert [type(error) for error in stopped] == [LeaseLost]
    assert ends(client, task_id) == [("COMPLETED", "taken")]
    assert worker.outcomes == {"lost": 1}
    assert "lost the lease" in caplog.text


def test_a_lost_lease_cancels_a_task(client: Client) -> None:
    """An async handler whose lease is lost is cancelled."""
    task_id = task(client, 1)

    async def handle(lease: AsyncLease) -> None:
        await asyncio.to_thread(take, client, lease)
        await asyncio.sleep(60)

    worker = Worker(client, handle, task_id=task_id)
    worker.run()
    assert ends(client, task_id) == [("COMPLETED", "taken")]
    assert worker.outcomes == {"lost": 1}


# Where the work comes from


def test_it_waits_for_what_others_do(client: Client) -> None:
    """With a task it ends when nothing can run any more, not while others are at work."""
    first, second = uuid4(), uuid4()
    nodes: list[dict[str, Any]] = [
        {"id": first},
        {"id": second, "dependencies": [first]},
    ]
    task_id = client.register_task("chain", initial_nodes=nodes).task_id
    acquired = client.acquire_next_node(task_id)
    assert acquired is not None
    seen: list[str] = []
    worker = Worker(client, lambda lease: seen.append(lease.node_id), task_id=task_id)
    running = threading.Thread(target=worker.run)
    running.start()
    with client.lease(acquired):
        running.join(0.2)
        assert running.is_alive()
        assert seen == []
    running.join(PATIENCE_SECONDS)
    assert seen == [str(second)]


def test_it_ends_where_nothing_can_run(client: Client) -> None:
    """Nodes behind a failed one never run, so the worker of that task ends."""
    first = uuid4()
    nodes: list[dict[str, Any]] = [{"id": first}, {"dependencies": [first]}]
    task_id = client.register_task("chain", initial_nodes=nodes).task_id
    Worker(client, blocking(lambda _payload: fail("raise")), task_id=task_id).run()
    assert [status for status, _ in ends(client, task_id)] == ["FAILED", "PENDING"]


def test_without_a_task_it_serves_all(daemon: DaemonProcess) -> None:
    """It takes nodes of every task, also of those that come later, until it is stopped."""
    with Client(daemon.socket_path) as client:
        early = [task(client, number) for number in range(3)]
        done = threading.Semaphore(0)

        def handle(lease: Lease) -> Any:
            done.release()
            return lease.payload

        worker = Worker(client, handle, owner="all")
        running = threading.Thread(target=worker.run)
        running.start()
        assert all(done.acquire(timeout=PATIENCE_SECONDS) for _ in early)
        late = task(client, 3)
        assert done.acquire(timeout=PATIENCE_SECONDS)
        worker.stop()
        running.join(PATIENCE_SECONDS)
        assert not running.is_alive()
        assert [ends(client, each) for each in (*early, late)] == [
            [("COMPLETED", number)] for number in range(4)
        ]


def test_no_daemon(tmp_path: Any) -> None:
    """A worker that never reached a daemon says so."""
    with pytest.raises(NoSocket):
        Worker(Client(tmp_path / "no.sock"), blocking(id), task_id="x").run()


def test_no_such_task(client: Client) -> None:
    """A task that does not exist is an error, not something to wait for."""
    with pytest.raises(TaskNotFound):
        Worker(client, blocking(id), task_id=str(uuid4())).run()


def test_no_hands(client: Client) -> None:
    """A worker without a hand is refused where it is made."""
    with pytest.raises(ValueError, match="concurrency=0"):
        Worker(client, blocking(id), concurrency=0)


def test_it_takes_an_async_client(brief: DaemonProcess, client: Client) -> None:
    """Only the place of the daemon and the timeout are taken from its client."""
    task_id = task(client, 1)
    Worker(AsyncClient(brief.socket_path), awaiting(str), task_id=task_id).run()
    assert ends(client, task_id) == [("COMPLETED", "1")]


def test_run_in_an_event_loop(client: Client) -> None:
    """In an event loop, which it would block, `run` says how it is done there; that works."""
    task_id = task(client, 1)
    worker = Worker(client, awaiting(str), task_id=task_id)

    async def main() -> None:
        with pytest.raises(RuntimeError, match="to_thread"):
            worker.run()
        await asyncio.to_thread(worker.run)

    asyncio.run(main())
    assert ends(client, task_id) == [("COMPLETED", "1")]
