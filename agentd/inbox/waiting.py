"""What waits for a person, and what to type: questions that either client can ask.

The rule this file keeps: nothing is asked of tasks that do not wait for anybody, but for the list
of those that failed and of those that are at work.
"""

import shlex
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from agentd.api import GateView, LimitView, TaskSummary
from agentd.client.questions import Questions
from agentd.client.requests import gates as gate_requests
from agentd.client.requests import limits as limit_requests
from agentd.client.requests import tasks as task_requests
from agentd.label import SHORTEST_ID
from agentd.quantities import format_amount, format_nodes
from agentd.states import FAILED, PENDING
from agentd.times import format_duration

_PAGE = 1000
MOST_LOOKS = 30
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


class Inbox(Struct):
    """All of it, the most urgent first; `cut`: of tasks in these states not all were looked for."""

    waiting: list[Waiting]
    cut: list[str]


def ask_inbox(since: float | str, looks: int = MOST_LOOKS, page: int = _PAGE) -> Questions[Inbox]:
    """What waits; of the tasks that FAILED, those registered `since` then.

    Of the tasks that failed, and of those at work, `looks` pages of so many are looked for.
    """
    cut: list[str] = []
    open_gates = yield from ask_gates(None, is_open=True)
    gates = sorted(open_gates, key=lambda gate: gate.timeout_at or float("inf"))
    goals: dict[str, str] = {}
    for gate in gates:
        if gate.task_id not in goals:
            goals[gate.task_id] = yield from _goal(gate.task_id)
    failed = yield from _tasks("FAILED", cut, looks, page, since)
    closed = yield from ask_limits()
    closed = [limit for limit in closed if limit.closed_until is not None]
    closed.sort(key=lambda limit: limit.closed_until or 0)
    active = yield from _tasks("ACTIVE", cut, looks, page)
    waiting = [
        *(_gate(gate, goals[gate.task_id]) for gate in gates),
        *(yield from _over_budget(active)),
        *map(_failed_task, failed),
        *map(_closed_limit, closed),
    ]
    return Inbox(waiting, cut)


def ask_gates(task: str | None, *, is_open: bool) -> Questions[list[GateView]]:
    """The gates that wait for a decision, or were decided, of all pages."""
    page = yield gate_requests.list_gates(open=is_open, task_id=task)
    gates = [*page.gates]
    while page.next is not None:
        page = yield gate_requests.list_gates(open=is_open, task_id=task, after=page.next)
        gates += page.gates
    return gates


def ask_limits() -> Questions[list[LimitView]]:
    """The limits that were set or closed, of all pages."""
    page = yield limit_requests.list_limits()
    limits = [*page.limits]
    while page.next is not None:
        page = yield limit_requests.list_limits(after=page.next)
        limits += page.limits
    return limits


def gate_name(gate: GateView) -> str:
    """What to type for its node: its name, or its id where that has none or is no word."""
    return gate.name if gate.name and gate.name.isprintable() else gate.node_id


def gate_label(gate: GateView) -> str:
    """As `gate_name`, but for the end of an id, which leaves room in a line for what is asked."""
    return gate.name if gate.name and gate.name.isprintable() else gate.node_id[-SHORTEST_ID:]


def _tasks(
    state: Literal["FAILED", "ACTIVE"],
    cut: list[str],
    looks: int,
    limit: int,
    since: float | str | None = None,
) -> Questions[list[TaskSummary]]:
    """Those in this state, the newest first."""
    found: list[TaskSummary] = []
    place = None
    for _ in range(looks):
        page = yield task_requests.list_tasks(state=state, limit=limit, before=place, since=since)
        found += page.tasks
        if (place := page.next) is None:
            return found
    cut.append(state)
    return found


def _goal(task: str) -> Questions[str]:
    page = yield task_requests.list_tasks(prefix=task)
    return next((each.goal for each in page.tasks), "")


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


def _over_budget(active: Iterable[TaskSummary]) -> Questions[list[Waiting]]:
    """The tasks that go on when they may use more: of what hands nothing out."""
    found = []
    for task in active:
        if task.runnable or not task.counts.get(PENDING.word):
            continue
        status = yield task_requests.task_status(task.id, fields=["usage"])
        budget = status.budget or {}
        spent = [unit for unit, most in budget.items() if status.usage.get(unit, 0) >= most]
        if spent:
            found.append(_spent_budget(task, budget, status.usage, spent))
    return found


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
