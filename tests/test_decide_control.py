"""What is decided about a task as a whole: cancelled, paused, resumed, timed out, its budget."""

from typing import Any

import pytest
from msgspec.structs import replace

from agentd.decide import Cancellable, Ledger
from agentd.errors import TaskHasEnded, TaskIsCancelled, TaskNotFound
from agentd.events import (
    BudgetSet,
    LeaseRevoked,
    StateOfTask,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
)
from agentd.journal import Draft
from tests.core import NOW, context, uid
from tests.given import ENDS, LEASE, NODE, RUNNING, TASK, TASK_ROW, control, given

CHILD, ITS_NODE = uid(0x7B), uid(2)
REVOKED = LeaseRevoked(LEASE, "worker-1", ENDS, "PENDING")
CANCELLED: dict[str, Any] = {"state": "CANCELLED", "cancelled": TaskCancelled("no need", "me")}
METHODS: dict[str, dict[str, Any]] = {
    "CancelTask": {},
    "PauseTask": {},
    "ResumeTask": {},
    "SetBudget": {"budget": None},
}
ENDED: list[StateOfTask] = ["COMPLETED", "FAILED"]


def test_a_task_is_cancelled() -> None:
    """Each lease is taken away, and the task's own event is the last."""
    given(control(held=[RUNNING])).when("CancelTask", task_id=TASK, reason="why", by="me").then(
        Draft(REVOKED, NODE, task_id=TASK),
        Draft(TaskCancelled("why", "me"), task_id=TASK),
    )


def test_descendants_are_cancelled_before_their_ancestor() -> None:
    """Each in its own stream, with whom it was cancelled for; the ancestor names them all."""
    held = replace(RUNNING, node_id=ITS_NODE, task_id=CHILD)
    given(control(descendants=[Cancellable(CHILD, [held])])).when("CancelTask", task_id=TASK).then(
        Draft(REVOKED, ITS_NODE, task_id=CHILD),
        Draft(TaskCancelled(ancestor=TASK), task_id=CHILD),
        Draft(TaskCancelled(descendants=(CHILD,)), task_id=TASK),
    )


def test_a_task_is_cancelled_once() -> None:
    """The second time nothing happens."""
    given(control(**CANCELLED)).when("CancelTask", task_id=TASK).then()


@pytest.mark.parametrize("state", ["ACTIVE", "PAUSED"])
def test_a_task_whose_time_is_over(state: StateOfTask) -> None:
    """At that moment, and not before, it is cancelled by the daemon."""
    timed = control(task=replace(TASK_ROW, timeout_at=NOW), state=state)
    given(timed).when("time_out_task", task_id=TASK).then(
        Draft(TaskCancelled(by="timeout"), task_id=TASK)
    )
    given(timed).when("time_out_task", context(now=NOW - 1), task_id=TASK).then()


@pytest.mark.parametrize("state", [*ENDED, "CANCELLED"])
def test_a_time_out_ends_what_goes_on(state: StateOfTask) -> None:
    """What has ended is left as it is, and so is a task without a time-out, or none at all."""
    timed = control(task=replace(TASK_ROW, timeout_at=NOW), state=state)
    for left in (timed, control(), control(task=None)):
        given(left).when("time_out_task", task_id=TASK).then()


def test_a_task_is_paused_and_resumed() -> None:
    """By an event of its own, and only where it is not so already."""
    why: dict[str, Any] = {"task_id": TASK, "reason": "why", "by": "me"}
    paused = control(is_paused=True)
    given(control()).when("PauseTask", **why).then(Draft(TaskPaused("why", "me")))
    given(paused).when("PauseTask", **why).then()
    given(paused).when("ResumeTask", **why).then(Draft(TaskResumed("why", "me")))
    given(control()).when("ResumeTask", **why).then()


@pytest.mark.parametrize(
    ("budget", "spent"),
    [(None, False), ({}, False), ({"usd": 3}, False), ({"usd": 2}, True), ({"x": 0}, True)],
)
def test_a_budget_is_set(budget: dict[str, float] | None, spent: bool) -> None:  # noqa: FBT001
    """Whether it is reached is decided then, by what was used before."""
    used = control(ledger=Ledger({"usd": 2}, None))
    given(used).when("SetBudget", task_id=TASK, budget=budget).then(Draft(BudgetSet(budget, spent)))


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("method", ["CancelTask", "PauseTask", "ResumeTask"])
def test_nothing_of_a_task_that_has_ended(method: str, state: StateOfTask) -> None:
    """The refusal names the task and its state."""
    given(control(state=state)).when(method, task_id=TASK).refused(TaskHasEnded, TASK, state)


@pytest.mark.parametrize("state", ENDED)
def test_a_task_that_has_ended_gets_a_budget(state: StateOfTask) -> None:
    """Somebody may bring it back to life."""
    ended = control(state=state)
    given(ended).when("SetBudget", task_id=TASK, budget=None).then(Draft(BudgetSet()))


@pytest.mark.parametrize("method", ["PauseTask", "ResumeTask", "SetBudget"])
def test_nothing_of_a_task_that_is_cancelled(method: str) -> None:
    """The refusal names the task, who cancelled it, and why."""
    given(control(**CANCELLED)).when(method, task_id=TASK, **METHODS[method]).refused(
        TaskIsCancelled, TASK, "by me", "no need"
    )


@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_a_task_that_is_not_there(method: str) -> None:
    """The refusal names it."""
    given(control(task=None)).when(method, task_id=TASK, **METHODS[method]).refused(
        TaskNotFound, TASK
    )
