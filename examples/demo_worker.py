"""One worker of the demo, a process of its own: acquire, work, heartbeat, commit events, complete.

The rule this file keeps: a request without an answer is sent again until it has one. That is safe:
a completion is known by its lease, a node whose acquisition went unanswered is found in TaskStatus,
and an event that is committed twice is only said twice.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from agentd.client import Client
from agentd.errors import DaemonUnreachable, RequestRefused
from examples.demo_log import LogWriter

RETRY_SECS = 0.05
IDLE_SECS = 0.03
PATIENCE_SECS = 10.0
"""How long a worker waits for a daemon that is away before it gives up."""

Json = dict[str, Any]


class Worker:
    """Works on one task under one name until nothing of it is left to do."""

    def __init__(self, client: Client, name: str, task_id: str, log: LogWriter) -> None:
        self._client = client
        self._name = name
        self._task = {"task_id": task_id}
        self._log = log
        self._title = ""

    def run(self) -> None:
        """Acquire and work until every node of the task has ended."""
        while True:
            node = self._acquire()
            if node is not None:
                self._work(node)
            elif not {"PENDING", "RUNNING"} & set(self._ask("TaskStatus", self._task)["counts"]):
                return
            else:
                time.sleep(IDLE_SECS)

    def _acquire(self) -> Json | None:
        """The node that this worker holds now, or None when nothing is runnable."""
        params = {**self._task, "lease_owner": self._name}
        try:
            acquired = self._client.call("AcquireNextNode", params)
        except DaemonUnreachable:
            return self._find_my_node()
        return None if acquired is None else acquired["context"]["node"]

    def _find_my_node(self) -> Json | None:
        """The node that an unanswered AcquireNextNode may have given to this worker."""
        nodes = self._ask("TaskStatus", self._task)["nodes"]
        return next((node for node in nodes if node["lease_owner"] == self._name), None)

    def _work(self, node: Json) -> None:
        """The node's simulated work under its lease; a lost lease ends it, whoever has it now."""
        job = node["payload_schema"]
        self._title = job["title"]
        lease = {**self._task, "node_id": node["id"], "lease_id": node["lease_id"]}
        self._log.write("starts", self._title)
        try:
            self._write("CommitEvent", lease, action_type="STARTED", payload=job["inputs"])
            time.sleep(job["simulated_ms"] / 2000)
            self._ask("HeartbeatNode", lease)
            time.sleep(job["simulated_ms"] / 2000)
            self._write("CommitEvent", lease, action_type="PRODUCED", payload=job["outputs"])
            result = {"worker": self._name, "role": job["role"], "outputs": job["outputs"]}
            self._write("CompleteNode", lease, result_payload=result)
        except RequestRefused as refusal:
            if refusal.kind != "stale_lease":
                raise
            self._log.write("loses lease", self._title)

    def _write(self, method: str, lease: Json, **fields: object) -> None:
        """Send one write and log the event id of its answer at once."""
        answer = self._ask(method, {**lease, **fields})
        what = "completes" if method == "CompleteNode" else "commits"
        self._log.write(what, self._title, answer["event_id"])

    def _ask(self, method: str, params: Json) -> Any:
        """The answer to one request, however often it has to be sent."""
        patience_ends = None
        while True:
            try:
                answer = self._client.call(method, params)
            except DaemonUnreachable:
                if patience_ends is None:
                    self._log.write("waits", f"{method} has no answer: the daemon is gone")
                    patience_ends = time.monotonic() + PATIENCE_SECS
                elif time.monotonic() > patience_ends:
                    raise
                time.sleep(RETRY_SECS)
            else:
                if patience_ends is not None:
                    self._log.write("is back", f"{method} is answered")
                return answer


def main() -> None:
    """Run one worker as the command line says."""
    parser = argparse.ArgumentParser(description="One worker of the demo.")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--task", required=True, help="task id")
    parser.add_argument("--name", required=True, help="the lease owner")
    parser.add_argument("--log", type=Path, required=True, help="file to append entries to")
    args = parser.parse_args()
    with Client(args.socket) as client:
        Worker(client, args.name, args.task, LogWriter(args.log, args.name)).run()


if __name__ == "__main__":
    main()
