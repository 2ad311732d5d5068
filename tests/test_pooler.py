"""A pooler between agentd and the server: one that keeps connections apart will do."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest

from agentd.errors import DatabaseRefused
from agentd.store.postgres import PostgresStore, pooling
from agentd.store.postgres.inspection import inspect
from agentd.store.postgres.pooling import Pooler, find_pooler
from tests.daemon_process import PATIENCE_SECONDS
from tests.free_port import free_port
from tests.postgres_place import Place, hand_over
from tests.postgres_programs import AS_USER

if TYPE_CHECKING:
    from collections.abc import Iterator

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")


class Connected:
    """A connection that was told one process of the server's, and is served by another."""

    def __init__(self, told: int, serving: int) -> None:
        self.info = SimpleNamespace(backend_pid=told)
        self.serving = serving

    def execute(self, _sql: str) -> Any:
        return SimpleNamespace(fetchall=lambda: [(self.serving,)])

    def close(self) -> None:
        """As a connection does."""


@pytest.mark.parametrize(
    ("told", "serving", "other", "found"),
    [(7, 7, 8, Pooler.NONE), (1, 7, 8, Pooler.OWN), (1, 7, 7, Pooler.SHARED)],
)
def test_what_is_in_between(
    monkeypatch: pytest.MonkeyPatch, told: int, serving: int, other: int, found: Pooler
) -> None:
    """Who serves us is not who the server said; who serves another beside us is the same."""
    monkeypatch.setattr(pooling, "dial", lambda _url: Connected(2, other))
    assert find_pooler(Connected(told, serving), "postgresql://h/d") is found


@contextmanager
def pooled(url: str, mode: str) -> Iterator[str]:
    """The same database behind a PgBouncer."""
    server, port, place = urlsplit(url), free_port(), Place()
    try:
        config = place.folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port} user={server.username} "
            f"password={server.password}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n"
        )
        hand_over(config)
        command = [str(PGBOUNCER), "-q", str(config)]
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **AS_USER
        )
        try:
            between = f"postgresql://any@127.0.0.1:{port}{server.path}"
            wait_for(between)
            yield between
        finally:
            process.kill()
            process.wait()
    finally:
        place.leave()


def wait_for(url: str) -> None:
    """Return when it takes connections."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


@needs_pgbouncer
def test_one_in_session_mode(database_url: str) -> None:
    """Each of ours has one to the server: a daemon can work on it."""
    with pooled(database_url, "session") as url:
        assert inspect(url).pooler is Pooler.OWN
        PostgresStore.open(url).close()


@needs_pgbouncer
def test_one_in_transaction_mode(database_url: str) -> None:
    """It is refused, and named: what a daemon asks of its connection would be another's."""
    with pooled(database_url, "transaction") as url:
        assert inspect(url).pooler is Pooler.SHARED
        with pytest.raises(DatabaseRefused, match="pool_mode = session"):
            PostgresStore.open(url)
