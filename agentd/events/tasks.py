"""What happens to a task."""

from collections.abc import Mapping

from msgspec import Struct

from agentd.events.base import Amounts, Event
from agentd.events.nodes import NodeSettings


class ForkedFrom(Struct, frozen=True):
    """The task that this one began as, as that was after the record at `seq`."""

    task_id: str
    seq: int


class TaskRegistered(Event, frozen=True, omit_defaults=True):
    """A task began. Payload: the task's `context`.

    `warnings` is what its registrant was told, `node_defaults` what its nodes have where they say
    nothing, `spent` says that its budget is reached already. They and all behind them came later
    and are left out where there is nothing to say, so records without them are what they always
    were. Of its nodes so many are `completed` and `failed` from the start: it was `forked_from`
    another, or `imported_from` elsewhere, which is the source's own name; there it was `created_at`
    that moment, in Unix milliseconds. `traceparent` is the span of whoever planned it.
    """

    goal: str
    node_count: int
    warnings: tuple[str, ...] = ()
    node_defaults: NodeSettings | None = None
    parent_task_id: str | None = None
    labels: Mapping[str, str] = {}
    budget: Amounts | None = None
    spent: bool = False
    paused: bool = False
    timeout_at: int | None = None
    dedupe_key: str | None = None
    forked_from: ForkedFrom | None = None
    completed: int = 0
    failed: int = 0
    traceparent: str | None = None
    imported_from: str | None = None
    created_at: int | None = None


class TaskCancelled(Event, frozen=True, omit_defaults=True):
    """Nothing of the task is handed out any more, and nothing of it is anybody's.

    `descendants` were cancelled with it; of one of those `ancestor` is the task that was meant.
    """

    reason: str | None = None
    by: str | None = None
    descendants: tuple[str, ...] = ()
    ancestor: str | None = None


class TaskPaused(Event, frozen=True, omit_defaults=True):
    """Nothing of the task is handed out until it is resumed."""

    reason: str | None = None
    by: str | None = None


class TaskResumed(Event, frozen=True, omit_defaults=True):
    """The task goes on."""

    reason: str | None = None
    by: str | None = None


class BudgetSet(Event, frozen=True, omit_defaults=True):
    """The task has another budget, or none. `spent`: it is reached already."""

    budget: Amounts | None = None
    spent: bool = False
