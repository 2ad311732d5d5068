"""Who scrapes, and what the daemon is asked for it: on one loop, with a daemon that is none."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

from agentd.client import AsyncClient
from agentd.errors import DaemonUnreachable, StorageError
from agentd.figures import paced, scrape_server
from agentd.figures.figure import Figure, Sample
from agentd.figures.paced import PacedFigures
from agentd.figures.scrape_server import MOST_AT_ONCE, ScrapeServer
from tests.daemon_process import PATIENCE_SECONDS

FIGURES = [Figure("agentd_up", "gauge", "Up.", [Sample("agentd_up", {}, 1)])]
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, which comes."""
    asyncio.run(asyncio.wait_for(main, PATIENCE_SECONDS))


async def ask(port: int, said: bytes = REQUEST) -> bytes:
    """What is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    answer = await reader.read()
    writer.close()
    return answer


async def serve(
    read: Callable[[], Awaitable[list[Figure]]], use: Callable[[int], Coroutine[Any, Any, None]]
) -> None:
    """Serve while the port is used."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0)
    port = listening.getsockname()[1]
    server = asyncio.create_task(ScrapeServer(listening, read).run())
    try:
        await use(port)
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (DaemonUnreachable("no socket at \x1b[2J"), rb"agentd: no socket at \x1b[2J"),
        (StorageError("the disk is on fire"), b"agentd: the disk is on fire"),
        (TimeoutError(), b"agentd: the daemon does not answer"),
    ],
)
def test_a_daemon_that_does_not_answer(failure: Exception, words: bytes) -> None:
    """A scraper is told why there are no figures, and the next one may get some."""
    failures = [failure]

    async def read() -> list[Figure]:
        if failures:
            raise failures.pop()
        return FIGURES

    async def use(port: int) -> None:
        answer = await ask(port)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b"\r\n\r\n" + words + b"\n")
        assert (await ask(port)).startswith(b"HTTP/1.1 200 ")

    run(serve(read, use))


def test_more_than_are_served_at_once() -> None:
    """Those who come when there are so many wait their turn."""
    going, most = 0, 0
    go_on = asyncio.Event()

    async def read() -> list[Figure]:
        nonlocal going, most
        going += 1
        most = max(most, going)
        if going == MOST_AT_ONCE:
            go_on.set()
        await go_on.wait()
        going -= 1
        return FIGURES

    async def use(port: int) -> None:
        answers = await asyncio.gather(*(ask(port) for _ in range(3 * MOST_AT_ONCE)))
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
        assert most == MOST_AT_ONCE

    run(serve(read, use))


def test_those_who_do_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """When their time is over they are gone, and who comes in their place is served."""
    monkeypatch.setattr(scrape_server, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(scrape_server, "TOTAL_SECONDS", 0.05)
    bodies = {"all": b"a" * 12_000_000}  # more than a kernel takes for who does not read
    monkeypatch.setattr(scrape_server, "expose", lambda _, accept: (bodies.get(accept, b"b"), ""))

    async def read() -> list[Figure]:
        return FIGURES

    async def use(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(REQUEST[:-2] + b"Accept: all\r\n\r\n")
            while not (await ask(port)).endswith(b"b"):
                pass  # this machine was too slow for so little time

    run(serve(read, use))


class Counting:
    """A daemon that is asked, and answers nothing."""

    def __init__(self) -> None:
        self.asked = self.answered = 0
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def metrics(self) -> None:
        """Count it, and fail when that is asked for."""
        self.asked += 1
        assert self.asked - self.answered == 1
        self.begun.set()
        await self.go_on.wait()
        self.answered += 1
        raise DaemonUnreachable(f"number {self.asked}")


def test_those_who_ask_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """They share what the daemon is asked next, and nobody is told what was known before."""
    monkeypatch.setattr(paced, "REST_SECONDS", 0.0)

    async def main() -> None:
        daemon = Counting()
        shared = PacedFigures(cast("AsyncClient", daemon))
        first = [asyncio.create_task(shared.read()) for _ in range(50)]
        await daemon.begun.wait()
        later = [asyncio.create_task(shared.read()) for _ in range(50)]
        for _ in range(10):  # turns in which they would ask, if they did not wait for theirs
            await asyncio.sleep(0)
        daemon.go_on.set()
        told = await asyncio.gather(*first, *later, return_exceptions=True)
        assert [str(each) for each in told] == ["number 1"] * 50 + ["number 2"] * 50

    run(main())


def test_those_who_leave() -> None:
    """Who gave up takes nothing from who still waits."""

    async def main() -> None:
        daemon = Counting()
        shared = PacedFigures(cast("AsyncClient", daemon))
        leaves, stays = (asyncio.create_task(shared.read()) for _ in range(2))
        await daemon.begun.wait()
        leaves.cancel()
        daemon.go_on.set()
        with pytest.raises(DaemonUnreachable, match="number 1"):
            await stays

    run(main())
