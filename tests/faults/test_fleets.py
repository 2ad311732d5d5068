"""Two fleets of real workers, good and bad commands, and what dies: workers, and twice the daemon.

What is right is told by the journal, the nodes, and the system's list of processes.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import agentd
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.faults.fleet import Fleet, processes_of
from tests.wire.steps import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon_process import Connection, Object
    from tests.faults.laboratory import Laboratory

LEASE_SECONDS = 3
TOLD_SECONDS = 6.0
"""What may lie between a worker's end and our seeing it, and a heartbeat that was under way."""

TRIED = {"retry": {"max_attempts": 2, "backoff_secs": 0.1}}
NODES: dict[str, Object] = {
    "good": {},
    "talkative": {},
    "quota": {"limits": ["provider"]},
    "failing": TRIED,
    "hanging": {"timeout_secs": 4},
    "killed": {},
    "killing": TRIED,
}
"""By what its command does, what else a node says."""

WEIGHTS = {"good": 30, "talkative": 2, "quota": 3, "failing": 3, "hanging": 1, "killed": 2}
ENDS = {
    "failing": {"exit_code", "attempts_exhausted"},
    "hanging": {"timeout"},
    "killed": {"killed"},
    "killing": {"attempts_exhausted"},
}
"""What the error of a bad one tells, `exit_code` of a command's own end; the others complete."""


def register(connection: Connection, lab: Laboratory, killing: int) -> str:
    """A task with one node of every kind but `killing`, of which there are so many, and more."""
    more = lab.random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=8)
    kinds = [*WEIGHTS, *more, *["killing"] * killing]
    lab.random.shuffle(kinds)
    nodes = [
        {
            "payload_schema": {"do": kind},
            "requires": ["gpu"] if lab.random.random() < 0.3 else [],
            **NODES[kind],
        }
        for kind in kinds
    ]
    params = {"initial_nodes": nodes, "node_defaults": {"lease_secs": LEASE_SECONDS}}
    return str(connection.call("RegisterTask", goal="g", **params)["task_id"])


def events(connection: Connection) -> Iterator[Object]:
    """The whole journal, heartbeats too."""
    place: int = 0
    kinds = ["ACQUIRE_NODE", "HEARTBEAT_NODE", *ENDINGS]
    while True:
        page = connection.call("WatchEvents", after_seq=place, kinds=kinds, limit=1000)
        yield from page["events"]
        if page["last_seq"] == place:
            return
        place = page["last_seq"]


ENDINGS = ("COMPLETE_NODE", "FAIL_NODE", "RELEASE_NODE", "TIMEOUT_ROLLBACK", "REVOKE_LEASE")


def heartbeats_of_the_dead(connection: Connection, deaths: dict[str, float]) -> list[Object]:
    """Heartbeats of leases whose worker had been killed."""
    holder: dict[str, str] = {}
    found = []
    for event in events(connection):
        node = event["node_id"]
        if event["action_type"] == "ACQUIRE_NODE":
            holder[node] = event["payload"]["lease_owner"]
        at = datetime.fromisoformat(event["timestamp"]).timestamp()
        late = at > deaths.get(holder.get(node, ""), at) + TOLD_SECONDS
        if event["action_type"] == "HEARTBEAT_NODE" and late:
            found.append(event)
    return found


def ended(connection: Connection, tasks: list[str]) -> bool:
    """Whether all of them have."""
    shown = (connection.call("TaskStatus", task_id=task, fields=["counts"]) for task in tasks)
    return all(each["state"] in ("COMPLETED", "FAILED") for each in shown)


def look_at_the_nodes(connection: Connection, tasks: list[str]) -> dict[str, int]:
    """Each ended as its policy says; how many of each kind there were."""
    numbers: defaultdict[str, int] = defaultdict(int)
    for task in tasks:
        for node in connection.call("TaskStatus", task_id=task)["nodes"]:
            kind, result = node["payload_schema"]["do"], node["result_payload"]
            numbers[kind] += 1
            assert node["status"] == ("FAILED" if kind in ENDS else "COMPLETED"), (kind, result)
            assert kind not in ENDS or told(result) & ENDS[kind], (kind, result)
            assert kind != "talkative" or result["bytes"] == 2_000_000, result
    return numbers


def told(error: Any) -> set[str]:
    """What an error tells: its kind, its fields."""
    return {*error, error.get("kind", "")}


def storm(lab: Laboratory, daemon: DaemonProcess, fleets: list[Fleet]) -> list[str]:
    """Register tasks, kill workers at random and the daemon twice; the tasks."""
    seconds, tasks = lab.amount(6, 600), []
    began, killed = time.monotonic(), 0
    while (gone := time.monotonic() - began) < seconds:
        with daemon.connect() as connection:
            tasks.append(register(connection, lab, killing=int(lab.random.random() < 0.3)))
        time.sleep(lab.random.random() * lab.amount(2, 12))
        lab.random.choice(fleets).kill_one(lab.random)
        if killed < 2 and gone > (killed + 1) * seconds / 3:
            killed += 1
            daemon.kill()
            daemon.start()
    return tasks


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_two_fleets(lab: Laboratory, home: Path) -> None:
    """Good nodes complete, bad ones end as their policy says, and nothing of a dead worker stays.

    No process of it, and no lease: its heartbeats end with it.
    """
    with DaemonProcess(home) as daemon:
        with daemon.connect() as connection:
            connection.call("SetLimit", name="provider", max_running=2)
        with ExitStack() as stack:
            fleets = [
                stack.enter_context(Fleet(home, "plain", 2, "--concurrency", "3")),
                stack.enter_context(Fleet(home, "gpu", 2, "--label", "gpu", "--max-failures", "0")),
            ]
            tasks = storm(lab, daemon, fleets)
            with daemon.connect() as connection:
                deadline = time.time() + PATIENCE_SECONDS
                assert eventually(lambda: ended(connection, tasks), deadline)
        deaths = {each.name: each.at for fleet in fleets for each in fleet.deaths}
        for name in deaths:
            deadline = time.time() + PATIENCE_SECONDS
            assert eventually(lambda n=name: processes_of(n) == [], deadline)  # type: ignore[misc]
        with daemon.connect() as connection:
            numbers = look_at_the_nodes(connection, tasks)
            assert heartbeats_of_the_dead(connection, deaths) == []
        assert agentd(home, "replay", "--check").code == 0
    lab.count(nodes=sum(numbers.values()), workers_killed=len(deaths), daemons_killed=2, **numbers)
