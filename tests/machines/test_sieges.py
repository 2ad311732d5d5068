"""Daemons and their server are killed, and cut off from each other, while their clients work on.

What was acknowledged is there, no node has two holders, and whoever watches sees each event once.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.faults.check import differences
from tests.faults.early_kill import SHORT_LEASES
from tests.faults.oracle import EXPECTED, Oracle, judge_all
from tests.faults.snapshot import snapshot
from tests.machines.cursor import Cursor
from tests.machines.hosts import (
    WAIT_SECONDS,
    Host,
    MakeNetwork,
    at_once,
    at_work,
    hosts,
    proxied_network,
)
from tests.machines.namespaces import let_in, namespace, skip_without_namespaces
from tests.postgres_server import PostgresServer, own_server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.laboratory import Laboratory

HOSTS = 3
CLIENTS = 4
KILLS_OF_A_SIEGE = 15
LIFE_SECONDS = 0.3
"""At most, after all has been judged."""

WAITS_LONG = {**SHORT_LEASES, "AGENTD_DATABASE_WAIT_SECS": WAIT_SECONDS}
GIVES_UP = {**SHORT_LEASES, "AGENTD_DATABASE_WAIT_SECS": "1"}
OUTAGES = (*EXPECTED, "storage_error")
"""Refusals that an outage explains: it has to be so that nothing is recorded."""


def kill_something(lab: Laboratory, server: PostgresServer, there: Sequence[Host]) -> None:
    """A daemon, or the server, or both; they are back when this returns."""
    chance = lab.random.random()
    killed: list[PostgresServer | Host] = [] if chance < 0.6 else [server]
    if chance < 0.8:
        killed.append(lab.random.choice(there))
    for each in killed:
        (each.daemon if isinstance(each, Host) else each).kill()
    lab.count(kills_of_the_server=server in killed, kills=len(killed))
    at_once([(each.daemon if isinstance(each, Host) else each).start for each in killed])


def judge_in_the_end(url: str, folder: Path, cursors: Sequence[Cursor]) -> list[str]:
    """Everything that is wrong, now that nobody works any more."""
    with snapshot(url) as now:
        wrong = [line for cursor in cursors for line in cursor.wrong(now)]
    return wrong + judge_all(url, folder, OUTAGES) + differences(url)


def siege(lab: Laboratory, server: PostgresServer) -> int:
    """Kill some, and judge after each; how many acknowledged writes there were."""
    url = server.fresh_database()
    with hosts(server, url, HOSTS, WAITS_LONG) as (there, folder):
        oracle = Oracle(url, folder)
        with ExitStack() as watching:
            cursors = [watching.enter_context(Cursor(host.daemon)) for host in there]
            with at_work(there, folder, CLIENTS, lab.random.getrandbits(32)):
                before = lab.counted.get("kills", 0)
                while lab.counted.get("kills", 0) - before < KILLS_OF_A_SIEGE:
                    time.sleep(lab.random.random() * LIFE_SECONDS)
                    kill_something(lab, server, there)
                    assert oracle.judge() == []
        assert judge_in_the_end(url, folder, cursors) == []
    lab.count(
        acknowledged=oracle.acknowledged,
        events=oracle.chronicle.last_seq,
        unanswered=sum(not entry.answered for entry in oracle.accounts.entries),
    )
    return oracle.acknowledged


def test_what_was_acknowledged_survives_every_kill(lab: Laboratory) -> None:
    """Whatever is killed, daemons or the server: no acknowledged write is lost or done twice."""
    acknowledged = 0
    with own_server() as server:
        while lab.counted.get("kills", 0) < lab.amount(30, 500) or acknowledged < lab.amount(
            0, 50_000
        ):
            acknowledged += siege(lab, server)


def cut_off_in_turn(lab: Laboratory, server: PostgresServer, make_network: MakeNetwork) -> None:
    """Each host in turn, for a while; what is said meanwhile is judged, and all in the end."""
    url = server.fresh_database()
    with (
        hosts(server, url, HOSTS, GIVES_UP, make_network=make_network) as (there, folder),
        ExitStack() as watching,
    ):
        oracle = Oracle(url, folder, OUTAGES)
        cursors = [watching.enter_context(Cursor(host.daemon)) for host in there]
        with at_work(there, folder, CLIENTS, lab.random.getrandbits(32)):
            for number in range(lab.amount(5, 100)):
                network = there[number % HOSTS].network
                network.stall()
                time.sleep(lab.random.uniform(1, lab.amount(4, 60)))
                assert oracle.judge() == []
                network.calm()
                lab.count(partitions=1)
                time.sleep(lab.random.random())
        watching.close()
        assert judge_in_the_end(url, folder, cursors) == []
    lab.count(acknowledged=oracle.acknowledged, events=oracle.chronicle.last_seq)


def test_a_host_that_is_cut_off_grants_nothing(lab: Laboratory) -> None:
    """By a proxy that says nothing more: the others go on, and what it said is so when it is back.

    Nobody's work is done twice.
    """
    with own_server() as server:
        cut_off_in_turn(lab, server, proxied_network)


def test_a_host_whose_cable_is_pulled_grants_nothing(lab: Laboratory) -> None:
    """The same by the system's own network, whose connections hear of nothing."""
    skip_without_namespaces()
    with own_server(listen_addresses="*") as server:
        let_in(server)
        cut_off_in_turn(lab, server, namespace)
