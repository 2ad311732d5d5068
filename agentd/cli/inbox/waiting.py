"""What waits for a person, asked of the daemon.

The rule this file keeps: nothing is asked of tasks that do not wait for anybody, but for the list
of those that failed and of those that are at work.
"""

import shlex
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from msgspec import Struct

from agentd.api import GateView, LimitView, TaskSummary
from agentd.cli.gate.known import all_gates, gate_name
from agentd.cli.limit.known import all_limits
from agentd.cli.quantities import format_amount, format_nodes
from agentd.cli.remarks import say
from agentd.cli.states import FAILED, PENDING
from agentd.cli.times import format_duration
from agentd.client import Client

_PAGE = 1000
_MOST_LOOKS = 30
"""Requests for a list of tasks; each looks at 10,000."""

Kind = Literal["gate", "budget", "failed", "limit"]


class Waiting(Struct):
    """One thing; `name` is a gate's or a limit's, `goal` the task's, `command` what to type.

    `since` is when a gate was opened, or a task registered, `until` when it is over by itself: Unix
    seconds.
    """

    kind: Kind
    task_id: str | None
    node_id: str | None
    name: str | None
    goal: str | None
    since: float | None
    until: float | None
    text: str
    command: str


def all_waiting(client: Client, since: float | str) -> list[Waiting]:
    """The most urgent first. Raises `DaemonUnreachable`."""
    open_gates = all_gates(client, None, is_open=True)
    gates = sorted(open_gates, key=lambda gate: gate.timeout_at or float("inf"))
    goals = {task: _goal(client, task) for task in {gate.task_id for gate in gates}}
    failed = _tasks(client, "FAILED", since)
    closed = [limit for limit in all_limits(client) if limit.closed_until is not None]
    closed.sort(key=lambda limit: limit.closed_until or 0)
    return [
        *(_gate(gate, goals[gate.task_id]) for gate in gates),
        *_over_budget(client),
        *map(_failed_task, failed),
        *map(_closed_limit, closed),
    ]


def _tasks(
    client: Client, state: Literal["FAILED", "ACTIVE"], since: float | str | None = None
) -> Iterator[TaskSummary]:
    """Those in this state, the newest first."""
    place = None
    for _ in range(_MOST_LOOKS):
        page = client.list_tasks(state=state, limit=_PAGE, before=place, since=since)
        yield from page.tasks
        if (place := page.next) is None:
            return
    say(f"there are so many tasks that not all that are {state} were looked for")


def _goal(client: Client, task: str) -> str:
    return next((each.goal for each in client.list_tasks(prefix=task).tasks), "")


def _gate(gate: GateView, goal: str) -> Waiting:
    return Waiting(
        "gate",
        gate.task_id,
        gate.node_id,
        gate.name,
        goal,
        gate.since,
        gate.timeout_at,
        gate.ask,
        f"agentd gate approve {gate.task_id} {shlex.quote(gate_name(gate))}",
    )


def _over_budget(client: Client) -> Iterator[Waiting]:
    """The tasks that go on when they may use more: of what hands nothing out."""
    for task in _tasks(client, "ACTIVE"):
        if task.runnable or not task.counts.get(PENDING.word):
            continue
        found = client.task_status(task.id, fields=["usage"])
        budget = found.budget or {}
        spent = [unit for unit, most in budget.items() if found.usage.get(unit, 0) >= most]
        if spent:
            yield _spent_budget(task, budget, found.usage, spent)


def _spent_budget(
    task: TaskSummary,
    budget: dict[str, int | float],
    usage: dict[str, int | float],
    spent: Iterable[str],
) -> Waiting:
    used = [
        f"{unit}: {format_amount(usage.get(unit, 0))} of {format_amount(budget[unit])} used"
        for unit in spent
    ]
    amounts = [
        f"{unit}=AMOUNT" if unit in spent else f"{unit}={most:.15g}"
        for unit, most in budget.items()
    ]
    if not all(each.isprintable() for each in amounts):
        amounts = ["UNIT=AMOUNT"]
    command = shlex.join(["agentd", "task", "budget", task.id, *amounts])
    return _of_task("budget", task, ", ".join(used), command)


def _failed_task(task: TaskSummary) -> Waiting:
    number, total = task.counts.get(FAILED.word, 0), sum(task.counts.values())
    text = f"{number:,} of {format_nodes(total)} FAILED"
    return _of_task("failed", task, text, f"agentd task retry {task.id}")


def _of_task(kind: Kind, task: TaskSummary, text: str, command: str) -> Waiting:
    since = datetime.fromisoformat(task.created_at).timestamp()
    return Waiting(kind, task.id, None, None, task.goal, since, None, text, command)


def _closed_limit(limit: LimitView) -> Waiting:
    left = format_duration(int((limit.closed_until or 0) - time.time()))
    told = [f"closed, {left} left", *([limit.reason] if limit.reason else [])]
    waits = f"{format_nodes(limit.waiting)} waiting"
    opens = f"agentd limit open {shlex.quote(limit.name)}"
    return Waiting(
        "limit",
        None,
        None,
        limit.name,
        None,
        None,
        limit.closed_until,
        f"{': '.join(told)}; {waits}",
        opens if opens.isprintable() else "agentd limit list",
    )
