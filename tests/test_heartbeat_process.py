"""Heartbeats from a process of their own: they end with the worker, and never before it."""

from __future__ import annotations

import ctypes
import logging
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agentd import Client, Lease, Worker
from agentd.client.address import UnixAddress
from agentd.client.heartbeats import Heartbeats
from agentd.worker.heartbeat_process import HeartbeatProcess
from tests.daemon_process import (
    BRIEF_SECONDS,
    PATIENCE_SECONDS,
    REPOSITORY,
    DaemonProcess,
    environment,
)
from tests.leases import hold
from tests.working import node, task, until

if TYPE_CHECKING:
    from agentd.api import AcquireNextNodeResult


def is_there(process_id: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


class Kept:
    """A lease that a process keeps: its news, and the process."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.acquired: AcquireNextNodeResult = hold(daemon)
        self.losses: queue.Queue[str] = queue.Queue()
        self.client = Client(daemon.socket_path)
        self.beats_of_thread = 0
        self.keeper = HeartbeatProcess(UnixAddress(str(daemon.socket_path)), Heartbeats(self.ask))
        self.held: list[Any] = []

    def ask(self, request: Any, seconds: float) -> Any:
        """What the thread asks, where it has to."""
        self.beats_of_thread += 1
        return self.client.ask(request, seconds)

    def keep(self) -> Any:
        """Keep the lease."""
        ids = (self.acquired.task_id, self.acquired.node_id, self.acquired.lease_id)
        held = self.keeper.keep(ids, BRIEF_SECONDS, self.losses.put)
        self.held.append(held)
        return held

    def until_kept(self) -> None:
        """Hold on to the lease until the process, which may take its time to begin, does so.

        It hears of leases in order, and that there is no such as the last one here.
        """
        begun = threading.Event()
        self.keeper.keep(("t", "n", "l"), 600.0, lambda _why: begun.set(), age=600.0)
        ids = (self.acquired.task_id, self.acquired.node_id, self.acquired.lease_id)
        while not begun.wait(BRIEF_SECONDS / 10):
            self.client.heartbeat_node(*ids)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that sends the heartbeats."""
        process = self.keeper._process  # noqa: SLF001 - tests end it
        assert process is not None
        return process

    def until_beaten(self) -> None:
        """Wait for a heartbeat: the lease ends later than before."""
        before = self.expires_at()
        until(lambda: self.expires_at() > before)

    def expires_at(self) -> int:
        """When the lease ends."""
        [view] = self.client.task_status(self.acquired.task_id).nodes
        assert view.lease_id == self.acquired.lease_id, "the lease is gone"
        return view.lease_expires_at or 0


@pytest.fixture
def kept(brief: DaemonProcess) -> Iterator[Kept]:
    """A lease that will be kept."""
    made = Kept(brief)
    yield made
    for held in made.held:
        made.keeper.release(held)
    made.keeper.close()
    made.client.close()


def hold_interpreter(seconds: int) -> None:
    """One call that does not give up the interpreter's lock, as some in C do not."""
    ctypes.PyDLL(None).sleep(seconds)


def until_kept_for(client: Client, lease: Lease) -> None:
    """Hold on to the lease until somebody else does so."""
    ours, before = 0, client.metrics().runtime.heartbeats
    while client.metrics().runtime.heartbeats == before + ours:
        client.heartbeat_node(lease.task_id, lease.node_id, lease.lease_id)
        ours += 1
        time.sleep(BRIEF_SECONDS / 10)


def test_a_handler_that_holds_the_interpreter(brief: DaemonProcess) -> None:
    """It keeps its lease, however long no other thread of its process can run."""
    with Client(brief.socket_path) as client:
        task_id = task(client, 1)

        def handle(lease: Lease) -> str:
            until_kept_for(client, lease)
            hold_interpreter(2 * BRIEF_SECONDS)
            return "done"

        worker = Worker(client, handle, task_id=task_id)
        worker.run()
        assert worker.outcomes == {"completed": 1}
        assert node(client, task_id).attempt == 1


def test_a_worker_that_waits_needs_none(
    brief: DaemonProcess, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started with the first node, once."""
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with Client(brief.socket_path) as client:
        Worker(client, print, task_id=client.register_task("none").task_id).run()
        assert not caplog.records
        Worker(client, lambda _lease: 1, task_id=task(client, 1, 2)).run()
        assert len(caplog.records) == 1


def test_it_keeps_leases(kept: Kept) -> None:
    """What it is told to keep, also before it listens, it keeps, until it is told otherwise."""
    kept.keeper.start()
    held = kept.keep()
    kept.until_kept()
    kept.until_beaten()
    kept.until_beaten()
    kept.keeper.release(held)
    until(lambda: kept.client.acquire_next_node(kept.acquired.task_id) is not None)
    assert kept.losses.empty()
    assert kept.beats_of_thread == 0


def test_a_lease_that_is_gone(kept: Kept) -> None:
    """What the daemon refuses to extend is told, with the daemon's words."""
    kept.keeper.start()
    kept.keep()
    kept.client.cancel_task(kept.acquired.task_id, reason="enough\nof it")
    why = kept.losses.get(timeout=PATIENCE_SECONDS)
    assert why == f"task {kept.acquired.task_id} was cancelled: enough\nof it"


def test_it_ends_at_once(kept: Kept) -> None:
    """Closed, nothing of it is left."""
    kept.keeper.start()
    kept.keep()
    kept.until_kept()
    kept.until_beaten()
    kept.keeper.close()
    assert not is_there(kept.process.pid)
    assert kept.losses.empty()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_the_workers_affair(kept: Kept, number: signal.Signals) -> None:
    """A machine that shuts down tells all processes to end; the worker may still be at work."""
    kept.keeper.start()
    kept.keep()
    kept.until_kept()
    kept.until_beaten()
    kept.process.send_signal(number)
    kept.until_beaten()
    kept.until_beaten()
    assert kept.process.poll() is None


# Where there is no process


def test_a_process_that_dies(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """A thread goes on with what it kept and with what comes later, and one warning says so."""
    kept.keeper.start()
    kept.keep()
    kept.process.kill()
    kept.until_beaten()
    until(lambda: kept.beats_of_thread > 0)
    kept.keep()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "their own process has ended with exit code -9" in caplog.text
    assert kept.losses.empty()


@pytest.mark.parametrize("program", ["/no/such/python", "", "/bin/false"])
def test_a_process_that_cannot_be_started(
    kept: Kept, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """The same where there is no interpreter to start, or it is no Python."""
    monkeypatch.setattr(sys, "executable", program)
    kept.keeper.start()
    held = kept.keep()
    kept.until_beaten()
    kept.keeper.release(held)
    assert kept.beats_of_thread > 0
    assert len(caplog.records) == 1


def test_a_program_that_was_frozen(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that bears its interpreter within is not started a second time."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    kept.keeper.start()
    kept.keep()
    kept.until_beaten()
    assert kept.beats_of_thread > 0


def test_a_process_that_does_not_listen(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for it: where it takes no more, the thread goes on, and it is ended."""
    kept.keeper.start()
    kept.process.send_signal(signal.SIGSTOP)
    while not caplog.records:
        kept.keeper.release(kept.keep())
    kept.keep()
    kept.until_beaten()
    until(lambda: kept.process.returncode is not None)
    assert len(caplog.records) == 1
    assert "does not listen" in caplog.text


# Workers that are stopped or killed, each a process of its own

_HOLDS = """
import os, sys, threading, time
from pathlib import Path
from agentd import Client
from agentd.client.heartbeats import Heartbeats
from agentd.worker.heartbeat_process import HeartbeatProcess
client = Client()
keeper = HeartbeatProcess(client.address, Heartbeats(client.ask))
keeper.start()
keeper.keep(tuple(sys.argv[3:]), float(sys.argv[2]), lambda why: print("lost", flush=True))
begun = threading.Event()
keeper.keep(("t", "n", "l"), 600.0, lambda why: begun.set(), age=600.0)
begun.wait()
if sys.argv[1] == "forks" and os.fork() == 0:
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(600)
os.write(1, b"%d\\n" % keeper._process.pid)
time.sleep(600)
"""


@contextmanager
def holding(
    daemon: DaemonProcess, acquired: AcquireNextNodeResult, how: str = "plainly"
) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that holds the lease; the processes beside it, that of the heartbeats the last."""
    ids = (acquired.task_id, acquired.node_id, acquired.lease_id)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _HOLDS, how, str(BRIEF_SECONDS), *ids],
        cwd=REPOSITORY,
        env=environment(daemon.home, {}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            count = 2 if how == "forks" else 1
            with Client(daemon.socket_path) as client:
                while not select.select([process.stdout], [], [], BRIEF_SECONDS / 5)[0]:
                    client.heartbeat_node(*ids)  # they may take longer to start than it lasts
            pids = sorted(int(process.stdout.readline()) for _ in range(count))
            yield process, pids
        finally:
            process.kill()


def test_a_worker_that_is_killed(kept: Kept, brief: DaemonProcess) -> None:
    """Its heartbeats end with it, so its node is another's when the lease has run out."""
    with holding(brief, kept.acquired) as (process, [heartbeats]):
        kept.until_beaten()
        process.kill()
        until(lambda: not is_there(heartbeats))
    until(lambda: kept.client.acquire_next_node(kept.acquired.task_id) is not None)


def test_a_worker_that_is_killed_and_has_forked(kept: Kept, brief: DaemonProcess) -> None:
    """A program that it has forked does not keep the heartbeats alive."""
    with holding(brief, kept.acquired, "forks") as (process, [one, other]):
        kept.until_beaten()
        process.kill()
        try:
            until(lambda: kept.client.acquire_next_node(kept.acquired.task_id) is not None)
            until(lambda: not (is_there(one) and is_there(other)))
        finally:
            for pid in filter(is_there, (one, other)):
                os.kill(pid, signal.SIGKILL)


def test_a_worker_that_is_stopped(kept: Kept, brief: DaemonProcess) -> None:
    """While it is stopped (Ctrl-Z) nothing keeps its lease; when it goes on it is told."""
    with holding(brief, kept.acquired) as (process, [_heartbeats]):
        kept.until_beaten()
        process.send_signal(signal.SIGSTOP)
        until(lambda: kept.client.acquire_next_node(kept.acquired.task_id) is not None)
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        assert process.stdout.readline() == "lost\n"


_FORKED = """
import os, sys
from agentd import Client
from agentd.client.heartbeats import Heartbeats
from agentd.worker.heartbeat_process import HeartbeatProcess
client = Client()
asked = []
def ask(request, seconds):
    os.write(1, request.params.lease_id.encode() + b"\\n")
    return client.ask(request, seconds)
keeper = HeartbeatProcess(client.address, Heartbeats(ask))
keeper.start()
held = keeper.keep(("t", "n", "parents"), 600.0, print)
if (child := os.fork()) == 0:
    keeper.release(held)
    keeper.keep(("t", "n", "childs"), 30.0, lambda why: os._exit(7), 30.0)  # it is due at once
    import time
    time.sleep(600)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), keeper._process.poll(), flush=True)
keeper.close()
"""


def test_a_fork_keeps_its_own_leases(brief: DaemonProcess) -> None:
    """What a forked program keeps is kept from a thread of its own; the parent's is let be."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORKED],
        cwd=REPOSITORY,
        env=environment(brief.home, {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert ended.stdout.splitlines() == ["childs", "7 None"]
