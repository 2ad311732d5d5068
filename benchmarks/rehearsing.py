"""Rule: a journal to rehearse is one in which nearly every event is a decision.

Sixteen workers take nodes of plans of 1,000 and complete them; a rehearsal decides all of that
anew, with twice the workers, as a process.
"""

from typing import Final

from benchmarks.daemons import agentd, fresh_home
from benchmarks.history import count_events
from benchmarks.load import register_flat
from benchmarks.processes import seconds_of
from benchmarks.report import Row, at_most
from benchmarks.run import Run
from benchmarks.wire import Wire

WORKERS: Final = 16
EVENTS_PER_NODE: Final = 3
NODES_PER_TASK: Final = 1_000


def rehearse(run: Run) -> list[Row]:
    """As many events as a busy week has."""
    with fresh_home() as home:
        with agentd(home, events=0, timeout=3_600) as daemon, Wire(daemon.socket) as wire:
            for _ in range(run.rehearsed_events // EVENTS_PER_NODE // NODES_PER_TASK):
                register_flat(daemon.socket, NODES_PER_TASK)
                _work_through(wire)
        events = count_events(home)
        words = ["rehearse", "--set", f"workers={2 * WORKERS}", "--json"]
        seconds = seconds_of(words, home)
    return [at_most(f"rehearsal of {events:,} events", seconds, 10, "s", events=events)]


def _work_through(wire: Wire) -> None:
    acquire = [wire.line("AcquireNextNode", {"lease_owner": f"w{n}"}) for n in range(WORKERS)]
    while held := [lease for lease in wire.pipeline(acquire) if lease is not None]:
        names = ("task_id", "node_id", "lease_id")
        leases = [{name: lease[name] for name in names} for lease in held]
        wire.pipeline([wire.line("CompleteNode", lease) for lease in leases])
