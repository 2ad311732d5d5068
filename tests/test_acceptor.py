"""How many the acceptor lets in, and what it says how often."""

import asyncio
import json
import logging
import resource
from collections.abc import Iterator
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest

from agentd.daemon import acceptor as acceptor_module
from agentd.daemon import log as log_module
from agentd.daemon.acceptor import (
    MOST_CONNECTIONS,
    MOST_SENT_AWAY,
    RESERVE,
    connection_limit,
)
from agentd.daemon.log import RateLimitedLog, logger, set_up
from agentd.daemon.tcp_acceptor import TcpAcceptor
from agentd.daemon.tcp_listener import TcpListener
from agentd.errors import Failure
from agentd.loopback import Loopback
from agentd.proof import NAME, ClientProof, Hello, Proved, encode, proof

SECRET = bytes(32)
NEEDED = MOST_CONNECTIONS + RESERVE
UNLIMITED = resource.RLIM_INFINITY


class Limits:
    """The limit of open files, as the system keeps it."""

    RLIMIT_NOFILE = resource.RLIMIT_NOFILE

    def __init__(self, soft: int, hard: int, fixed: int = 0) -> None:
        self.now = soft, hard
        self._fixed = fixed

    def getrlimit(self, _which: int) -> tuple[int, int]:
        return self.now

    def setrlimit(self, _which: int, wanted: tuple[int, int]) -> None:
        if self._fixed:
            raise ValueError("not allowed")
        assert wanted[1] == self.now[1], "the hard limit is not ours to change"
        self.now = wanted


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What the log shows."""
    before = logger.handlers[:], logger.propagate, logger.level
    monkeypatch.setattr("sys.stderr", shown := StringIO())
    set_up(logging.INFO)
    yield shown
    logger.handlers[:], logger.propagate, logger.level = before


@pytest.mark.parametrize(
    ("limits", "soft_after", "connections"),
    [
        ((256, UNLIMITED), NEEDED, MOST_CONNECTIONS),
        ((256, 4096), NEEDED, MOST_CONNECTIONS),
        ((256, NEEDED), NEEDED, MOST_CONNECTIONS),
        ((256, 512), 512, 512 - RESERVE),
        ((256, 4096, 1), 256, 256 - RESERVE),
        ((65_536, 65_536), 65_536, MOST_CONNECTIONS),
        ((UNLIMITED, UNLIMITED), UNLIMITED, MOST_CONNECTIONS),
        ((RESERVE + 1, RESERVE + 1), RESERVE + 1, 1),
    ],
)
def test_the_limit_of_open_files(
    monkeypatch: pytest.MonkeyPatch,
    log: StringIO,
    limits: tuple[int, ...],
    soft_after: int,
    connections: int,
) -> None:
    """It is raised as far as needed and allowed; what is missing costs connections, and is told."""
    monkeypatch.setattr(acceptor_module, "resource", found := Limits(*limits))
    assert (connection_limit(), found.now[0]) == (connections, soft_after)
    told = f"only {connections} connections at a time" in log.getvalue()
    assert told == (connections < MOST_CONNECTIONS)


def test_no_room_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not one connection would fit, the start is refused with the figure to raise."""
    monkeypatch.setattr(acceptor_module, "resource", Limits(RESERVE, RESERVE))
    with pytest.raises(Failure, match=f"{RESERVE} files here.*ulimit -n"):
        connection_limit()


def test_who_is_told_over_tcp_that_it_is_full() -> None:
    """A few of them at a time have time to read it: more would take the database's descriptors."""

    async def send_away(number: int) -> None:
        service: Any = SimpleNamespace(connection_count=0)
        listener = TcpListener(Loopback("127.0.0.1", 0), SECRET)
        acceptor = TcpAcceptor(listener, service, 0)
        acceptor.open()
        clients = []
        for _ in range(number):
            reader, writer = await asyncio.open_connection(*listener.at)
            clients.append(writer)
            mine = "a" * 64
            writer.write(encode(Hello(NAME, mine)))
            theirs = json.loads(await reader.readline())["nonce"]
            writer.write(encode(ClientProof(proof(SECRET, "client", mine, theirs))))
            assert await reader.readline() == encode(Proved(proved=True))
            assert json.loads(await reader.readline())["error"]["data"]["limit"] == 0
        told = list(acceptor._one_too_many)  # noqa: SLF001 - nobody else sees them
        assert len(told) == MOST_SENT_AWAY
        acceptor.close()
        assert all(each.is_closing() for each in told)
        for writer in clients:
            writer.close()

    asyncio.run(send_away(MOST_SENT_AWAY + 2))


def test_a_warning_that_is_given_often(monkeypatch: pytest.MonkeyPatch, log: StringIO) -> None:
    """It is written once a second, and the next one says how many were left out."""
    now = 100.0
    monkeypatch.setattr(log_module, "time", SimpleNamespace(monotonic=lambda: now))
    limited = RateLimitedLog()
    for _ in range(3):
        limited.warning("%s is full", "it")
    now = 101.0
    limited.warning("%s is full", "it")
    now = 102.0
    limited.warning("%s is full", "it")
    assert [line.partition("WARNING ")[2] for line in log.getvalue().splitlines()] == [
        "it is full",
        "it is full (2 more were not logged)",
        "it is full",
    ]


def test_a_long_message_is_cut(log: StringIO) -> None:
    """A text of a megabyte does not fill the log, however it is logged."""
    logger.warning("got %s", "\x00" * 1_000_000)
    try:
        raise ValueError("x" * 1_000_000)  # noqa: TRY301 - a traceback is what is tried
    except ValueError as error:
        logger.error("failed", exc_info=error)
    assert len(log.getvalue()) < 20_000


def test_what_the_event_loop_says_is_escaped(log: StringIO) -> None:
    """The loop's own complaints go the same way, and not a line of them is anybody else's."""
    logging.getLogger("asyncio").error("a task quoted %s", "\x1b[2J\n2026 INFO forged")
    assert log.getvalue().endswith(" ERROR a task quoted \\x1b[2J\\n2026 INFO forged\n")
