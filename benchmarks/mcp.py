"""Rule: what the SDK costs by itself is measured beside what agentd adds to it.

Servers as their clients start them: the time to the first answer, a call, memory; and how many
are left when their clients were killed. The client is a few lines on pipes, and costs nothing.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any, Self

from benchmarks.daemons import TREE, Daemon, agentd, agentd_environment, fresh_home
from benchmarks.report import Row, at_least, at_most
from benchmarks.resident import resident_megabytes
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Wire

OURS = [sys.executable, "-m", "agentd", "mcp"]
BARE = """
from mcp.server.mcpserver import MCPServer
server = MCPServer("bare", log_level="WARNING")
@server.tool()
async def show_task() -> dict[str, list[str]]:
    return {"tasks": []}
server.run()
"""
CALLS = 300
KILLED = 100
AT_ONCE = 10
PATIENCE_SECONDS = 5.0
_QUICK = 3
"""Starts of a quick run: it kills fewer."""

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
WAYS = (
    (),
    ("kept",),
    ("kept", "launched"),
    ("deaf", "kept"),
    ("alone",),
    ("kept", "stopped"),
)
"""What the client does, and how it is killed: see tests/mcp_client_process.py."""


class Server:
    """A server, and the pipes to it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._number = 0

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of one request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["result"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def mcp(run: Run) -> list[Row]:
    """Servers of agentd, and of the SDK alone, in turns; then those that are left."""
    with fresh_home() as home, agentd(home) as daemon:
        environment = agentd_environment(home)
        bare = [sys.executable, "-c", BARE]
        firsts: list[tuple[float, float]] = [
            (_first_answer(OURS, environment), _first_answer(bare, environment))
            for _ in range(run.starts)
        ]
        ours, megabytes = _calls(OURS, environment)
        sdk, _ = _calls(bare, environment)
        first = median([each for each, _ in firsts])
        beside = median([each for _, each in firsts])
        killed = range(0, KILLED if run.starts > _QUICK else 2 * AT_ONCE, AT_ONCE)
        gone = sum(_gone(daemon, home, each) for each in killed)
    return [
        at_most("mcp, first answer", first, 1.5, "s", sdk=beside),
        at_most("mcp, a call beside the SDK's", ours - sdk, 5, "ms", ours=ours, sdk=sdk),
        at_most("mcp, resident memory", megabytes, 90, "MB"),
        at_least("mcp, clients killed: gone in 5 s", gone / len(killed) / AT_ONCE * 100, 100, "%"),
    ]


def _first_answer(command: list[str], environment: dict[str, str]) -> float:
    began = perf_counter()
    with Server(command, environment) as server:
        server.ask("initialize", HELLO)
        return perf_counter() - began


def _calls(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """The median of a call, in milliseconds, and the server's memory after all of them."""
    with Server(command, environment) as server:
        server.ask("initialize", HELLO)
        times = []
        for _ in range(CALLS):
            began = perf_counter()
            answer = server.ask("tools/call", {"name": "show_task", "arguments": {}})
            times.append((perf_counter() - began) * 1e3)
            assert not answer.get("isError"), answer
        return median(times), resident_megabytes(server.process.pid)


def _gone(daemon: Daemon, home: Path, first: int) -> int:
    """Of the servers whose clients are killed at once: how many have ended after 5 s."""
    with _clients(home, first) as clients, Wire(daemon.socket) as wire:
        servers, keepers = zip(*(_server_of(wire, client) for client in clients), strict=True)
        for number, client in enumerate(clients, first):
            if "stopped" in WAYS[number % len(WAYS)]:
                client.send_signal(signal.SIGSTOP)
            client.kill()
        end = monotonic() + PATIENCE_SECONDS
        while any(map(_lives, servers)) and monotonic() < end:
            sleep(0.05)
        for keeper in filter(None, keepers):
            os.killpg(keeper, signal.SIGKILL)
        return sum(not _lives(server) for server in servers)


@contextmanager
def _clients(home: Path, first: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "tests.mcp_client_process", "2025-11-25"]
    clients = [
        subprocess.Popen(
            [*command, *WAYS[number % len(WAYS)]],
            cwd=TREE,
            env=agentd_environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(first, first + AT_ONCE)
    ]
    try:
        yield clients
    finally:
        for client in clients:
            client.kill()
            client.communicate()


def _server_of(wire: Wire, client: subprocess.Popen[bytes]) -> tuple[int, int | None]:
    """Its pid, which is in the name of the owner, and that of who keeps its pipes open."""
    assert client.stdout is not None
    told = json.loads(client.stdout.readline())
    node = wire.call("NodeStatus", {"task_id": told["task"], "node_id": "a"})["node"]
    return int(node["lease_owner"].split("/")[2]), told.get("keeper")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
