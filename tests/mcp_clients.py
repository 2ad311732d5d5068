"""Clients in processes of their own, as tests start and end them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.daemon_process import REPOSITORY, environment

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.daemon_process import Connection, DaemonProcess

PREVIOUS = "2025-11-25"
_LOOK_SECONDS = 0.02

_BEGUN = 19
"""Which word behind its name in /proc says when a process began: see proc(5)."""


class ClientProcess:
    """A client with its server, which holds a node and a lock from the start."""

    def __init__(self, daemon: DaemonProcess, *words: str, version: str = PREVIOUS) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.mcp_client_process", version, *words],
            cwd=REPOSITORY,
            env={**environment(daemon.home, {}), "AGENTD_OWNER": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def meet(self, connection: Connection) -> Self:
        """Wait until it holds something; `task`, `lock`, `server` (its pid) and so on are known."""
        told = self._read()
        self.task, self.lock, self.version = told["task"], told["lock"], told["version"]
        self.keeper: int | None = told.get("keeper")
        node = connection.call("NodeStatus", task_id=self.task, node_id="a")["node"]
        self.owner: str = node["lease_owner"]
        self.server = int(self.owner.split("/")[2])
        return self

    def call(self) -> None:
        """Have it call a tool, and wait for the answer."""
        self._write("call\n")
        self._read()

    def leave(self) -> None:
        """Tell it to leave."""
        self._write("leave\n")

    def kill(self) -> None:
        """Kill it, and whoever is left of it."""
        self.process.kill()
        self.process.wait()

    def holds(self, connection: Connection) -> bool:
        """Whether the node or the lock is held."""
        node = connection.call("NodeStatus", task_id=self.task, node_id="a")["node"]
        locks = connection.call("ListResourceLocks", prefix=self.lock)["locks"]
        return node["status"] == "RUNNING" or bool(locks)

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the client has ended: {self.process.poll()}"
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Have it and all that belongs to it end, once: their numbers are others' later."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what was not sent is for nobody
                    pipe.close()
        keeper, self.keeper = getattr(self, "keeper", None), None
        if keeper is not None:
            os.killpg(keeper, signal.SIGKILL)


def seconds_until_gone(pid: int, patience: float) -> float:
    """How long a process still lives. Raises `AssertionError` where it outlives the patience."""
    began, itself = time.monotonic(), _identity(pid)
    while itself is not None and _identity(pid) == itself:
        passed = time.monotonic() - began
        assert passed < patience, f"process {pid} lives after {passed:.1f} s: {itself}"
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began


def _identity(pid: int) -> str | None:
    """What tells a process from another that gets its pid; None where it has ended."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        told = subprocess.run(
            ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        return None if told[:1] in ("", "Z") else told.partition(" ")[2]
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else f"begun at tick {fields[_BEGUN]}"
