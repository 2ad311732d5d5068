"""An MCP client in a process of its own, to be killed: `python -m tests.mcp_client_process`.

It starts a server, takes a node and a lock, prints one line of JSON about that, and then waits for
a line on standard input: `call` has it call a tool, anything else has it leave politely. Stdlib
only, so that it is there at once.

Arguments: the protocol's version, then words: `kept` has another process keep all ends of its pipes
open, `launched` puts a shell between, `deaf` reads no answers once it holds something, `alone`
closes nothing when it is told to leave: the server is left to its own end.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import Any

SERVER = [sys.executable, "-m", "agentd", "mcp"]


class Client:
    """The client's side of the pipes."""

    def __init__(self, version: str, words: set[str]) -> None:
        command = SERVER
        if "launched" in words:
            command = ["/bin/sh", "-c", f"{' '.join(SERVER)}; true"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._number = 0
        hello = {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "killed", "version": "1"},
        }
        self.version = self.ask("initialize", hello)["protocolVersion"]
        self.send({"method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result of one request."""
        self._number += 1
        self.send({"id": self._number, "method": method, "params": params})
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            answer = json.loads(line)
            if answer.get("id") == self._number:
                return answer["result"]
        raise SystemExit("the server has closed its output")

    def call(self, name: str, **arguments: Any) -> Any:
        """What a tool answers."""
        result = self.ask("tools/call", {"name": name, "arguments": arguments})
        assert not result.get("isError"), result
        return result["structuredContent"]

    def shout(self) -> None:
        """Ask for more than anybody reads."""
        for _ in range(40):
            self._number += 1
            params = {"name": "show_node", "arguments": {"part": "payload"}}
            self.send({"id": self._number, "method": "tools/call", "params": params})


def main() -> None:
    """Play the client."""
    version, words = sys.argv[1], set(sys.argv[2:])
    client = Client(version, words)
    payload = {"text": "x" * 12_000} if "deaf" in words else {}
    plan = {"goal": "killed", "nodes": {"a": {"payload": payload}}}
    task = client.call("register_plan", plan=plan)["task"]
    client.call("acquire_node", task=task)
    lock = client.call("acquire_lock", key=f"task:{task}")["key"]
    told = {"task": task, "lock": lock, "version": client.version, "launcher": client.process.pid}
    if "kept" in words:
        told["keeper"] = _keep_open(client)
    if "deaf" in words:
        client.shout()
    _say(told)
    while sys.stdin.readline() == "call\n":
        client.call("show_task")
        _say({})
    if "alone" in words:
        os._exit(0)
    assert client.process.stdin is not None
    client.process.stdin.close()
    client.process.wait()


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def _keep_open(client: Client) -> int:
    """The pid of a process that has the ends of the pipes, too, and outlives this one."""
    keeper = os.fork()
    if keeper == 0:
        os.close(1)
        os.close(0)
        with contextlib.suppress(KeyboardInterrupt):
            os.setsid()
            subprocess.run(
                ["/bin/sleep", "600"],
                check=False,
                pass_fds=[
                    pipe.fileno() for pipe in (client.process.stdin, client.process.stdout) if pipe
                ],
            )
        os._exit(0)
    return keeper


if __name__ == "__main__":
    main()
