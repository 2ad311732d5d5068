"""Who watches at each host sees every event once, in one order, under load from all of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.faults.snapshot import snapshot
from tests.machines.cursor import Cursor
from tests.machines.hosts import Host, at_once, hosts

if TYPE_CHECKING:
    from tests.faults.laboratory import Laboratory
    from tests.postgres_server import PostgresServer

HOSTS = 3
NODES = 40
"""Of a task: its registration is so many events and one more."""


def load(host: Host, events: int) -> None:
    """Register tasks, and take and complete nodes of any, until so many are recorded by this."""
    with host.daemon.connect() as connection:
        recorded = 0
        while recorded < events:
            connection.call("RegisterTask", goal="g", initial_nodes=[{}] * NODES)
            recorded += NODES + 1
            for _ in range(NODES // 2):
                held = connection.call("AcquireNextNode", lease_owner=host.name)
                named = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
                connection.call("CompleteNode", **named)
                recorded += 2


def test_each_sees_every_event_once(
    lab: Laboratory, postgres: PostgresServer, database_url: str
) -> None:
    """Whatever is recorded by whom, and however fast."""
    events = lab.amount(10_000, 1_000_000)
    with hosts(postgres, database_url, HOSTS) as (there, _folder):
        with ExitStack() as watching:
            cursors = [watching.enter_context(Cursor(host.daemon)) for host in there]
            at_once([lambda host=host: load(host, events // HOSTS + 1) for host in there])  # type: ignore[misc]
        with snapshot(database_url) as now:
            assert [cursor.wrong(now) for cursor in cursors] == [[]] * HOSTS
    assert len(cursors[0].seen) >= events
    lab.count(events=len(cursors[0].seen), cursors=HOSTS)
