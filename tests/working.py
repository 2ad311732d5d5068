"""`agentd work` as a process, and the tasks that it is given."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentd import Client
from agentd.api import NodeView
from tests.command_line import Ended, agentd
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment


def task(client: Client, *payloads: Any) -> str:
    """A task with a node for each payload."""
    nodes = [{"payload_schema": payload} for payload in payloads]
    return client.register_task("work", initial_nodes=nodes).task_id


def node(client: Client, task_id: str) -> NodeView:
    """The task's only node."""
    return client.task_status(task_id).nodes[0]


def work(shared: DaemonProcess, task_id: str, script: str, *flags: str, **env: str) -> Ended:
    """Work on that task with a shell script, to its end."""
    command = ("work", "--task", task_id, *flags, "--", "sh", "-c", script)
    return agentd(shared.home, *command, stdin=b"", **env)


def until(condition: Callable[[], object]) -> None:
    """Wait until it holds, for as long as a busy machine may need."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def is_gone(process_id: int, patience: float = PATIENCE_SECONDS) -> bool:
    """Whether no such process runs any more, in a few seconds."""
    deadline = time.monotonic() + patience
    while _runs(process_id):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(process_id: int) -> bool:
    """Whether there is such a process; one that has ended may still be there to be waited for."""
    try:
        os.kill(process_id, 0)
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it has just gone, or there is no /proc
        return not Path("/proc/self").exists()
    return stat.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def waiting(
    shared: DaemonProcess, task_id: str, script: str = "true", *flags: str, **env: str
) -> Iterator[subprocess.Popen[str]]:
    """A worker that is killed at the end."""
    ours = [sys.executable, "-m", "agentd", "work", "--task", task_id, *flags]
    command = [*ours, "--", "sh", "-c", script]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(shared.home, env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def working(
    shared: DaemonProcess, task_id: str, script: str, *flags: str
) -> Iterator[subprocess.Popen[str]]:
    """A worker whose command has said that it begins."""
    with waiting(shared, task_id, script, *flags) as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("begins\n")
        yield process
