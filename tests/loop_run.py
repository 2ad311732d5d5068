"""Runs `agentd loop` as a process of its own, and looks at what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.command_line import AGENTD, Ended, agentd
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.loop_endpoint import Endpoint

KEY = "sk-0123456789abcdef"

Json = dict[str, Any]


def variables(there: Endpoint, artifacts: Path) -> dict[str, str | None]:
    """The environment of a loop that asks this endpoint."""
    return {
        "DEEPSEEK_API_KEY": KEY,
        "DEEPSEEK_BASE_URL": there.base_url,
        "AGENTD_ARTIFACT_DIR": str(artifacts),
    }


def loop(daemon: DaemonProcess, *arguments: str, **env: str | None) -> Ended:
    """Run the loop to its end."""
    return agentd(daemon.home, "loop", *arguments, stdin=b"", **env)


@contextmanager
def started(daemon: DaemonProcess, *arguments: str, **env: str | None) -> Iterator[Running]:
    """A loop that runs beside the test; it and its workers are gone at the end."""
    process = subprocess.Popen(
        [*AGENTD, "loop", *arguments],
        cwd=REPOSITORY,
        env=environment(daemon.home, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield Running(process)
    finally:
        process.kill()  # its workers end with it
        process.communicate()


class Running:
    """A loop that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def end(self) -> Ended:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return Ended(self.process.returncode, out.decode(), err.decode())


def data(ended: Ended) -> Json:
    """What a run with `--json` found."""
    document: Json = json.loads(ended.out)
    assert document["ok"], document
    found: Json = document["data"]
    return found


def error(ended: Ended) -> Json:
    """What a run with `--json` says of its failure."""
    document: Json = json.loads(ended.out)
    assert not document["ok"], document
    found: Json = document["error"]
    return found


def tasks(daemon: DaemonProcess) -> list[str]:
    """The ids of the tasks, the newest first."""
    with daemon.connect() as connection:
        return [task["id"] for task in connection.call("ListTasks")["tasks"]]


def newest_task(daemon: DaemonProcess) -> str:
    """The task that was registered last."""
    return tasks(daemon)[0]


def events(daemon: DaemonProcess, task_id: str) -> list[Json]:
    """All events of a task but the heartbeats."""
    with daemon.connect() as connection:
        found: list[Json] = connection.call("TaskEvents", task_id=task_id, after=0, limit=1000)[
            "events"
        ]
    return found


def status(daemon: DaemonProcess, task_id: str) -> dict[str, Json]:
    """The nodes of a task, by the name of their agent."""
    with daemon.connect() as connection:
        nodes = connection.call("TaskStatus", task_id=task_id)["nodes"]
    return {node["payload_schema"]["name"]: node for node in nodes}


def pid_of(owner: str) -> int:
    """The process of a worker, by the name that it has in the journal."""
    return int(owner.removeprefix("worker-"))


def arguments_of(pid: int) -> str:
    """What everybody on the machine sees of a process."""
    if (listed := Path(f"/proc/{pid}/cmdline")).exists():
        return listed.read_text()
    command = ["/bin/ps", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def is_gone(pid: int) -> bool:
    """Has the process ended?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
