"""`agentd work` and the time that a command may take: the worker's own, and the node's."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import Client, Worker
from agentd.api import AcquireNextNodeResult
from agentd.client import AsyncLease
from agentd.client.address import UnixAddress
from agentd.client.heartbeats import Heartbeats
from agentd.worker import child_process
from agentd.worker.command import CommandHandler, CommandPolicy
from agentd.worker.guardian import Guardian
from agentd.worker.kept_output import OutputKeeper, OutputPlace
from agentd.worker.time_limit import time_limit
from tests.daemon_process import REPOSITORY, DaemonProcess, environment
from tests.working import node, task, work


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def failure(client: Client, task_id: str) -> tuple[str | None, dict[str, Any]]:
    """The kind of the last attempt of the task's only node, and what it failed with."""
    shown = client.node_status(task_id, node(client, task_id).id)
    last = shown.attempts[-1]
    assert last.how == "failed"  # by the worker; by the daemon it would be timed_out
    return last.kind, json.loads(bytes(last.error))


@pytest.mark.parametrize(
    "script",
    [
        "echo begins >&2; exec sleep 60",
        "trap 'exit 0' TERM; echo begins >&2; sleep 60 & wait",
        "trap 'exit 75' TERM; echo begins >&2; sleep 60 & wait",
    ],
    ids=["hangs", "ends well when told", "wants to go on later"],
)
def test_the_time_of_the_worker(shared: DaemonProcess, client: Client, script: str) -> None:
    """--timeout fails the node, whatever the command makes of being told."""
    task_id = task(client, 1)
    ended = work(shared, task_id, script, "--timeout", "3s")
    assert (ended.code, ended.out.splitlines()[0]) == (
        1,
        "0 completed, 1 failed, 0 given back, 0 lost",
    )
    told = {"kind": "timeout", "timeout_secs": 3, "stderr": "begins\n"}
    assert failure(client, task_id) == ("timeout", told)


def test_helpers_take_none_of_it(
    shared: DaemonProcess, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that has ended was in time, though its helpers are listened to for longer."""
    monkeypatch.setattr(child_process, "_HELPER_SECONDS", 4.5)
    task_id = task(client, 1)
    script = "sleep 600 & echo $!"
    address = UnixAddress(str(shared.socket_path))
    keeper = OutputKeeper(OutputPlace(tmp_path, 0), address)
    policy = CommandPolicy(timeout=4)
    with Guardian(0) as guardian:
        command = ["sh", "-c", script]
        worker: list[Worker] = []
        handler = CommandHandler(
            command, guardian, address, print, lambda: worker[0], keeper, policy
        )
        worker.append(Worker(client, handler, task_id=task_id))
        worker[0].run()
    ended = node(client, task_id)
    assert ended.status == "COMPLETED"
    os.kill(json.loads(bytes(ended.result_payload)), signal.SIGKILL)


EARLIER = """
import sys
from agentd.cli import main
from agentd.worker import time_limit

time_limit._MARGIN, time_limit._SHARE = 3.0, 0.3
sys.exit(main(sys.argv[1:]))
"""
"""On a busy machine a second is too little for a worker to be in time."""


def test_the_time_of_the_node(shared: DaemonProcess, client: Client) -> None:
    """The worker fails it before the daemon does, also where the command does not listen."""
    nodes = [{"timeout_secs": 10, "retry": {"max_attempts": 2, "backoff_secs": 3600}}]
    task_id = client.register_task("work", initial_nodes=nodes).task_id
    script = "trap '' TERM; echo begins >&2; while :; do sleep 1; done"
    command = [sys.executable, "-c", EARLIER, "work", "--task", task_id, "--max-failures", "1"]
    ended = subprocess.run(
        [*command, "--", "sh", "-c", script],
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    kind, told = failure(client, task_id)
    after = told.pop("ended_after_secs")
    assert (kind, told) == (
        "timeout",
        {"kind": "timeout", "timeout_secs": 10, "stderr": "begins\n"},
    )
    assert 4 <= after < 10
    assert (
        f"its end after {after:g} s, in time for the node's time-out of 10 s: begins; look at the "
        "command: sh -c "
    ) in ended.stderr
    assert node(client, task_id).status == "PENDING"  # tried again, as its `retry` says


@pytest.mark.parametrize("given", ["0", "soon", "0s", "400d"])
def test_no_time(shared: DaemonProcess, client: Client, given: str) -> None:
    """A time that is none is refused before any node is touched."""
    task_id = task(client, 1)
    ended = work(shared, task_id, "true", "--timeout", given)
    assert ended.code == 2
    assert repr(given) in ended.err
    assert node(client, task_id).status == "PENDING"


@pytest.fixture
def acquired(client: Client) -> AcquireNextNodeResult:
    """A node that was acquired now, without a time of its own."""
    found = client.acquire_next_node(task(client, 1))
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _is_now(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes for a lease between its making and the look at it."""
    if "acquired" in request.fixturenames:
        now = time.time()
        monkeypatch.setattr("agentd.worker.time_limit.time.time", lambda: now)


def lease(acquired: AcquireNextNodeResult, seconds: float | None) -> AsyncLease:
    """A lease that must end so many seconds from now."""
    acquired.deadline_at = None if seconds is None else time.time() + seconds
    return AsyncLease(acquired, lambda _request: None, Heartbeats(lambda *_: None))  # type: ignore[arg-type, return-value]


def test_no_limit(acquired: AcquireNextNodeResult) -> None:
    """Without either time a command runs as long as it likes, and has its whole grace."""
    limit = time_limit(lease(acquired, None), None, 10, 1000)
    assert (limit.stop_at, limit.grace_left()) == (None, 10)


@pytest.mark.parametrize(
    ("seconds", "stop_in", "gone_in"),
    [(1800, 1789, 1799), (60, 53, 59), (10, 8, 9), (1, 0.8, 0.9)],
)
def test_time_is_left_to_tell(
    acquired: AcquireNextNodeResult, seconds: float, stop_in: float, gone_in: float
) -> None:
    """SIGTERM, the grace and SIGKILL all come before the deadline; of a short time it is a part."""
    limit = time_limit(lease(acquired, seconds), None, 10, 1000)
    assert limit.stop_at == pytest.approx(1000 + stop_in, abs=0.2)
    assert limit.gone_by == pytest.approx(1000 + gone_in, abs=0.2)


def test_the_shorter_time_counts(acquired: AcquireNextNodeResult) -> None:
    """And it is the one that is told."""
    both = time_limit(lease(acquired, 100), 5, 10, 1000)
    assert (both.stop_at, both.seconds) == (1005, 5)
    node_time = time_limit(lease(acquired, 100), 500, 10, 1000)
    assert node_time.seconds == 100
    assert node_time.stop_at == pytest.approx(1089, abs=0.2)


def test_the_grace_ends_with_the_deadline(acquired: AcquireNextNodeResult) -> None:
    """A command that is told late has the less time."""
    limit = time_limit(lease(acquired, 6), None, 10, time.monotonic())
    assert limit.grace_left() < 5.5
