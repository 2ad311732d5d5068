"""What the pages know of the daemon, also after questions that it did not answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from agentd.api import TaskStatusResult
from agentd.client import AsyncClient
from agentd.errors import NoAnswer, NotPermitted, TaskNotFound
from agentd.live import Board, Change, TaskNodes
from agentd.ui.lookout import ALL, Lookout
from tests.daemon_process import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.daemon_process import DaemonProcess

FAULTS = [NoAnswer("late"), NotPermitted("another user's"), TaskNotFound("gone")]


@asynccontextmanager
async def looking(daemon: DaemonProcess) -> AsyncIterator[Lookout]:
    """A lookout that has looked."""
    async with AsyncClient(daemon.socket_path, PATIENCE_SECONDS) as client:
        lookout = Lookout(client)
        runs = asyncio.create_task(lookout.run())
        await lookout.has_looked()
        try:
            yield lookout
        finally:
            lookout.close()
            runs.cancel()
            with suppress(asyncio.CancelledError):
                await runs


async def until(lookout: Lookout, holds: Callable[[], bool]) -> None:
    """Wait for it, from one piece of news to the next."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for _names in lookout.listen().news():
            if holds():
                return


def fail_once(monkeypatch: pytest.MonkeyPatch, of: type[Any], error: Exception) -> None:
    """The next update that has events asks in vain; what they say is lost."""
    update, faults = of.update, [error]

    async def fail(self: Any, change: Change) -> frozenset[str]:
        if change.events and faults:
            raise faults.pop()
        found: frozenset[str] = await update(self, change)
        return found

    monkeypatch.setattr(of, "update", fail)


@pytest.mark.parametrize("error", FAULTS, ids=lambda each: type(each).__name__)
def test_an_overview_that_was_not_answered(
    shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever the daemon said, or did not say, everything is asked for again and is as it is."""
    fail_once(monkeypatch, Board, error)

    async def look() -> None:
        async with looking(shared) as lookout:
            with shared.connect() as connection:
                task = connection.call("RegisterTask", goal="g")["task_id"]
            await until(lookout, lambda: any(each.id == task for each in lookout.board.tasks))
            await until(lookout, lambda: lookout.away is None)

    asyncio.run(look())


def test_a_task_that_was_not_answered(
    shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that could not be taken is made up for with the next one, and pages are told."""
    fail_once(monkeypatch, TaskNodes, NoAnswer("late"))

    async def look() -> None:
        async with looking(shared) as lookout:
            with shared.connect() as connection:
                made = connection.call("RegisterTask", goal="g", initial_nodes=[{"name": "one"}])
                nodes = await lookout.task(made["task_id"])
                connection.call("AcquireNextNode", task_id=made["task_id"], lease_owner="ann")
            await until(lookout, lambda: nodes.counts == {"RUNNING": 1})

    asyncio.run(look())


def test_a_browser_that_sleeps_for_hours() -> None:
    """It is told that everything may have changed: no list of names grows meanwhile."""

    async def hear() -> set[str]:
        listener = Lookout(AsyncClient("nowhere")).listen()
        news = listener.news()
        assert await anext(news) == {ALL}
        for number in range(1_000):
            listener.tell({f"node {number}"})
        return await anext(news)

    names = asyncio.run(hear())
    assert ALL in names
    assert len(names) <= 500


class Silent(AsyncClient):
    """A client that a busy daemon does not answer, for as long as `is_silent`."""

    is_silent = False

    async def ask(self, request: object) -> object:  # type: ignore[override]
        """As a client does."""
        if self.is_silent:
            raise NoAnswer("no answer in time")
        return await super().ask(request)  # type: ignore[arg-type]


async def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for it: a test that waits in vain is ended from outside."""
    while not is_so():  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.01)


def test_what_could_not_be_asked_is_asked_anew(shared: DaemonProcess) -> None:
    """A change that came while nothing was answered is not lost: neither a node's nor a task's."""

    async def follow() -> tuple[TaskNodes, TaskStatusResult]:
        async with (
            Silent(shared.socket_path, PATIENCE_SECONDS) as client,
            AsyncClient(shared.socket_path) as other,
        ):
            lookout = Lookout(client)
            looks = asyncio.create_task(lookout.run())
            await lookout.has_looked()
            made = await other.call("RegisterTask", {"goal": "g", "initial_nodes": [{}]})
            task = made["task_id"]
            nodes = await lookout.task(task)
            client.is_silent = True
            lease = await other.acquire_next_node(task)
            assert lease is not None
            await wait_until(lambda: lookout.away is not None)
            client.is_silent = False
            await wait_until(lambda: nodes.counts == {"RUNNING": 1})
            await wait_until(lambda: lookout.away is None)
            told = [{"RUNNING": 1}]
            await wait_until(lambda: [row.counts for row in lookout.board.tasks[:1]] == told)
            assert lookout.held.of("anonymous")[-1].task_id == task
            lookout.close()
            looks.cancel()
            return nodes, await other.task_status(task)

    nodes, said = asyncio.run(follow())
    assert nodes.counts == said.counts
    assert [row.status for row in nodes.nodes.values()] == [node.status for node in said.nodes]
