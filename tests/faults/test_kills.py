"""SIGKILL of the daemon at random moments, while eight clients work on.

A siege is one home, its clients, and some kills; there are as many sieges as the kills take, so
that each look at the whole journal stays short.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.command_line import agentd
from tests.daemon_process import DaemonProcess, temporary_home
from tests.faults.check import differences
from tests.faults.client import Clients
from tests.faults.early_kill import SHORT_LEASES, killed_while_starting
from tests.faults.oracle import Oracle, judge_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Connection
    from tests.faults.chronicle import Chronicle
    from tests.faults.laboratory import Laboratory

CLIENTS = 8
KILLS_OF_A_SIEGE = 12
LIFE_SECONDS = 0.06
"""At most, after the daemon has been judged."""


def unlike_the_journal(connection: Connection, chronicle: Chronicle, task_id: str) -> list[str]:
    """The nodes that ended, and are shown with another end or another payload."""
    shown = {node["id"]: node for node in connection.call("TaskStatus", task_id=task_id)["nodes"]}
    statuses = {"NodeCompleted": "COMPLETED", "NodeFailed": "FAILED"}
    wrong = []
    for node_id in chronicle.tasks[task_id]:
        if (ended := chronicle.nodes[node_id].ended) is not None:
            written = chronicle.written[ended]
            status, payload = shown[node_id]["status"], shown[node_id]["result_payload"]
            if (status, payload) != (statuses[written.kind], written.payload):
                wrong.append(f"{written} is shown as {shown[node_id]}")
    return wrong


def look(lab: Laboratory, daemon: DaemonProcess, oracle: Oracle) -> None:
    """Judge the daemon that was killed and is back, while the clients go on."""
    assert oracle.judge() == []
    assert differences(daemon.database) == []
    tasks = list(oracle.chronicle.tasks)
    with daemon.connect() as connection:
        for task_id in lab.random.sample(tasks, min(3, len(tasks))):
            assert unlike_the_journal(connection, oracle.chronicle, task_id) == []


def siege(lab: Laboratory, home: Path) -> int:
    """Kill the daemon some times and look after every kill; returns what was acknowledged."""
    folder = home.parent
    with DaemonProcess(home, **SHORT_LEASES) as daemon:
        oracle = Oracle(daemon.database, folder)
        with Clients(CLIENTS, daemon.socket_path, folder, lab.random.getrandbits(32)):
            for _ in range(KILLS_OF_A_SIEGE):
                time.sleep(lab.random.random() * LIFE_SECONDS)
                daemon.kill()
                if lab.random.random() < 0.1:
                    killed_while_starting(home, lab.random)
                    lab.count(kills_while_starting=1)
                daemon.start()
                look(lab, daemon, oracle)
        assert judge_all(daemon.database, folder) == []
        assert agentd(home, "replay", "--check").code == 0
    lab.count(
        kills=KILLS_OF_A_SIEGE,
        acknowledged_writes=oracle.acknowledged,
        unanswered=sum(not entry.answered for entry in oracle.accounts.entries),
        repeats=sum(entry.times - 1 for entry in oracle.accounts.entries),
    )
    return oracle.acknowledged


def test_what_was_acknowledged_survives_every_kill(lab: Laboratory) -> None:
    """No acknowledged write is lost, no node has two holders or two ends, and replay is clean."""
    kills = acknowledged = 0
    while kills < lab.amount(30, 1_000) or acknowledged < lab.amount(0, 50_000):
        with temporary_home() as home:
            acknowledged += siege(lab, home)
        kills += KILLS_OF_A_SIEGE
