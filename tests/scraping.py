"""A daemon that tells its figures over HTTP, and something of each kind that happens in it."""

from __future__ import annotations

import json
import re
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tests.daemon_process import PATIENCE_SECONDS, SERVE, Connection, DaemonProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Response(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: str


class ScrapedDaemon(DaemonProcess):
    """`agentd serve --metrics`, on any port."""

    def __init__(self, home: Path, host: str = "127.0.0.1", **env: str | None) -> None:
        self.host = host
        shown = f"[{host}]" if ":" in host else host
        self.command = [*SERVE, "--metrics", f"{shown}:0"]
        super().__init__(home, **env)

    @property
    def port(self) -> int:
        """The port that it took last."""
        return int(re.findall(r"http://[^ ]*:(\d+)/metrics", self.stderr())[-1])

    def stranger(self) -> socket.socket:
        """A connection that has asked nothing."""
        return socket.create_connection((self.host, self.port), PATIENCE_SECONDS)

    def ask(self, *headers: str, line: str = "GET /metrics HTTP/1.1", host: str = "") -> Response:
        """What a request is answered, whose Host is right unless another is given."""
        lines = [line, f"Host: {host or f'127.0.0.1:{self.port}'}", *headers, "", ""]
        return self.say("\r\n".join(lines).encode())

    def say(self, data: bytes) -> Response:
        """What is answered to these bytes."""
        with self.stranger() as connection:
            connection.sendall(data)
            said = bytearray()
            while piece := connection.recv(65_536):
                said += piece
        head, _, body = said.decode().partition("\r\n\r\n")
        first, *rest = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in rest)
        assert int(headers["Content-Length"]) == len(body.encode())
        return Response(int(first.split(" ")[1]), headers, body)


@contextmanager
def all_that_happens(daemon: DaemonProcess) -> Iterator[None]:
    """Something of each kind has happened, and somebody waits for work while this is entered."""
    with daemon.connect() as connection, daemon.connect() as waiter:
        _limit_and_lock(connection)
        _work(connection)
        other = connection.call("RegisterTask", goal="nothing to do", initial_nodes=[])["task_id"]
        asked = {"task_id": other, "lease_owner": "idle", "wait_secs": 60}
        line = json.dumps({"id": 1, "method": "AcquireNextNode", "params": asked})
        waiter.send_raw(f"{line}\n".encode())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            runtime = connection.call("Metrics")["runtime"]
            if runtime["timeout_rollbacks"] and runtime["waiting_requests"]:
                break
            time.sleep(0.02)
        yield


def _limit_and_lock(connection: Connection) -> None:
    """Two limits, one of them closed, and two locks, one of them given back."""
    connection.call("SetLimit", name="claude", max_running=3)
    connection.call("SetLimit", name="quota", max_running=None)
    connection.call("CloseLimit", name="quota", for_secs=9_999)
    connection.call("AcquireResourceLock", resource_key="kept", owner="me")
    given = connection.call("AcquireResourceLock", resource_key="given back", owner="me")
    which = {name: given[name] for name in ("resource_key", "lease_id")}
    connection.call("ReleaseResourceLock", **which)


def _work(connection: Connection) -> None:
    """A node whose lease runs out, one that is completed, one that fails, one that is held."""
    nodes: list[object] = [{"name": name, "limits": ["claude"]} for name in "abcdef"]
    nodes.append({"name": "ship", "gate": {"ask": "Ship it?"}})
    task = connection.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]

    def hold(**more: object) -> dict[str, str]:
        held = connection.call("AcquireNextNode", task_id=task, lease_owner="me", **more)
        return {name: held[name] for name in ("task_id", "node_id", "lease_id")}

    hold(lease_secs=1)
    connection.call("CompleteNode", **hold(), result_payload={})
    connection.call("FailNode", **hold(), error_payload={}, kind="rate_limit")
    connection.call("HeartbeatNode", **(held := hold()))
    connection.call("CommitEvent", **held, action_type="STEP", payload={})
