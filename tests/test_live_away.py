"""Why a daemon does not answer, as it is told to whoever looks."""

import asyncio
from typing import Self

import pytest
from msgspec import UNSET, UnsetType

from agentd.api import HealthResult
from agentd.client.address import UnixAddress
from agentd.errors import NoAnswer, NobodyListens
from agentd.live import away
from agentd.live.away import why_away

LATE = NoAnswer("no answer in 2 s")
ADDRESS = UnixAddress("/home/ann/.agentd/agentd.sock")


class Daemon:
    """Says of itself since when its server is gone, if it is; or nothing at all."""

    is_stopped = False
    gone_since: float | UnsetType = UNSET

    def __init__(self, address: object, seconds: float) -> None:
        assert (address, seconds) == (ADDRESS, 1.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def health(self) -> HealthResult:
        if self.is_stopped:
            raise NoAnswer("no answer in 1 s")
        return HealthResult("unavailable", "the server is gone", 300, 50, self.gone_since)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> type[Daemon]:
    """The daemon that is asked."""

    class Asked(Daemon):
        """One for each test."""

    monkeypatch.setattr(away, "AsyncClient", Asked)
    return Asked


def told(error: Exception) -> str:
    return asyncio.run(why_away(ADDRESS, error))


def test_a_daemon_whose_server_is_gone(daemon: type[Daemon]) -> None:
    """Requests wait for the server: it is told that it is gone, not that the daemon is busy."""
    daemon.gone_since = 1.5
    assert told(LATE) == "the server is gone"
    assert told(NobodyListens("the daemon is not running")) == "the daemon is not running"


def test_a_daemon_that_is_busy(daemon: type[Daemon]) -> None:
    """Its database answers, or does not answer: then the first word stands."""
    assert told(LATE) == str(LATE)
    daemon.is_stopped = True
    assert told(LATE) == str(LATE)
