"""Rule: a journal to start from and to replay is made of the calls that workers make.

Fills a home through the daemon itself. Of ten events one adds a node, one acquires it, six
are committed by its worker, one extends the lease and one completes it. The requests are
pipelined, so that one commit carries hundreds of them.
"""

from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import apsw

from benchmarks.account import PAYLOAD
from benchmarks.daemons import agentd
from benchmarks.load import register_flat
from benchmarks.wire import Json, Wire

EVENTS_PER_NODE: Final = 10
NODES_PER_TASK: Final = 1_000
NODES_PER_IDLE_TASK: Final = 10_000
NODES_AT_ONCE: Final = 200


def write_history(
    home: Path, events: int, *, idle_nodes: int = 0, database_url: str | None = None
) -> None:
    """Let a daemon on this home journal that many events (one more per task), and stop it.

    After that it registers tasks of so many nodes in all that nobody has touched. With a
    `database_url` the journal is on that server.
    """
    # An hour of lease: no slow disk may turn a part of the history into rollbacks.
    daemon_on_home = agentd(home, events=0, timeout=3_600, database_url=database_url)
    with daemon_on_home as daemon, Wire(daemon.socket) as wire:
        for nodes in _parts(events // EVENTS_PER_NODE, NODES_PER_TASK):
            _work_through(wire, register_flat(daemon.socket, nodes), nodes)
        for nodes in _parts(idle_nodes, NODES_PER_IDLE_TASK):
            register_flat(daemon.socket, nodes)


def count_events(home: Path) -> int:
    """Return the number of events in the journal of a stopped daemon."""
    with closing(apsw.Connection(str(home / "agent_state.db"))) as database:
        count = database.execute("SELECT count(*) FROM journal").get
    assert isinstance(count, int)
    return count


def _parts(whole: int, most: int) -> list[int]:
    return [min(most, whole - start) for start in range(0, whole, most)]


def _work_through(wire: Wire, task_id: str, nodes: int) -> None:
    acquire = wire.line("AcquireNextNode", {"task_id": task_id, "lease_owner": "historian"})
    for part in _parts(nodes, NODES_AT_ONCE):
        held = wire.pipeline([acquire] * part)
        lines = iter([line for lease in held for line in _node_lines(wire, task_id, lease)])
        while batch := list(islice(lines, 2 * NODES_AT_ONCE)):
            wire.pipeline(batch)


def _node_lines(wire: Wire, task_id: str, held: Json) -> list[bytes]:
    lease = {"task_id": task_id, "node_id": held["node_id"], "lease_id": held["lease_id"]}
    commit = wire.line("CommitEvent", lease | {"action_type": "STEP", "payload": PAYLOAD})
    complete = wire.line("CompleteNode", lease | {"result_payload": PAYLOAD})
    return [*[commit] * 6, wire.line("HeartbeatNode", lease), complete]
