"""A worker that is stopped at once: whatever it holds is given back, as far as that is safe."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient, AsyncLease, Client, Lease, Worker, WorkReleased
from agentd.client.requests.request import Request
from agentd.errors import LeaseLost, UnknownMethod
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.working import node, task, until

if TYPE_CHECKING:
    from agentd.api import AcquireNextNodeResult, AttemptView

LONG = {"seconds": 60.0}


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of a daemon whose leases last for 5 minutes."""
    with Client(shared.socket_path) as opened:
        yield opened


def started(daemon: DaemonProcess, kind: str, task_id: str) -> subprocess.Popen[str]:
    """A worker in a process of its own whose handler has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.worker_process", kind, task_id],
        cwd=REPOSITORY,
        env=environment(daemon.home, {}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def attempts(client: Client, task_id: str) -> list[AttemptView]:
    """How the attempts at the task's only node ended."""
    return client.node_status(task_id, node(client, task_id).id).attempts


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_without_blame(shared: DaemonProcess, client: Client, kind: str) -> None:
    """The node of a worker that got Ctrl-C can be had at once, and the attempt does not count."""
    task_id = task(client, LONG)
    with started(shared, kind, task_id) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    [ended] = attempts(client, task_id)
    assert (ended.how, bytes(ended.error or b"")) == ("released", b'"the worker was stopped"')
    assert client.acquire_next_node(task_id) is not None


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_without_a_daemon(daemon: DaemonProcess, kind: str) -> None:
    """Where the daemon is away the worker ends all the same."""
    with Client(daemon.socket_path) as client:
        task_id = task(client, LONG)
        with started(daemon, kind, task_id) as process:
            daemon.kill()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE_SECONDS)
        daemon.start()
        assert out.splitlines()[-2:] == ["interrupted", "out"]
        assert node(client, task_id).status == "RUNNING"


def test_a_thread_that_goes_on(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a blocking handler cannot be stopped its node stays held: nobody else must begin it."""
    monkeypatch.setattr("agentd.worker.node_runner.STOP_SECONDS", 0.05)
    task_id, go_on, ended = task(client, 1), threading.Event(), threading.Event()

    def handle(_lease: Lease) -> None:
        try:
            signal.raise_signal(signal.SIGINT)  # it is the main thread that is told
            go_on.wait()
        except LeaseLost:
            go_on.wait()
        ended.set()

    worker = Worker(client, handle, task_id=task_id)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert node(client, task_id).status == "RUNNING"
    go_on.set()
    assert ended.wait(PATIENCE_SECONDS)
    assert worker.outcomes == {}


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_handler_that_was_cancelled_by_itself(
    client: Client, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Where nobody stops the worker the node is not given back: it would be had again at once."""
    task_id = task(client, 1)

    def handle(_lease: Lease) -> None:
        raise asyncio.CancelledError

    async def handle_async(_lease: AsyncLease) -> None:
        raise asyncio.CancelledError

    worker = Worker(client, handle if kind == "blocking" else handle_async, task_id=task_id)
    running = threading.Thread(target=worker.run)
    running.start()
    until(lambda: "let go of node" in caplog.text)
    worker.stop()
    running.join(PATIENCE_SECONDS)
    assert node(client, task_id).status == "RUNNING"
    assert worker.outcomes == {}


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Ctrl-C comes after the daemon has answered such a request, and before that is noticed."""

    def on(method: str) -> None:
        class Interrupted(AsyncClient):
            async def ask(self, request: Request[Any]) -> Any:
                answer = await super().ask(request)
                if request.method == method and signals:
                    signal.raise_signal(signals.pop())
                    await asyncio.sleep(0.1)
                return answer

        signals = [signal.SIGINT]
        monkeypatch.setattr("agentd.worker.worker.AsyncClient", Interrupted)

    return on


def test_an_idle_hand(client: Client) -> None:
    """It does not take what a busy one gives back, though it waits in the daemon."""
    task_id = task(client, 1)

    async def handle(_lease: AsyncLease) -> None:
        # One question is for work, the other for news.
        await asyncio.to_thread(until, lambda: client.metrics().runtime.waiting_requests == 2)
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    worker = Worker(client, handle, task_id=task_id, concurrency=2)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert [each.how for each in attempts(client, task_id)] == ["released"]
    assert worker.outcomes == {"released": 1}


def test_an_unread_answer_of_a_worker_that_goes_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that was handed out while SIGTERM came does not wait for the handlers to finish."""
    task_id = task(client, 1)

    async def unread(_self: object) -> AcquireNextNodeResult | None:
        return await asyncio.to_thread(client.acquire_next_node, other) if others else None

    monkeypatch.setattr("agentd.worker.node_source.NodeSource.unread", unread)
    other = task(client, 2)
    others = [other]

    async def handle(_lease: AsyncLease) -> None:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.to_thread(until, lambda: attempts(client, other))
        others.clear()

    worker = Worker(client, handle, task_id=task_id)
    worker.run()
    assert [each.how for each in attempts(client, other)] == ["released"]
    assert worker.outcomes == {"completed": 1, "released": 1}


async def give(lease: AsyncLease) -> Any:
    """A handler."""
    return lease.payload


def test_a_node_that_was_not_heard_of(client: Client, interrupted: Callable[[str], None]) -> None:
    """One that was handed out while Ctrl-C came is given back."""
    interrupted("AcquireNextNode")
    task_id = task(client, 1)
    worker = Worker(client, give, task_id=task_id)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert [each.how for each in attempts(client, task_id)] == ["released"]
    assert worker.outcomes == {"released": 1}


def test_a_node_that_came_with_an_end(client: Client, interrupted: Callable[[str], None]) -> None:
    """So is one that came with the end of another, which counts."""
    interrupted("CompleteNode")
    task_id = task(client, 1, 2)
    worker = Worker(client, give, task_id=task_id)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert worker.outcomes == {"completed": 1, "released": 1}
    assert client.task_status(task_id).counts == {"COMPLETED": 1, "PENDING": 1}


def test_a_handler_that_gives_back_when_it_is_stopped(client: Client) -> None:
    """What it says of the moment counts."""
    task_id = task(client, 1)

    async def handle(_lease: AsyncLease) -> None:
        signal.raise_signal(signal.SIGINT)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise WorkReleased("not now", after_secs=3600) from None

    worker = Worker(client, handle, task_id=task_id)
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert worker.outcomes == {"released": 1}
    assert node(client, task_id).not_before is not None


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon knows no ReleaseNode."""

    class Older(AsyncClient):
        async def ask(self, request: Request[Any]) -> Any:
            if request.method == "ReleaseNode":
                raise UnknownMethod("unknown method ReleaseNode")
            return await super().ask(request)

    monkeypatch.setattr("agentd.worker.worker.AsyncClient", Older)


@pytest.mark.usefixtures("older")
@pytest.mark.parametrize("raised", [ValueError, asyncio.CancelledError])
def test_an_older_daemon(client: Client, raised: type[BaseException]) -> None:
    """One that takes no node back has it back when its lease runs out: it is never failed."""
    task_id = task(client, 1)

    async def handle(_lease: AsyncLease) -> None:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
        raise raised

    worker = Worker(client, handle, task_id=task_id)
    worker.run()
    assert node(client, task_id).status == "RUNNING"
    assert worker.outcomes == {}
