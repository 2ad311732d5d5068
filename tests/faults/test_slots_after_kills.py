"""SIGKILL of the daemon at random moments, while workers wait for slots and end work in cycles.

A siege is one home, its workers, and some kills. What is right is told by the journal alone: at
every place of it who has a slot, and how many took one in a rate's time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.command_line import agentd
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess, temporary_home
from tests.faults.check import differences
from tests.faults.crew import GO_HOME, Crew
from tests.faults.early_kill import SHORT_LEASES, killed_while_starting
from tests.faults.oracle import Oracle
from tests.wire.steps import eventually
from tests.wire.waiting import waits

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from random import Random

    from tests.daemon_process import Connection, Object
    from tests.faults.account import Entry
    from tests.faults.laboratory import Laboratory

WORKERS = 6
NODES = 24
LIVES_SECONDS = (0.05, 0.05, 0.2, 1.5)
"""The longest life of a daemon is one of these; in the last one leases run out."""

LIMITS: dict[str, Object] = {
    "one": {"max_running": 1},
    "three": {"max_running": 3},
    "often": {"max_running": None, "rate": {"count": 5, "per_secs": 1}},
}
SHARES = {"one": 0.2, "three": 0.4, "often": 0.08}
"""How many of the nodes name it."""

RETRY = {"max_attempts": 3, "backoff_secs": 0.05}


def a_node(chance: Random, earlier: list[str]) -> Object:
    """What a plan says of one node: slots, labels, attempts, and what it waits for."""
    node: Object = {"name": f"n{len(earlier)}"}
    node["limits"] = [name for name in LIMITS if chance.random() < SHARES[name]]
    node["dependencies"] = chance.sample(earlier, min(len(earlier), chance.choice((0, 0, 1, 2))))
    if chance.random() < 0.3:
        node["requires"] = chance.choice((["gpu"], ["gpu", "mac"]))
    if chance.random() < 0.4:
        node["retry"] = RETRY
    return node


def register(connection: Connection, chance: Random) -> str:
    """The id of a new task; all of its nodes can be ended, whatever fails."""
    nodes: list[Object] = []
    for _ in range(NODES):
        nodes.append(a_node(chance, [node["name"] for node in nodes]))
    registered = connection.call(
        "RegisterTask", goal="g", initial_nodes=nodes, node_defaults={"on_failure": "continue"}
    )
    return str(registered["task_id"])


def send_home(connection: Connection) -> None:
    """Once all wait, give each of them one more node.

    They get the one slot one after the other, and nobody asks for it who does not wait already.
    """
    waits(connection, number=WORKERS)
    node = {"payload_schema": GO_HOME, "lease_secs": 600, "limits": ["one"]}
    connection.call("RegisterTask", goal=GO_HOME, initial_nodes=[node] * WORKERS)


def siege(lab: Laboratory, home: Path, kills: int) -> None:
    """Kill the daemon so often, look after every kill, and let the rest of the work be done."""
    with DaemonProcess(home, **SHORT_LEASES) as daemon:
        oracle = Oracle(daemon.database, home.parent)
        with daemon.connect() as connection:
            for name, limit in LIMITS.items():
                connection.call("SetLimit", name=name, **limit)
            tasks = [register(connection, lab.random)]
        with Crew(WORKERS, daemon.socket_path, home.parent, lab.random.getrandbits(32)):
            for _ in range(kills):
                with daemon.connect() as connection:
                    tasks.append(register(connection, lab.random))
                kill(lab, daemon)
                assert oracle.judge() == []
                assert differences(daemon.database) == []
            assert eventually(lambda: all_ended(oracle), time.time() + PATIENCE_SECONDS)
            with daemon.connect() as connection:
                send_home(connection)
        look_at_the_end(daemon, oracle, tasks)
    count(lab, kills, oracle)


def kill(lab: Laboratory, daemon: DaemonProcess) -> None:
    """Kill the daemon some time later, now and then its next start too, and have it back."""
    time.sleep(lab.random.random() * lab.random.choice(LIVES_SECONDS))
    daemon.kill()
    if lab.random.random() < 0.1:
        killed_while_starting(daemon.home, lab.random)
        lab.count(kills_while_starting=1)
    daemon.start()


def all_ended(oracle: Oracle) -> bool:
    """Whether the journal has an end of every node."""
    assert oracle.judge() == []
    return all(node.ended is not None for node in oracle.chronicle.nodes.values())


def look_at_the_end(daemon: DaemonProcess, oracle: Oracle, tasks: list[str]) -> None:
    """Everybody was told everything, and nothing is held any more."""
    assert all_ended(oracle)
    assert set(tasks) < set(oracle.chronicle.tasks)
    entries = oracle.accounts.entries
    assert [entry for entry in entries if not entry.answered] == []
    assert [entry for entry in waits_of(entries) if entry.result is None] == [], "forgotten"
    assert sorted(leases_told(entries)) == sorted(oracle.chronicle.leases)
    with daemon.connect() as connection:
        limits = connection.call("ListLimits")["limits"]
        counted = {each["name"]: (each["running"], each["waiting"]) for each in limits}
        assert counted == dict.fromkeys(LIMITS, (0, 0))
    assert agentd(daemon.home, "replay", "--check").code == 0


def waits_of(entries: Iterable[Entry]) -> list[Entry]:
    """The requests that were willing to wait."""
    return [entry for entry in entries if entry.method == "AcquireNextNode"]


def fused(entries: Iterable[Entry]) -> list[Any]:
    """The leases that came with the end of the node before."""
    ends = [entry.result for entry in entries if entry.done and "acquire_next" in entry.params]
    return [result["next"] for result in ends if result["next"] is not None]


def leases_told(entries: list[Entry]) -> list[str]:
    """The id of every lease that somebody was told of."""
    acquired = [entry.result for entry in waits_of(entries) if entry.result is not None]
    return [lease["lease_id"] for lease in (*acquired, *fused(entries))]


def count(lab: Laboratory, kills: int, oracle: Oracle) -> None:
    """The figures of this siege."""
    entries = oracle.accounts.entries
    lab.count(
        kills=kills,
        slots_taken=sum(len(taken) for taken in oracle.chronicle.slots.taken.values()),
        waits_answered=len(waits_of(entries)),
        fused_cycles=len(fused(entries)),
        repeats=sum(entry.times - 1 for entry in entries),
    )


def test_slots_after_every_kill(lab: Laboratory) -> None:
    """No limit is exceeded, no slot is lost, no waiter forgotten, and each cycle has one effect."""
    for _ in range(lab.amount(1, 25)):
        with temporary_home() as home:
            siege(lab, home, lab.amount(4, 12))
