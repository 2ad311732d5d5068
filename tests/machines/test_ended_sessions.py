"""Commits on a real server whose end nobody saw: what is said of them is true."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from agentd.errors import DatabaseGone, DatabaseRefused, OutcomeUnknown
from agentd.store.postgres import PostgresStore, connecting
from tests.core import Core, uid
from tests.daemon_process import PATIENCE_SECONDS
from tests.faults.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres_server import PostgresServer

SYNC = b"S\0\0\0\4"
"""What ends a row of statements, and has the server send its answers."""


class HoldingSync:
    """A relay before a server; once it is told to, it keeps a Sync back until it is let go."""

    def __init__(self, port: int) -> None:
        self.holds = False
        self.held = threading.Event()
        self.let_go = threading.Event()
        self._server = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._sockets = contextlib.ExitStack()
        self._sockets.enter_context(self._listening)
        self._threads = contextlib.ExitStack()
        self._start(self._accept)

    def close(self) -> None:
        self.let_go.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads.close()
        self._sockets.close()

    def _start(self, work: Callable[..., None], *of: socket.socket) -> None:
        thread = threading.Thread(target=work, args=of)
        thread.start()
        self._threads.callback(thread.join)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for each in (client, server):
                    self._sockets.enter_context(each)
                self._start(self._pass_on, client, server)
                self._start(self._pass_on, server, client)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                before, sync, after = data.rpartition(SYNC)
                if self.holds and sync:  # a Flush may follow at once
                    self.holds = False
                    target.sendall(before)
                    self.held.set()
                    assert self.let_go.wait(PATIENCE_SECONDS)
                    data = sync + after
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay(postgres: PostgresServer) -> Iterator[HoldingSync]:
    """A relay before the server."""
    made = HoldingSync(postgres.port)
    yield made
    made.close()


def end_who_commits(postgres: PostgresServer, relay: HoldingSync) -> None:
    busy = "datname <> 'postgres' AND query = 'COMMIT' AND state = 'active'"
    ending = f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE {busy}"
    try:
        assert relay.held.wait(PATIENCE_SECONDS)
        while not postgres.execute(ending):
            pass
    finally:  # nobody waits for what will not come
        relay.let_go.set()


def test_a_session_that_is_ended_behind_its_commit(
    postgres: PostgresServer, relay: HoldingSync, database_url: str
) -> None:
    """It is looked up, although the server names a reason: it was asked several things at once."""
    url = database_url.replace(f":{postgres.port}/", f":{relay.port}/")
    store = PostgresStore.open(url)
    core = Core(store)

    thread = threading.Thread(target=end_who_commits, args=(postgres, relay))
    with store.write() as tx:
        tx.last_seq()  # the session is there
    relay.holds = False
    thread.start()
    run_all = store._writing.session.run_all  # type: ignore[union-attr] # noqa: SLF001

    def arm(*statements: tuple[str, object]) -> list[list[object]]:
        relay.holds = statements[-1][0] == "COMMIT"
        return run_all(*statements)

    store._writing.session.run_all = arm  # type: ignore[union-attr,method-assign] # noqa: SLF001
    registered = core.do("RegisterTask", goal="g", initial_nodes=[{"id": uid(1)}])
    thread.join()
    assert [each.task_id for each in core.journal()] == [registered["task_id"]] * 2
    store.close()


def test_a_server_that_must_not_be_used_while_a_commit_is_looked_for(
    postgres: PostgresServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is behind the name then knows nothing of the commit: it stays unknown."""

    def refuse(*_: object) -> None:
        raise DatabaseRefused("a replica")

    with proxied("127.0.0.1", postgres.port) as between:
        store = PostgresStore.open(between.url(database_url), patience=0)
        core = Core(store)
        core.register({"id": uid(1)})
        between.lose_answer()
        monkeypatch.setattr(connecting, "_prepare", refuse)
        [outcome] = core.batch(("RegisterTask", {"goal": "g"}))
        assert isinstance(outcome, OutcomeUnknown)
        [outcome] = core.batch(("RegisterTask", {"goal": "g"}))
        assert isinstance(outcome, DatabaseGone)  # it may be another one soon
        assert "a replica" in outcome.why
        monkeypatch.undo()
        assert len(core.journal()) == 3
        store.close()
