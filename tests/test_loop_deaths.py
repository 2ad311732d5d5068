"""Workers of the loop that die, are stopped or come back too late, and a loop that dies itself.

The endpoint holds an answer back for as long as the test needs.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.errors import Failure
from agentd.loop.pool import MOST_DEATHS, WorkerDeath, WorkerPool
from agentd.loop.settings import load
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.loop_endpoint import Endpoint, agent_of, endpoint, hangs, says, well
from tests.loop_run import (
    KEY,
    Json,
    events,
    is_gone,
    loop,
    newest_task,
    pid_of,
    started,
    status,
    variables,
)
from tests.working import until


@pytest.fixture
def there() -> Iterator[Endpoint]:
    """An endpoint that listens."""
    with endpoint() as made:
        yield made


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """What holds an answer back until it is set; set at the end, so that nobody hangs."""
    event = threading.Event()
    yield event
    event.set()


def holder(daemon: DaemonProcess, there: Endpoint, ask: int = 0) -> tuple[str, int]:
    """Which agent's node the request was sent for, and by which process."""
    agent = agent_of(there.asks[ask])
    return agent, pid_of(status(daemon, newest_task(daemon))[agent]["lease_owner"])


def kinds(daemon: DaemonProcess, agent: str) -> list[str]:
    """What happened to an agent's node of the newest task."""
    task_id = newest_task(daemon)
    node_id = status(daemon, task_id)[agent]["id"]
    return [e["action_type"] for e in events(daemon, task_id) if e["node_id"] == node_id]


def heartbeats(daemon: DaemonProcess) -> int:
    """How many the daemon has had."""
    with daemon.connect() as connection:
        return int(connection.call("Metrics")["runtime"]["heartbeats"])


def watch(crew: WorkerPool, deaths: list[WorkerDeath]) -> None:
    """Replace the dead for as long as that goes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        deaths += crew.replace_dead_workers()
        time.sleep(0.01)


def owners(found: list[Json]) -> list[str]:
    """Who has held the nodes, in order."""
    acquired = [event for event in found if event["action_type"] == "ACQUIRE_NODE"]
    return [event["payload"]["lease_owner"] for event in acquired]


def test_a_slow_answer(
    brief: DaemonProcess, there: Endpoint, held: threading.Event, tmp_path: Path
) -> None:
    """Heartbeats go out beside the request, so an answer may take longer than the lease."""
    there.faults.append(hangs(held))
    before = heartbeats(brief)
    with started(brief, "--workers", "1", **variables(there, tmp_path)) as running:
        there.wait_for_asks(1)
        agent, _ = holder(brief, there)
        until(lambda: heartbeats(brief) >= before + 4)  # three of them are a lease
        held.set()
        assert running.end().code == 0
    assert "TIMEOUT_ROLLBACK" not in kinds(brief, agent)


def test_a_worker_is_killed_in_mid_call(
    brief: DaemonProcess, there: Endpoint, held: threading.Event, tmp_path: Path
) -> None:
    """Another takes its place, its node goes on after the lease ran out, with the same prompt."""
    there.faults.append(hangs(held))
    with started(brief, "--workers", "1", **variables(there, tmp_path)) as running:
        there.wait_for_asks(1)
        agent, pid = holder(brief, there)
        os.kill(pid, signal.SIGKILL)
        ended = running.end()
    assert ended.code == 0, ended
    assert f"worker-{pid}" in ended.out
    assert "SIGKILL; worker-" in ended.out
    assert kinds(brief, agent) == [
        "ADD_NODE",
        "ACQUIRE_NODE",
        "DEEPSEEK_REQUEST_STARTED",
        "TIMEOUT_ROLLBACK",
        "ACQUIRE_NODE",
        "DEEPSEEK_REQUEST_STARTED",
        "DEEPSEEK_RESPONSE",
        "COMPLETE_NODE",
    ]
    first, second = [ask.body for ask in there.asks if agent_of(ask) == agent]
    assert first == second


def test_the_loop_is_killed_and_resumed(
    brief: DaemonProcess, there: Endpoint, held: threading.Event, tmp_path: Path
) -> None:
    """Its workers end with it and fail nothing; a run with the task's id does what is left."""
    there.faults.extend([says("first"), hangs(held)])
    with started(brief, "--workers", "1", **variables(there, tmp_path)) as running:
        there.wait_for_asks(2)
        _, pid = holder(brief, there, 1)
        running.process.kill()
        until(lambda: is_gone(pid))
    task_id = newest_task(brief)
    ended = loop(brief, "--task", task_id, "--workers", "1", **variables(there, tmp_path))
    assert ended.code == 0, ended
    assert f"task {task_id} again" in ended.out
    assert (tmp_path / task_id / "worker.py").read_text() == "first\n"
    assert there.asks[1].body == there.asks[2].body
    assert len(there.asks) == 5
    assert len(set(owners(events(brief, task_id)))) == 2


def test_a_worker_that_comes_back_too_late(
    brief: DaemonProcess, there: Endpoint, held: threading.Event, tmp_path: Path
) -> None:
    """It drops its answer: the artifact and the result are its successor's."""
    last = threading.Event()
    there.faults.extend([hangs(held, says("too late")), well, well, hangs(last)])
    with started(brief, **variables(there, tmp_path)) as running:
        there.wait_for_asks(1)
        agent, pid = holder(brief, there)
        os.kill(pid, signal.SIGSTOP)
        there.wait_for_asks(4)  # the other agent's, this one's again, and the next one's
        held.set()
        os.kill(pid, signal.SIGCONT)
        last.set()
        ended = running.end()
    assert ended.code == 0, ended
    assert kinds(brief, agent).count("DEEPSEEK_RESPONSE") == 1
    texts = [path.read_text() for path in (tmp_path / newest_task(brief)).iterdir()]
    assert "too late\n" not in texts


def test_ctrl_c(
    brief: DaemonProcess, there: Endpoint, held: threading.Event, tmp_path: Path
) -> None:
    """What is in flight comes to its end, nothing new begins, and the way to go on is told."""
    there.faults.append(hangs(held))
    with started(brief, "--workers", "1", **variables(there, tmp_path)) as running:
        there.wait_for_asks(1)
        _, pid = holder(brief, there)
        running.process.send_signal(signal.SIGINT)
        assert running.process.stdout is not None
        lines = iter(running.process.stdout.readline, b"")
        assert any(b"loop" in line and b"stops" in line for line in lines)
        held.set()
        ended = running.end()
    task_id = newest_task(brief)
    assert ended.code == 130
    assert f"agentd: nothing is lost; go on with: agentd loop --task {task_id}\n" in ended.err
    assert is_gone(pid)
    states = [node["status"] for node in status(brief, task_id).values()]
    assert states == ["COMPLETED", "PENDING", "PENDING", "PENDING"]


def test_ctrl_c_twice(
    brief: DaemonProcess, there: Endpoint, held: threading.Event, tmp_path: Path
) -> None:
    """The second one waits for nobody; still no node has failed."""
    there.faults.append(hangs(held))
    with started(brief, "--workers", "1", **variables(there, tmp_path)) as running:
        there.wait_for_asks(1)
        agent, pid = holder(brief, there)
        running.process.send_signal(signal.SIGINT)
        assert running.process.stdout is not None
        assert any(b"stops" in line for line in iter(running.process.stdout.readline, b""))
        running.process.send_signal(signal.SIGINT)
        assert running.end().code == 130
    assert is_gone(pid)
    assert "FAIL_NODE" not in kinds(brief, agent)


def test_workers_that_die_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not replaced without end; the last one's last words are told, without the key."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho 'out of order: {KEY}' >&2\nexit 7\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    settings = load(None, {"DEEPSEEK_API_KEY": KEY, "AGENTD_AGENT_WORKERS": "1"})
    replaced: list[WorkerDeath] = []
    with WorkerPool("t", settings) as crew, pytest.raises(Failure) as failed:
        watch(crew, replaced)
    assert len(replaced) == MOST_DEATHS
    assert str(failed.value) == (
        "11 workers died, the last one with exit status 7; it said: out of order: [key]"
    )
