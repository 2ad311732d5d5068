"""A worker that is told to stop: what is under way is finished, or given back, and never failed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentd import Client
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment

either = pytest.mark.parametrize("kind", ["blocking", "async"])
LONG = 60.0
DRAINED = 3.0
"""Seconds; as long as a busy machine may take to tell a worker that it is to stop."""


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of a daemon whose leases last for 5 minutes."""
    with Client(shared.socket_path) as opened:
        yield opened


@contextmanager
def worker(shared: DaemonProcess, kind: str, task_id: str) -> Iterator[subprocess.Popen[str]]:
    """A worker whose first handler has begun."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.worker_process", kind, task_id],
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            yield process
        finally:
            process.kill()


def task(client: Client, seconds: float) -> str:
    """Two nodes, each of which takes so long."""
    nodes = [{"payload_schema": {"seconds": seconds}}] * 2
    return client.register_task("work", initial_nodes=nodes).task_id


def said(process: subprocess.Popen[str]) -> list[str]:
    """All that it says until it ends, in a few seconds."""
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    return out.splitlines()


def until_taken(pid: int, number: signal.Signals) -> None:
    """Wait until it does not pend any more: two that pend are one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while pends(pid, number) and time.monotonic() < deadline:
        time.sleep(0.01)


def pends(pid: int, number: signal.Signals) -> bool:
    """Whether a process has still to take that signal; False where there is no /proc."""
    status = Path(f"/proc/{pid}/status")
    told = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return any(
        int(line.split()[1], 16) >> (number - 1) & 1
        for line in told
        if line.startswith(("SigPnd:", "ShdPnd:"))
    )


@either
def test_sigterm_drains(shared: DaemonProcess, client: Client, kind: str) -> None:
    """SIGTERM lets the handler finish its node, and no other is acquired."""
    task_id = task(client, DRAINED)
    with worker(shared, kind, task_id) as process:
        process.send_signal(signal.SIGTERM)
        assert said(process) == ["ends", "out"]
    assert client.task_status(task_id).counts == {"PENDING": 1, "COMPLETED": 1}


@either
def test_a_second_sigterm_stops(shared: DaemonProcess, client: Client, kind: str) -> None:
    """A second SIGTERM stops the handler; its node is given back at once."""
    task_id = task(client, LONG)
    with worker(shared, kind, task_id) as process:
        process.send_signal(signal.SIGTERM)
        until_taken(process.pid, signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGTERM)
        stopped = "LeaseLost" if kind == "blocking" else "CancelledError"
        assert said(process) == [f"stopped by {stopped}", "out"]
    assert client.task_status(task_id).counts == {"PENDING": 2}


@either
def test_an_interrupt_stops(shared: DaemonProcess, client: Client, kind: str) -> None:
    """Ctrl-C stops the handler, gives its node back and leaves `run` as a KeyboardInterrupt."""
    task_id = task(client, LONG)
    with worker(shared, kind, task_id) as process:
        process.send_signal(signal.SIGINT)
        stopped = "LeaseLost" if kind == "blocking" else "CancelledError"
        assert said(process) == [f"stopped by {stopped}", "interrupted", "out"]
    assert client.task_status(task_id).counts == {"PENDING": 2}


def test_a_daemon_that_comes_back(daemon: DaemonProcess) -> None:
    """A result is told to the daemon that is back, however it went away."""
    with Client(daemon.socket_path) as client:
        task_id = task(client, 0.5)
        with worker(daemon, "blocking", task_id) as process:
            daemon.kill()
            assert process.stdout is not None
            assert process.stdout.readline() == "ends\n"
            daemon.start()
            assert said(process)[-1] == "out"
        assert client.task_status(task_id).counts == {"COMPLETED": 2}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("kind", ["program", "async program"])
def test_a_signal_to_a_program_of_the_handler_too(
    shared: DaemonProcess, client: Client, kind: str, number: signal.Signals
) -> None:
    """As Ctrl-C in a terminal: what the handler makes of its program's end fails no node."""
    task_id = task(client, LONG)
    with worker(shared, kind, task_id) as process:
        os.killpg(process.pid, number)
        assert said(process)[-1] == "out"
    assert client.task_status(task_id).counts == {"PENDING": 2}
