"""A start on a server's database: how long it waits for the server, and what it says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from agentd.daemon.database_on_server import MANAGED_SECONDS, DatabaseOnServer
from agentd.daemon.service_manager import ServiceManager
from agentd.errors import DatabaseGone, DatabaseRefused, Failure
from agentd.server_url import parse_server_url
from agentd.store.postgres import PostgresStore
from tests.core import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

URL = parse_server_url("postgresql://ann:secret@db.example.com/agentd")
GONE = DatabaseGone("no route to host; nothing of this request is recorded")


class Scene:
    """A server that comes after so many seconds, or refuses then; nobody sleeps."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, comes: float, then: Exception | None = None
    ) -> None:
        self.now = 0.0
        self.comes = comes
        self.then = then
        self.tries = 0
        monkeypatch.setattr(PostgresStore, "open", self.open)

    def open(self, url: str, on_moment: Callable[[int], None]) -> PostgresStore:
        self.tries += 1
        if self.now < self.comes:
            raise GONE
        if self.then is not None:
            raise self.then
        on_moment(NOW)
        return PostgresStore(url)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def start(self, wait: float = 10.0, address: str | None = None) -> DatabaseOnServer:
        """Start a daemon, for whoever is at that address."""
        manager = ServiceManager(address)
        return DatabaseOnServer(URL, manager, wait, self.sleep, lambda: self.now)


def test_a_start_waits_for_its_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once why, without the password; the moment is the server's."""
    caplog.set_level(logging.INFO, "agentd")
    scene = Scene(monkeypatch, comes=5.0)
    database = scene.start()
    assert scene.tries > 5
    assert database.make_clock().now() >= NOW
    [line] = caplog.messages
    assert line == (
        "the server of postgresql://ann@db.example.com/agentd cannot be reached, and is tried for "
        "10 s: no route to host"
    )


def test_a_start_ends_with_one_line_where_the_server_does_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waits as long as a request would."""
    scene = Scene(monkeypatch, comes=1e9)
    with pytest.raises(Failure) as caught:
        scene.start(wait=3.0)
    assert str(caught.value) == (
        "the server of postgresql://ann@db.example.com/agentd could not be reached for 3 s: no "
        "route to host"
    )
    assert 3.0 <= scene.now < 4.0


def test_a_service_managers_start_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ends five times in a minute is not started again."""
    scene = Scene(monkeypatch, comes=1e9)
    with pytest.raises(Failure):
        scene.start(wait=3.0, address="/run/somebody")
    assert scene.now >= MANAGED_SECONDS


def test_what_no_waiting_mends_ends_a_start_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that lets nobody in, say."""
    scene = Scene(monkeypatch, comes=0.0, then=DatabaseRefused("nobody is let in"))
    with pytest.raises(DatabaseRefused):
        scene.start()
    assert (scene.tries, scene.now) == (1, 0.0)
