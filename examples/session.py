"""A session with agentd from Python with the standard library only: the start of a client.

    python3 session.py         register a task of two nodes, and work on it
    python3 session.py TASK    work on a task that is there, until nothing of it is runnable

The rule this file keeps: whatever it sends may be sent twice without harm, so a request whose
answer got lost is sent again. Exit codes: 0 ok, 1 refused or failed, 3 daemon not reachable.
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

Json = dict[str, Any]

OWNER = f"session.py/{os.getpid()}"
TIMEOUT_SECS = 30.0


class Refused(Exception):
    """The answer is an error. Nothing was changed; `kind` is for programs."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.kind = error.get("data", {}).get("kind", "")


class Unreachable(Exception):
    """No daemon answers. Whether it took the request is unknown."""


class Client:
    """One connection, opened by the first call and anew after it broke. One for each thread."""

    def __init__(self) -> None:
        self._connection: socket.socket | None = None
        self._answers: BinaryIO | None = None

    def call(self, method: str, **params: Any) -> Any:
        """The result of one request, which has to be one that may be sent twice."""
        line = json.dumps({"method": method, "params": params}).encode() + b"\n"
        try:
            answer = self._ask(line)
        except OSError:  # the answer got lost: the daemon was restarted, perhaps
            try:
                answer = self._ask(line)
            except OSError as error:
                raise Unreachable(f"{socket_path()} gives no answer: {error}") from error
        response = json.loads(answer, parse_int=whole)
        if "error" in response:
            raise Refused(response["error"])
        return response["result"]

    def _ask(self, line: bytes) -> bytes:
        try:
            if self._connection is None or self._answers is None:
                self._connection = connect()
                self._answers = self._connection.makefile("rb")
            self._connection.sendall(line)
            return read_line(self._answers)
        except BaseException:
            self.close()  # else the next call might read the answer to this one
            raise

    def close(self) -> None:
        """Close the connection."""
        for part in (self._answers, self._connection):
            if part is not None:
                part.close()
        self._answers = self._connection = None


def socket_path() -> Path:
    """Where the daemon listens, unless its env file says otherwise."""
    home = os.environ.get("AGENTD_HOME", "~/.agentd")
    return Path(os.environ.get("AGENTD_SOCKET_PATH", f"{home}/agentd.sock")).expanduser()


def connect() -> socket.socket:
    """A connection. Raises `Unreachable`, in words that say what to do."""
    path = socket_path()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except PermissionError as error:
        connection.close()
        raise Unreachable(f"{path}: another user's daemon, or a sandbox forbids it") from error
    except OSError as error:
        connection.close()
        raise Unreachable(
            f"no agentd at {path} ({error.strerror or error}): start it with `agentd serve`, "
            "or set AGENTD_SOCKET_PATH"
        ) from error
    connection.settimeout(TIMEOUT_SECS)
    return connection


def read_line(answers: BinaryIO) -> bytes:
    """A whole line, of any length."""
    line = answers.readline()
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the daemon closed the connection")
    return line


def whole(digits: str) -> int | str:
    """An integer; the text of one with more digits than Python reads, which is some 4,300."""
    try:
        return int(digits)
    except ValueError:
        return digits


def new_id() -> str:
    """An id for a node, or for a request that would be recorded twice if it came twice."""
    return str(uuid.uuid4())


def register(client: Client) -> str:
    """A task of two nodes, the second of which waits for the first; returns its id."""
    hello, goodbye = new_id(), new_id()
    nodes = [
        {"id": hello, "payload_schema": {"say": "hello"}},
        {"id": goodbye, "payload_schema": {"say": "goodbye"}, "dependencies": [hello]},
    ]
    registered = client.call("RegisterTask", goal="greet", initial_nodes=nodes, request_id=new_id())
    task_id: str = registered["task_id"]
    return task_id


def work_through(client: Client, task_id: str, lease_secs: float) -> None:
    """A worker's life: acquire, work under heartbeats, complete or fail, until `null`."""
    # A request_id stands for one request for ever: so each poll takes a new one.
    while node := client.call(
        "AcquireNextNode", task_id=task_id, lease_owner=OWNER, request_id=new_id()
    ):
        lease = {name: node[name] for name in ("task_id", "node_id", "lease_id")}
        started = {"action_type": "STARTED", "payload": {"worker": OWNER}}
        try:
            client.call("CommitEvent", **lease, **started, request_id=new_id())
            with heartbeats(lease, lease_secs / 3):
                method, outcome = attempt(node["context"])
            client.call(method, **lease, **outcome)
            print(f"node {node['node_id']}: {method}")
        except Refused as refusal:
            if refusal.kind != "stale_lease":
                raise
            print(f"node {node['node_id']}: lost the lease, so another worker does it")


def attempt(context: Json) -> tuple[str, Json]:
    """How the node ends: completed with what `work` returns, or failed with what it raises."""
    try:
        return "CompleteNode", {"result_payload": work(context)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the journal is to know it
        return "FailNode", {"error_payload": {"message": str(error)}}


def work(context: Json) -> Json:
    """The work itself: put your own here. It may be done twice, if a lease runs out over it."""
    job = context["node"]["payload_schema"]
    time.sleep(job.get("seconds", 0))
    if "say" not in job:
        raise ValueError("the payload has nothing to say")
    after = [node["result_payload"] for node in context["completed_dependencies"]]
    return {"said": job["say"], "after": after}


@contextlib.contextmanager
def heartbeats(lease: Json, interval_secs: float) -> Iterator[None]:
    """Extend the lease every so often, on a connection and a thread of its own."""
    done = threading.Event()

    def beat() -> None:
        client = Client()
        # No answer, or a refusal: then the worker's next request is told so too.
        with contextlib.suppress(Refused, Unreachable):
            while not done.wait(max(interval_secs, 0.1)):
                client.call("HeartbeatNode", **lease)
        client.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main() -> int:
    """Health, RegisterTask, the worker's loop, TaskStatus; returns the exit code."""
    client = Client()
    try:
        health = client.call("Health")
        task_id = sys.argv[1] if len(sys.argv) > 1 else register(client)
        work_through(client, task_id, health["running_timeout_secs"])
        status = client.call("TaskStatus", task_id=task_id)
    except (Refused, Unreachable) as error:
        print(f"session.py: {error}", file=sys.stderr)
        return 3 if isinstance(error, Unreachable) else 1
    finally:
        client.close()
    print(f"task {status['task']['id']}: {json.dumps(status['counts'])}")
    return 1 if "FAILED" in status["counts"] else 0


if __name__ == "__main__":
    sys.exit(main())
