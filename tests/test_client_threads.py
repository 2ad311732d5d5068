"""One client for many callers: threads, tasks of an event loop, and whoever closes it."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient, Client
from agentd.errors import ConnectionLost, NoAnswer
from tests.clients import each_client
from tests.daemon_process import PATIENCE_SECONDS
from tests.fake_daemon import answers, fake_daemon, says_nothing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fake_daemon import FakeDaemon, Peer

THREADS = 20
CALLS = 50


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where nothing listens yet."""
    return tmp_path / "s"


def echoes(peer: Peer) -> None:
    """Answer each request with what it carries."""
    while True:
        peer.answer(peer.read()["params"]["n"])


def test_threads_share_a_client(path: Path) -> None:
    """Every answer goes to the thread that asked, over as many connections as calls at a time."""

    def ask(thread: int) -> bool:
        numbers = [thread * CALLS + number for number in range(CALLS)]
        return numbers == [client.call("Health", {"n": number}) for number in numbers]

    with fake_daemon(path, echoes) as daemon, Client(path) as client:
        with ThreadPoolExecutor(THREADS) as pool:
            assert all(pool.map(ask, range(THREADS)))
        assert daemon.accepted <= THREADS
        assert len(daemon.requests) == THREADS * CALLS


@each_client
def test_one_thread_uses_one_connection(path: Path, opened: Any) -> None:
    """A connection is kept from call to call."""
    with fake_daemon(path, echoes) as daemon, opened(path) as client:
        assert [client.call("Health", {"n": n}) for n in range(CALLS)] == list(range(CALLS))
        assert daemon.accepted == 1


@each_client
def test_closed_and_used_again(path: Path, opened: Any) -> None:
    """A closed client connects again at its next call."""
    with fake_daemon(path, echoes) as daemon, opened(path) as client:
        client.close()
        for number in range(3):
            assert client.call("Health", {"n": number}) == number
            client.close()
            client.close()
        assert daemon.accepted == 3


def test_closed_during_a_call(path: Path) -> None:
    """A call under way gets its answer, and its connection is not kept for another."""

    def late(peer: Peer) -> None:
        peer.read()
        peer.asked.set()
        peer.read_on.wait()
        peer.answer("late")
        peer.until_closed()

    got: list[Any] = []
    with fake_daemon(path, late) as daemon, Client(path) as client:
        asking = threading.Thread(target=lambda: got.append(client.call("Health")))
        asking.start()
        daemon.asked.wait()
        client.close()
        daemon.read_on.set()
        asking.join()
        assert daemon.closed.wait(PATIENCE_SECONDS), "the connection is left open"
    assert got == ["late"]


# Tasks


def test_tasks_share_a_connection(path: Path) -> None:
    """Every answer goes to the task that asked, over one connection."""

    async def main() -> list[Any]:
        async with AsyncClient(path) as client:
            calls = (client.call("Health", {"n": number}) for number in range(200))
            return await asyncio.gather(*calls)

    with fake_daemon(path, echoes) as daemon:
        assert asyncio.run(main()) == list(range(200))
        assert daemon.accepted == 1


def reads_all(peer: Peer) -> list[int]:
    """Take all requests, and answer none before the test says so."""
    numbers = [peer.read()["params"]["n"] for _ in range(CALLS)]
    peer.asked.set()
    peer.read_on.wait()
    return numbers


async def give_up(path: Path, daemon: FakeDaemon) -> list[Any]:
    """Make so many calls at once, and cancel every third of them when all have been sent."""
    async with AsyncClient(path) as client:
        calls = [
            asyncio.create_task(client.call("Health", {"n": number})) for number in range(CALLS)
        ]
        await asyncio.to_thread(daemon.asked.wait)
        for call in calls[1::3]:
            call.cancel()
        await asyncio.sleep(0)
        daemon.read_on.set()
        return await asyncio.gather(*calls, return_exceptions=True)


def answered(results: list[Any]) -> bool:
    """Whether every call has its own answer, but those that were cancelled."""
    return all(
        isinstance(result, asyncio.CancelledError) if number % 3 == 1 else result == number
        for number, result in enumerate(results)
    )


def test_tasks_that_give_up(path: Path) -> None:
    """Calls that were cancelled leave the answers of the others in their order."""

    def answers_all(peer: Peer) -> None:
        for number in reads_all(peer):
            peer.answer(number)
        peer.until_closed()

    with fake_daemon(path, answers_all) as daemon:
        assert answered(asyncio.run(give_up(path, daemon)))
        assert daemon.accepted == 1


def test_tasks_that_give_up_and_lose_their_connection(path: Path) -> None:
    """Calls that were cancelled are not repeated with the others."""

    def breaks(peer: Peer) -> None:
        reads_all(peer)

    with fake_daemon(path, breaks, echoes) as daemon:
        assert answered(asyncio.run(give_up(path, daemon)))
        assert len(daemon.requests) == CALLS + CALLS - len(range(1, CALLS, 3))


def test_tasks_lose_their_connection_together(path: Path) -> None:
    """What was under way is repeated over one new connection; what must not be is not."""

    def answers_some(peer: Peer) -> None:
        numbers = [peer.read()["params"]["n"] for _ in range(21)]
        for number in numbers[:3]:
            peer.answer(number)

    async def main() -> list[Any]:
        async with AsyncClient(path) as client:
            calls = [client.call("Health", {"n": number}) for number in range(20)]
            register = client.call("RegisterTask", {"n": 20})
            return await asyncio.gather(*calls, register, return_exceptions=True)

    with fake_daemon(path, answers_some, echoes) as daemon:
        *queries, command = asyncio.run(main())
        assert queries == list(range(20))
        assert isinstance(command, ConnectionLost)
        assert (daemon.accepted, len(daemon.requests)) == (2, 21 + 17)


def test_closed_during_calls_of_tasks(path: Path) -> None:
    """Closing an `AsyncClient` under its calls sends them to a new connection."""

    async def main() -> Any:
        client = AsyncClient(path)
        call = asyncio.create_task(client.call("Health", {"n": 1}))
        await client.close()
        await asyncio.sleep(0)
        await client.close()
        answer = await call
        await client.close()
        return answer

    with fake_daemon(path, echoes):
        assert asyncio.run(main()) == 1


def test_outer_timeouts_and_inner_ones(path: Path) -> None:
    """A timeout around a call is the caller's; the client's own is NoAnswer."""

    async def main() -> None:
        async with AsyncClient(path, timeout=0.1) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.health()
            with pytest.raises(NoAnswer):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await client.health()

    with fake_daemon(path, says_nothing):
        asyncio.run(main())


def test_a_loop_that_ended_with_its_connection(path: Path) -> None:
    """A connection of a loop that has ended is not used by the next one."""
    client = AsyncClient(path)
    with fake_daemon(path, echoes) as daemon, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nobody closed the first one
        assert asyncio.run(client.call("Health", {"n": 1})) == 1
        assert asyncio.run(client.call("Health", {"n": 2})) == 2
        assert daemon.accepted == 2
        del client
        gc.collect()


# Nothing is left behind


def test_nobody_waits_for_a_connection(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that fails when nobody waits for it any more is no news."""

    async def main() -> None:
        call = asyncio.create_task(AsyncClient(path).health())
        for _ in range(2):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        await asyncio.sleep(0.02)

    with socket.socket(socket.AF_UNIX) as deaf, socket.socket(socket.AF_UNIX) as first:
        deaf.bind(str(path))
        deaf.listen(0)
        first.connect(str(path))
        asyncio.run(main())
    gc.collect()
    assert caplog.records == []


@each_client
def test_nothing_is_left_open(path: Path, opened: Any) -> None:
    """Whatever calls came to, a closed client leaves no descriptor for the collector to find."""
    gc.collect()
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always", ResourceWarning)
        with fake_daemon(path, says_nothing, answers(1)), opened(path, 0.05) as client:
            with pytest.raises(NoAnswer):
                client.call("Health")
            for _ in range(2):
                try:
                    client.call("Health", {"x": "x" * 100_000})
                except NoAnswer:
                    client.close()
        path.unlink()
        del client
        gc.collect()
    assert [str(warning.message) for warning in left] == []
