"""Rule: eight workers drain one plan, whether through one daemon, through several, or through none.

One drain of a fresh database: by agentd's daemons, each in a home of its own, or by a peer.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import msgspec

from benchmarks.account import Account
from benchmarks.barrier import run_each
from benchmarks.daemons import Daemon, agentd, fresh_home
from benchmarks.load import Load, measure_drain, register_flat
from benchmarks.machines.processor import Meter
from benchmarks.peers.peer import load_on_postgresql
from benchmarks.postgres_server import as_url, fresh_database, server_pid
from benchmarks.wire import Wire

WORKERS = 8


class Drained(msgspec.Struct, frozen=True):
    """What came of a drain: processor time of a cycle in milliseconds, of all processes of a kind.

    `conflicts` are the batches that daemons decided again, for every thousand cycles.
    """

    load: Load
    daemons: float
    server: float
    workers: float
    conflicts: float

    @property
    def processor(self) -> float:
        """All that a cycle took."""
        return self.daemons + self.server + self.workers


def drain_peer(server: str, name: str, jobs: int) -> Drained:
    """Fill a fresh database and let the peer's workers drain it; raises `Missing`."""
    peer = load_on_postgresql(name)
    with fresh_database(server) as address:
        peer.fill(address, jobs)
        meter = Meter([], server_pid(server))
        command = ["benchmarks.peers.worker", name, address]
        accounts = run_each([command] * WORKERS, meter.look)
        kept = peer.results(address)
    assert kept == jobs, f"{name} kept {kept} of {jobs} results"
    return _drained(accounts, jobs, meter, conflicts=0)


def drain_daemons(server: str, address: str, daemons: int, nodes: int, events: int = 0) -> Drained:
    """Serve a database with so many daemons, and let workers drain one task through all of them."""
    with ExitStack() as stack:
        homes = [stack.enter_context(fresh_home()) for _ in range(daemons)]
        served = [stack.enter_context(_serve(home, address, events)) for home in homes]
        task_id = register_flat(served[0].socket, nodes)
        meter = Meter([daemon.pid for daemon in served], server_pid(server))
        before = _conflicts(served)
        accounts = run_each(_commands(served, task_id), meter.look)
        return _drained(accounts, nodes, meter, _conflicts(served) - before)


def _serve(home: Path, address: str, events: int) -> AbstractContextManager[Daemon]:
    return agentd(home, events=events, database_url=as_url(address))


def _commands(daemons: Sequence[Daemon], task_id: str) -> list[list[str]]:
    """Return the workers' commands: they take the daemons in turn."""
    sockets = [daemons[number % len(daemons)].socket for number in range(WORKERS)]
    return [["benchmarks.peers.worker", "agentd", f"{task_id} {socket}"] for socket in sockets]


def _conflicts(daemons: Sequence[Daemon]) -> int:
    total = 0
    for daemon in daemons:
        with Wire(daemon.socket) as wire:
            total += int(wire.call("Metrics", {})["runtime"]["conflicts"])
    return total


def _drained(accounts: list[Account], cycles: int, meter: Meter, conflicts: int) -> Drained:
    return Drained(
        load=measure_drain(accounts, cycles),
        daemons=meter.daemons / cycles * 1e3,
        server=meter.server / cycles * 1e3,
        workers=sum(account.processor for account in accounts) / cycles * 1e3,
        conflicts=conflicts / cycles * 1e3,
    )
