"""`agentd work` as a process, and the tasks that it is given."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentd import Client
from agentd.api import NodeView
from tests.command_line import Ended, agentd
from tests.daemon_process import REPOSITORY, DaemonProcess, environment


def task(client: Client, *payloads: Any) -> str:
    """A task with a node for each payload."""
    nodes = [{"payload_schema": payload} for payload in payloads]
    return client.register_task("work", initial_nodes=nodes).task_id


def node(client: Client, task_id: str) -> NodeView:
    """The task's only node."""
    return client.task_status(task_id).nodes[0]


def work(shared: DaemonProcess, task_id: str, script: str, *flags: str) -> Ended:
    """Work on that task with a shell script, to its end."""
    return agentd(shared.home, "work", "--task", task_id, *flags, "--", "sh", "-c", script)


@contextmanager
def waiting(
    shared: DaemonProcess, task_id: str, script: str = "true"
) -> Iterator[subprocess.Popen[str]]:
    """A worker that is killed at the end."""
    command = [sys.executable, "-m", "agentd", "work", "--task", task_id, "--", "sh", "-c", script]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def working(shared: DaemonProcess, task_id: str, script: str) -> Iterator[subprocess.Popen[str]]:
    """A worker whose command has said that it begins."""
    with waiting(shared, task_id, script) as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("begins\n")
        yield process
