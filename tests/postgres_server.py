"""A real PostgreSQL server for the tests, made in half a second, killed and started at will.

The rule this file keeps: nothing is left behind, no process and no file, however the suite ends.

The fixture `postgres` (conftest) is one for all tests of a process; what cannot take a fixture, as
Hypothesis' machines, calls `shared_server()`. A test that kills or slows the server makes its own:
`with own_server() as server`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.daemon_process import PATIENCE_SECONDS
from tests.free_port import free_port
from tests.postgres_place import USER, Place
from tests.postgres_programs import AS_USER
from tests.postgres_watch import Watch
from tests.process_tree import children_of, is_running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "synchronous_commit": "on",
    # Not for speed: a process that is killed may have written half a page.
    "full_page_writes": "on",
    "shared_buffers": "32MB",
    # In its folder: what of it is elsewhere would outlive a kill.
    "dynamic_shared_memory_type": "mmap",
    "max_logical_replication_workers": "0",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %d ",
}
"""What every server is started with."""

_LINES = 40
"""Of its log, under a test that failed."""


class PostgresServer:
    """A cluster in a folder of its own, and the server that serves it."""

    def __init__(self, programs: Path, place: Place, password: str, **settings: str) -> None:
        self.programs = programs
        self.place = place
        self.folder = place.folder
        self.data = place.folder / "data"
        self.log_path = place.folder / "log"
        self.password = password
        self.settings = SETTINGS | settings | {"unix_socket_directories": str(self.folder)}
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: Watch | None = None
        self._session: Any = None
        self._templates: dict[Callable[[str], object], str] = {}
        self._made = 0

    # How it is reached

    def url(self, database: str = USER, user: str = USER, password: str | None = None) -> str:
        """Over TCP, with a password."""
        secret = self.password if password is None else password
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str = USER, user: str = USER) -> str:
        """Over its Unix socket; who may enter its folder is trusted."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement as its superuser, outside of any transaction, and return the rows."""
        import psycopg

        if self._session is None:
            self._session = psycopg.connect(self.socket_url(), autocommit=True)
        cursor = self._session.execute(sql.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    # Databases

    def fresh_database(self, prepared_by: Callable[[str], object] | None = None) -> str:
        """Make a database in some 20 ms, and return its URL.

        `prepared_by` is called with the URL of an empty one, once per server; what it leaves there
        is in every database that is made by the same function. It has to close its connections.
        """
        template = "template1"
        if prepared_by is not None:
            if prepared_by not in self._templates:
                made = self.fresh_database()
                prepared_by(made)
                self._templates[prepared_by] = name_in(made)
                self._wait_until_unused(name_in(made))
            template = self._templates[prepared_by]
        self._made += 1
        name = f"made{self._made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove it, whoever is still connected: each takes 8 MB, in memory as a rule."""
        name = name_in(url)
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        self.execute(ended, name)
        self._wait_until_unused(name)
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextlib.contextmanager
    def database(self, prepared_by: Callable[[str], object] | None = None) -> Iterator[str]:
        """Give a fresh database for the length of the block."""
        url = self.fresh_database(prepared_by)
        try:
            yield url
        finally:
            self.drop_database(url)

    def _wait_until_unused(self, name: str) -> None:
        # A session ends a moment after it was closed. The server itself looks every 100 ms only.
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s", name):
            assert time.monotonic() < deadline, f"somebody is still connected to {name}"
            time.sleep(0.001)

    # Its life

    @property
    def pid(self) -> int:
        """The process id of the first of its processes."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it serves, after a kill with what it had acknowledged."""
        command = [str(self.programs / "postgres"), "-D", str(self.data), f"-p{self.port}"]
        with self.log_path.open("ab") as log:
            started: subprocess.Popen[bytes] = subprocess.Popen(
                [*command, *(f"-c{name}={value}" for name, value in self.settings.items())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C ends the suite; the watch ends the server
                **AS_USER,
            )
        self._process = started
        self._watch = Watch(started.pid, self.folder, self.place.shared)
        try:
            self._wait_until_ready(started)
        except BaseException:
            self._end(signal.SIGKILL)
            raise

    def _wait_until_ready(self, started: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            ended = started.poll()
            assert ended is None, f"the server ended with {ended}:\n{self.log()}"
            assert time.monotonic() < deadline, f"the server is not ready:\n{self.log()}"
            time.sleep(0.005)

    def _is_ready(self) -> bool:
        try:
            said = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(said) > 7 and said[0] == str(self.pid) and said[7].strip() == "ready"

    def log(self) -> str:
        """All that it has said so far."""
        return self.log_path.read_text(errors="replace")

    def stop(self) -> None:
        """Stop it in order, whoever is connected."""
        if self._process is not None:
            self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL, as if its machine had failed.

        Where /proc does not tell its processes, only the first; the others end by themselves.
        """
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGSTOP)  # so that it makes no more of them
        children = children_of(self.pid)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(map(is_running, children)):  # the next start is refused until then
            assert time.monotonic() < deadline, "a process outlives its kill"
            time.sleep(0.001)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        assert self._watch is not None
        if self._session is not None:
            self._session.close()
            self._session = None
        self._watch.dismiss()  # before: afterwards the number might be another process's
        self._process.send_signal(number)
        self._process.wait(PATIENCE_SECONDS)
        self._process = None

    def restart(self) -> None:
        """Stop it in order where it runs, and start it again, on the same port."""
        self.stop()
        self.start()

    def become_replica(self) -> None:
        """Start it again as one that follows another, and takes no writes."""
        self.stop()
        (self.data / "standby.signal").touch()
        self.start()

    def remove(self) -> None:
        """Stop it, and remove all that it has left."""
        self.stop()
        self.place.leave()


def name_in(url: str) -> str:
    """The name of the database that a URL leads to."""
    return urlsplit(url).path.removeprefix("/")


@contextlib.contextmanager
def own_server(*, durable: bool = False, **settings: str) -> Iterator[PostgresServer]:
    """Give a server for the length of the block; it may be killed and started there.

    `durable` has it wait for the disk. One that is killed needs none: the system keeps what a
    process has written. Skips the test where there is no server for this machine.
    """
    place = Place()
    try:
        programs, password = place.copy_cluster()
        settings["fsync"] = "on" if durable else "off"
        server = PostgresServer(programs, place, password, **settings)
        server.start()
    except BaseException:
        place.leave()
        raise
    try:
        yield server
    finally:
        server.remove()


_shared = contextlib.ExitStack()


@cache
def shared_server() -> PostgresServer:
    """The one server of this process, made when it is first asked for. Nobody kills it."""
    return _shared.enter_context(own_server())


def last_words() -> str:
    """The end of what the one server of this process has logged, if there is one."""
    made = shared_server.cache_info().currsize
    return "\n".join(shared_server().log().splitlines()[-_LINES:]) if made else ""


def remove_shared_server() -> None:
    """At the end of the suite."""
    _shared.close()
    shared_server.cache_clear()
