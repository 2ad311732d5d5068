"""Rule: a queue of any length is made of what the daemon itself would have recorded.

Fills a home with open tasks, in this process and in large transactions: what is registered is
decided and folded as in the daemon, without a socket between. A third of the tasks is blocked:
paused, or by a label that nobody offers, or by a limit that is full or closed.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import random
from typing import Final

import msgspec

from agentd.api import RuntimeMetrics
from agentd.daemon.clock import new_id, wall
from agentd.decide import Context
from agentd.methods import BY_NAME
from agentd.store.sqlite import SqliteStore
from agentd.transact import Call, run_batch
from benchmarks.wire import Json

LABELS: Final = [f"skill-{number}" for number in range(10)]
"""What the worker offers: every node requires one of them."""

SETS: Final = 100
"""Different sets of labels and limits."""

BLOCKED_SETS: Final = range(0, SETS, 4)
"""Those that nobody can take. With the tasks that are paused they hold a third of all."""

NODES_PER_TASK: Final = 10
HIGHEST_PRIORITY: Final = 100

_PAUSED_ONE_IN: Final = 12
_PRIORITIES: Final = 5
_TASKS_AT_ONCE: Final = 500
_WEEK_SECONDS: Final = 604_800

Request = tuple[str, Json]


def fill_home(home: Path, tasks: int) -> None:
    """Register so many open tasks of ten nodes each, and set the limits that they name."""
    with closing(SqliteStore.open(home / "agent_state.db", wall())) as store:
        _run(store, limits())
        for start in range(0, tasks, _TASKS_AT_ONCE):
            part = range(start, min(start + _TASKS_AT_ONCE, tasks))
            _run(store, [open_task(number) for number in part])
            store.checkpoint()


def open_task(number: int) -> Request:
    """The registration of the task of this number: each set occurs with each priority."""
    paused = number % _PAUSED_ONE_IN == 1
    return registration(number % SETS, NODES_PER_TASK, number // SETS % _PRIORITIES, paused=paused)


def registration(demanded: int, nodes: int, priority: int, *, paused: bool = False) -> Request:
    """The registration of a task whose nodes all demand the set of that number."""
    return "RegisterTask", {
        "goal": "benchmark",
        "initial_nodes": [{}] * nodes,
        "priority": priority,
        "paused": paused,
        "node_defaults": _demand(demanded),
    }


def _demand(number: int) -> dict[str, list[str]]:
    """A label that is offered and a limit that has room, no two sets the same; and what blocks."""
    names = {"requires": [LABELS[number % 10]], "limits": [f"pool-{number // 10}"]}
    if number in BLOCKED_SETS:
        names["requires" if number % 3 == 0 else "limits"].append(f"blocked-{number}")
    return names


def limits() -> list[Request]:
    """Ten with room, every other one with a rate; those that block are full or closed."""
    found: list[Request] = []
    for number in range(10):
        rate = {"count": 200, "per_secs": 1} if number % 2 else None
        found.append(("SetLimit", {"name": f"pool-{number}", "max_running": 1_000, "rate": rate}))
    for number in BLOCKED_SETS:
        name = f"blocked-{number}"
        if number % 3 == 1:
            found.append(("SetLimit", {"name": name, "max_running": 0}))
        elif number % 3 == 2:
            found.append(("SetLimit", {"name": name, "max_running": None}))
            found.append(("CloseLimit", {"name": name, "for_secs": _WEEK_SECONDS}))
    return found


def _run(store: SqliteStore, requests: Sequence[Request]) -> None:
    context = Context(wall(), new_id, 300_000, 0, RuntimeMetrics(), random)
    calls = [_call(method, params) for method, params in requests]
    for outcome in run_batch(store, calls, lambda: context, _stop_at_fault):
        if outcome.refusal is not None:
            raise outcome.refusal


def _call(name: str, params: Json) -> Call:
    method = BY_NAME[name]
    assert method.command is not None, f"{name} is a query"
    return Call(method.command, msgspec.convert(params, method.params))


def _stop_at_fault(fault: BaseException) -> None:
    raise fault
