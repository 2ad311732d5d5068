"""Rule: what is held, and who is kept back, must not show in the calls of those it is no matter to.

10,000 locks are held and a glob is wanted that conflicts with one of them; 10,000 ready nodes are
kept back by one lock, and a node of another task is acquired.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter

from benchmarks.daemons import agentd, fresh_home
from benchmarks.load import register_flat
from benchmarks.report import Row, at_most, at_most_times
from benchmarks.run import Run
from benchmarks.stats import median
from benchmarks.wire import Json, Wire

LOCKS = 10_000
KEPT_BACK = 10_000
IN_ONE_TASK = 2_000
CALLS = 100
LONG = 100_000

# The first that is looked at conflicts, one somewhere, and the last of all.
GLOBS = ("file:/repo/**", "file:/repo/*/f0500?.py", "file:/repo/**/f09999.py")


def locks(run: Run) -> list[Row]:
    """The two bars of resource locks."""
    return [_conflicting_glob(run), _kept_back(run)]


def _conflicting_glob(run: Run) -> Row:
    with fresh_home() as home, agentd(home) as daemon, Wire(daemon.socket) as wire:
        for number in range(LOCKS):
            key = f"file:/repo/d{number % 100}/f{number:05}.py"
            wire.call("AcquireResourceLock", {"resource_key": key, "ttl_secs": LONG})
        calls = run.rounds * CALLS
        times = {key: _milliseconds(partial(_refused, wire, key), calls) for key in GLOBS}
    first, some, last = times.values()
    worst = max(times.values())
    return at_most("lock, a glob against 10,000", worst, 2, "ms", first=first, some=some, last=last)


def _refused(wire: Wire, key: str) -> None:
    assert wire.call("AcquireResourceLock", {"resource_key": key}) is None


def _kept_back(run: Run) -> Row:
    with fresh_home() as home, agentd(home) as daemon, Wire(daemon.socket) as wire:
        calls = run.rounds * CALLS
        wanted: Json = {"task_id": register_flat(daemon.socket, 2 * calls), "context_scope": "none"}
        without = _acquire(wire, wanted, calls)
        for start in range(0, KEPT_BACK, IN_ONE_TASK):
            names = range(start, start + IN_ONE_TASK)
            nodes = [{"locks": [f"file:/repo/{number}"]} for number in names]
            wire.call("RegisterTask", {"goal": "g", "priority": 9, "initial_nodes": nodes})
        assert wire.call("AcquireResourceLock", {"resource_key": "dir:/repo", "ttl_secs": LONG})
        kept_back = _acquire(wire, {"context_scope": "none"}, calls)
    return at_most_times("acquire, 10,000 kept back", kept_back, without, 2)


def _acquire(wire: Wire, wanted: Json, calls: int) -> float:
    return _milliseconds(lambda: wire.call("AcquireNextNode", wanted), calls)


def _milliseconds(call: Callable[[], object], calls: int) -> float:
    times = []
    for _ in range(calls):
        began = perf_counter()
        call()
        times.append((perf_counter() - began) * 1e3)
    return median(times)
