"""A pooler between agentd and the server: one that keeps no sessions is refused, and named."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from agentd.errors import DatabaseRefused
from agentd.store.postgres import PostgresStore, pooling
from agentd.store.postgres.connecting import connect
from tests.core import Core
from tests.daemon_process import PATIENCE_SECONDS
from tests.free_port import free_port
from tests.postgres_place import USER
from tests.postgres_server import name_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"

pytestmark = pytest.mark.skipif(not os.path.exists(PROGRAM), reason="there is no pgbouncer here")  # noqa: PTH110 - a constant


@contextlib.contextmanager
def pooler(url: str, directory: Path, mode: str) -> Iterator[str]:
    """A pgbouncer before the database at that URL; gives its own."""
    parts, port = urlsplit(url), free_port()
    database = name_in(url)
    target = f"host={parts.hostname} port={parts.port} user={parts.username}"
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{database} = {target} password={parts.password} dbname={database}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
        f"pool_mode = {mode}\nunix_socket_dir =\n"
    )
    settings.chmod(0o644)
    user = USER if os.getuid() == 0 else None  # it does not run as root, nor see root's folders
    with settings.open() as given:
        command = [PROGRAM, "--quiet", "/dev/stdin"]
        started = subprocess.Popen(command, stdin=given, stderr=subprocess.PIPE, user=user)
    try:
        _wait_for(started, port)
        yield f"postgresql://{parts.username}@127.0.0.1:{port}/{database}"
    finally:
        started.kill()
        started.communicate()


def _wait_for(started: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert started.poll() is None, started.communicate()[1].decode()
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        assert time.monotonic() < deadline, "the pooler does not come"
        time.sleep(0.02)


def test_a_pooler_in_transaction_mode_is_refused(database_url: str, tmp_path: Path) -> None:
    """It is told in one line what stands there, and what to do about it."""
    with (
        pooler(database_url, tmp_path, "transaction") as url,
        pytest.raises(DatabaseRefused, match=r"a pooler .* session mode") as caught,
    ):
        PostgresStore.open(url)
    assert "\n" not in str(caught.value)


def test_a_pooler_that_keeps_sessions_does_no_harm(database_url: str, tmp_path: Path) -> None:
    """Notifications come through it, so it is not refused."""
    with pooler(database_url, tmp_path, "session") as url:
        store = PostgresStore.open(url)
        try:
            Core(store).register({})
        finally:
            store.close()


def test_a_server_that_delivers_no_notification_is_refused(database_url: str) -> None:
    """Without LISTEN nobody would hear of what other machines record."""
    listening, telling = connect(database_url), connect(database_url)
    telling.connection.execute("BEGIN")  # so what it tells is told later
    try:
        with pytest.raises(DatabaseRefused, match="delivers no notification"):
            pooling.refuse_deafness(listening, telling, seconds=0.0)
    finally:
        listening.close()
        telling.close()
