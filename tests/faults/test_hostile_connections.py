"""Connections that do not behave: too many, idle, deaf, and a system without descriptors."""

from __future__ import annotations

import contextlib
import json
import resource
import select
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests import daemon_process
from tests.daemon_process import (
    PATIENCE_SECONDS,
    Connection,
    DaemonProcess,
    Object,
    serve_to_the_end,
)
from tests.faults.bystander import Bystander
from tests.faults.footprint import (
    MIB,
    memory_of,
    only_with_proc,
    open_files,
    processor_seconds,
)
from tests.faults.rude import Rude
from tests.wire.steps import eventually, flat, register, status_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.laboratory import Laboratory

MOST = 1_024


@pytest.fixture
def crowd() -> Iterator[contextlib.ExitStack]:
    """Closes any number of connections at the end; this process may open enough of them."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= limits[1] < 2 * MOST:
        pytest.skip("this process may not open enough files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * MOST, limits[1]))
    with contextlib.ExitStack() as opened:
        yield opened
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def served(connection: Connection) -> bool:
    """Whether it was let in."""
    return "result" in connection.request({"method": "Health"})


def connections(daemon: DaemonProcess, crowd: contextlib.ExitStack, count: int) -> list[Connection]:
    """Return that many connections, all of which have been let in.

    One that was closed a moment ago may be counted still; then the last one tries again.
    """
    opened = [crowd.enter_context(daemon.connect()) for _ in range(count - 4)]
    assert served(opened[0])
    until = time.monotonic() + PATIENCE_SECONDS
    while len(opened) < count and time.monotonic() < until:
        connection = crowd.enter_context(daemon.connect())
        if served(connection):
            opened.append(connection)
    assert len(opened) == count
    return opened


def refusal_of(connection: Connection) -> Object:
    """Return the one line that a connection too many gets, and check that it is closed then."""
    answer = json.loads(connection.read_line())
    assert connection.at_eof()
    assert answer.keys() == {"id", "error"}
    assert answer["id"] is None
    error: Object = answer["error"]
    return error


# Too many


def test_a_connection_too_many(daemon: DaemonProcess, crowd: contextlib.ExitStack) -> None:
    """1,024 are served; the next is told so in one line and closed, and the others go on."""
    inside = connections(daemon, crowd, MOST)
    with daemon.connect() as late:
        error = refusal_of(late)
    assert (error["code"], error["data"]) == (
        -32000,
        {"kind": "too_many_connections", "limit": MOST},
    )
    assert "1024" in error["message"]
    for connection in inside[:: MOST // 16]:
        assert connection.call("Health")["status"] == "ok"


def test_a_refused_client_may_speak_first(
    daemon: DaemonProcess, crowd: contextlib.ExitStack
) -> None:
    """Its request does not break on the way: it reads the refusal in the place of an answer."""
    connections(daemon, crowd, MOST)
    for _ in range(50):
        with daemon.connect() as late:
            late.send_raw(b'{"id":1,"method":"Health"}\n')
            time.sleep(0)
            late.send_raw(b'{"id":2,"method":"Health"}\n')
            assert refusal_of(late)["data"]["kind"] == "too_many_connections"


def test_there_is_room_when_one_leaves(daemon: DaemonProcess, crowd: contextlib.ExitStack) -> None:
    """Each that leaves makes room for one more, and refusals do not fill the log."""
    inside = connections(daemon, crowd, MOST)
    began = time.monotonic()
    for _ in range(200):
        with daemon.connect() as late:
            refusal_of(late)
    seconds = time.monotonic() - began
    assert daemon.stderr().count("refused a connection") <= 1 + seconds
    inside[0].close()

    def let_in() -> bool:
        with daemon.connect() as next_one:
            return served(next_one)

    assert eventually(let_in, time.time() + PATIENCE_SECONDS)


# Idle


class Cost(NamedTuple):
    """What idle connections cost: bytes, and another client's p99 without and with them."""

    memory: int
    alone: float
    among_them: float


def cost_of_idle(daemon: DaemonProcess, count: int, seconds: int) -> Cost:
    """Measure for so long without the connections and for so long with them."""
    with Bystander(daemon) as alone:
        time.sleep(seconds)
    before = memory_of(daemon).now
    with contextlib.ExitStack() as crowd:
        connections(daemon, crowd, count)
        with Bystander(daemon) as among_them:
            time.sleep(seconds)
        grown = memory_of(daemon).now - before
    return Cost(grown, alone.waits.p99, among_them.waits.p99)


@only_with_proc
@pytest.mark.usefixtures("crowd")
def test_idle_connections(daemon: DaemonProcess, lab: Laboratory) -> None:
    """1,000 idle connections cost 32 MiB at most, and another client next to nothing."""
    for _ in range(3):  # what the machine did to one measurement it does not do to the next
        cost = cost_of_idle(daemon, 1_000, lab.amount(1, 10))
        assert cost.memory <= 32 * MIB
        if cost.among_them <= cost.alone + 5:
            break
    assert cost.among_them <= cost.alone + 5
    lab.count(
        KiB_each=cost.memory // 1024 // 1_000,
        us_p99_alone=round(1000 * cost.alone),
        us_p99_among_them=round(1000 * cost.among_them),
    )


# Without descriptors


HIDDEN_UVLOOP = "raise ImportError('hidden by a test')\n"


@pytest.fixture(params=["uvloop", "asyncio"])
def loop_home(request: pytest.FixtureRequest, home: Path) -> tuple[Path, dict[str, str | None]]:
    """A home, and an environment in which a daemon runs on that loop."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed")
        return home, {}
    hiding = home.parent / "hiding"
    (hiding / "uvloop").mkdir(parents=True)
    (hiding / "uvloop" / "__init__.py").write_text(HIDDEN_UVLOOP)
    return home, {"PYTHONPATH": str(hiding)}


@only_with_proc
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_a_system_without_descriptors(loop_home: tuple[Path, dict[str, str | None]]) -> None:
    """Who is connected is served; who comes waits, and is let in once there are some again."""
    home, env = loop_home
    with DaemonProcess(home, **env) as daemon, daemon.connect() as inside:
        inside.call("Metrics")
        limits = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        first_free = min(set(range(MOST)) - open_files(daemon))
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (first_free, limits[1]))
        computed, began = processor_seconds(daemon), time.monotonic()
        with contextlib.ExitStack() as opened:
            waiting = [opened.enter_context(Rude(daemon.socket_path)) for _ in range(20)]
            for connection in waiting:
                connection.send_raw(b'{"id":1,"method":"Health"}\n')
            assert eventually(
                lambda: "cannot let anybody in" in daemon.stderr(), time.time() + PATIENCE_SECONDS
            )
            assert not select.select(waiting, [], [], 1.2)[0]
            assert inside.call("Health")["status"] == "ok"
            register(inside)
            complaints = daemon.stderr().count("\n")
            seconds = time.monotonic() - began
            assert processor_seconds(daemon) - computed < seconds / 4
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
            for connection in waiting:
                assert connection.read_response()["result"]["status"] == "ok"
    assert complaints <= 2 + seconds  # one a second, and the line that says it is ready


def limited(monkeypatch: pytest.MonkeyPatch, flag: str, files: int) -> None:
    """Let every daemon of this test begin with that limit of open files."""
    under_limit = ["sh", "-c", f'ulimit {flag} {files}; exec "$@"', "sh", *daemon_process.SERVE]
    monkeypatch.setattr(daemon_process, "SERVE", under_limit)


def test_a_low_soft_limit_is_raised(
    home: Path, monkeypatch: pytest.MonkeyPatch, crowd: contextlib.ExitStack
) -> None:
    """A shell that allows few files, but lets a program raise that, costs no connection."""
    limited(monkeypatch, "-Sn", 64)
    with DaemonProcess(home) as daemon:
        connections(daemon, crowd, 100)
        assert "connections at a time" not in daemon.stderr()


def test_a_low_hard_limit(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few files are allowed, there are fewer connections, and never too few files."""
    limited(monkeypatch, "-n", 64)
    with DaemonProcess(home) as daemon, contextlib.ExitStack() as opened:
        assert "only 16 connections at a time" in daemon.stderr()
        inside = connections(daemon, opened, 16)
        threads = [threading.Thread(target=many_calls, args=(one,)) for one in inside]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with daemon.connect() as late:
            assert refusal_of(late)["data"]["limit"] == 16
        assert inside[0].call("Metrics")["database"]["total_tasks"] == 16 * 20
        assert "Too many open files" not in daemon.stderr()


def many_calls(connection: Connection) -> None:
    """Ask for everything that opens files: reads on several threads, writes."""
    for _ in range(20):
        task = register(connection, flat(2))
        status_of(connection, task)
        connection.call("Metrics")


def test_a_limit_that_leaves_no_room(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that could serve nobody does not start, and says what to raise."""
    limited(monkeypatch, "-n", 40)
    ended = serve_to_the_end(home)
    assert (ended.code, len(ended.lines)) == (1, 1), ended.output
    assert "ulimit -n" in ended.lines[0]
