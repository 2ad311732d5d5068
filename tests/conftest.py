"""Fixtures of the whole suite: a home, a daemon of one's own, one shared by a module."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon_process import BRIEF_SECONDS, Connection, DaemonProcess, temporary_home

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.loop_endpoint import Endpoint
    from tests.postgres_server import PostgresServer
    from tests.postgres_system import SystemServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of the laboratory (tests/faults) a run sees, and what chance decides there."""
    parser.addoption("--soak", action="store_true", help="the full numbers: takes hours")
    parser.addoption("--seed", type=int, default=secrets.randbelow(2**32), help="of the faults")


MEMORY_DISK = "/dev/shm"  # noqa: S108 - what is made there has a name of its own
ROOM = 4 * 2**30
"""Bytes that the suite's files have room in: it uses some hundred MB."""

IN_MEMORY = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Signals that whoever started the suite ignores are not ignored by what the suite starts."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    if not config.option.soak:
        keep_files_in_memory(config)


def keep_files_in_memory(config: pytest.Config) -> None:
    """Temporary files on a disk of memory, where there is a roomy one and nobody says otherwise.

    The suite makes a thousand databases. What is asked of a disk is tried with a false one.
    """
    with contextlib.suppress(OSError):
        roomy = shutil.disk_usage(MEMORY_DISK).free >= ROOM and os.access(MEMORY_DISK, os.W_OK)
        if roomy and "TMPDIR" not in os.environ:
            forget_runs(Path(MEMORY_DISK))
            folder = Path(MEMORY_DISK, f"agentd-{os.getpid()}")  # short: sockets have long paths
            shutil.rmtree(folder, ignore_errors=True)  # of a process that had our number
            folder.mkdir()
            folder.chmod(0o711)  # some tests are another user's
            os.environ["TMPDIR"], tempfile.tempdir = str(folder), None
            config.stash[IN_MEMORY] = str(folder)


def forget_runs(disk: Path) -> None:
    """Of the runs that left their files, because a test failed, the newest three keep them."""
    left = [each for each in disk.glob("agentd-*") if not is_going_on(each.name.split("-")[1])]
    for folder in sorted(left, key=lambda each: each.stat().st_mtime)[:-3]:
        shutil.rmtree(folder, ignore_errors=True)


def is_going_on(process_id: str) -> bool:
    """Whether the run of this process may still write there; what has no number is not ours."""
    return not process_id.isdecimal() or Path("/proc", process_id).exists()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Memory is given back, but where the files tell why a test failed; so are servers."""
    if "tests.postgres_stores" in sys.modules:
        sys.modules["tests.postgres_stores"].close_databases()
    if "tests.postgres_server" in sys.modules:
        sys.modules["tests.postgres_server"].remove_shared_server()
    folder = session.config.stash.get(IN_MEMORY, None)
    if folder is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more than there are cores: much of what the suite does is to wait. The soak works."""
    return (os.cpu_count() or 1) + 2 * (not config.option.soak)


def pytest_report_header(config: pytest.Config) -> str:
    """The seed repeats the run."""
    return f"faults: --seed {config.option.seed}" + (" --soak" if config.option.soak else "")


@pytest.fixture
def home() -> Iterator[Path]:
    """The path of a home that is not there yet."""
    with temporary_home() as path:
        yield path


@pytest.fixture
def daemon(home: Path) -> Iterator[DaemonProcess]:
    """A daemon for one test."""
    with DaemonProcess(home) as process:
        yield process


@pytest.fixture(scope="module")
def shared() -> Iterator[DaemonProcess]:
    """A daemon for all tests of a module: each of them keeps to tasks of its own."""
    with temporary_home() as path, DaemonProcess(path) as process:
        yield process


@pytest.fixture
def here(shared: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of this process find the shared daemon, under names of their own."""
    monkeypatch.setenv("AGENTD_HOME", str(shared.home))
    monkeypatch.delenv("AGENTD_OWNER", raising=False)


@pytest.fixture(scope="module")
def brief() -> Iterator[DaemonProcess]:
    """A daemon whose leases last for `BRIEF_SECONDS`."""
    brief = {"AGENTD_NODE_TIMEOUT_SECS": str(BRIEF_SECONDS)}
    with temporary_home() as path, DaemonProcess(path, **brief) as process:
        yield process


@pytest.fixture(scope="module")
def fleeting() -> Iterator[DaemonProcess]:
    """A daemon whose leases have run out when they are made: the next to ask gets the node."""
    with temporary_home() as path, DaemonProcess(path, AGENTD_NODE_TIMEOUT_SECS="0") as process:
        yield process


@pytest.fixture
def connection(shared: DaemonProcess) -> Iterator[Connection]:
    """A connection of the test's own to the shared daemon."""
    with shared.connect() as opened:
        yield opened


@pytest.fixture(scope="module")
def listening() -> Iterator[Endpoint]:
    """A chat endpoint for all tests of a module."""
    from tests.loop_endpoint import endpoint

    with endpoint() as made:
        yield made


@pytest.fixture
def there(listening: Endpoint) -> Endpoint:
    """The endpoint, as if it had just begun to listen."""
    listening.asks.clear()
    listening.faults.clear()
    return listening


@pytest.fixture(scope="session")
def postgres() -> PostgresServer:
    """A PostgreSQL server for all tests of a process: each of them has databases of its own."""
    from tests.postgres_server import shared_server

    return shared_server()


@pytest.fixture(scope="session")
def system_postgres() -> Iterator[SystemServer]:
    """The system's PostgreSQL, with TLS and passwords, for all tests of a process."""
    from tests.postgres_system import system_server

    with system_server() as server:
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty database for one test."""
    with postgres.database() as url:
        yield url


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001 - pluggy passes arguments by name
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the daemons of a failed test said, and the end of what PostgreSQL did."""
    report = yield
    values: dict[str, Any] = getattr(item, "funcargs", {})
    if report.failed:
        for name, value in values.items():
            if isinstance(value, DaemonProcess) and value.log_path.exists():
                report.sections.append((f"stderr of {name}", value.stderr()))
        server = sys.modules.get("tests.postgres_server")
        if server is not None and (said := server.last_words()):
            report.sections.append(("the end of PostgreSQL's log", said))
    return report
