"""TaskStatus and ListTasks: one task with its nodes, and which tasks there are."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from agentd.api.nodes import NodeView
from agentd.api.pages import LARGEST_PLACE, Limit
from agentd.api.params import Params, TaskParams
from agentd.api.types import Json, OrNull, ResultId, Timestamp, canonical_prefix


class TaskView(Struct):
    """A task as clients see it."""

    id: ResultId
    goal: str
    context: Json
    created_at: Timestamp


class TaskStatusParams(TaskParams):
    """Show a task and all its nodes."""


class TaskStatusResult(Struct):
    """A task with all its nodes in registration order; `counts` has only statuses that occur."""

    task: TaskView
    counts: dict[str, int]
    nodes: list[NodeView]


class ListTasksParams(Params):
    """List tasks, newest first; with `runnable` those that have a runnable node, oldest first."""

    prefix: OrNull[
        Annotated[
            str,
            Meta(
                max_length=36,
                description="only tasks whose ids begin so: in either case, with dashes or without",
            ),
        ]
    ] = ""
    runnable: OrNull[bool] = False
    limit: OrNull[Limit] = 100
    before: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST_PLACE)] | None,
        Meta(description="`next` of the page before this one, for the same prefix and `runnable`"),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self.prefix = canonical_prefix(self.prefix)
        except ValueError:
            given = msgspec.json.encode(self.prefix).decode()
            raise ValueError(
                f"`$.prefix` does not begin a UUID: {given}; expected hexadecimal digits such as "
                "123e4567-e89b, with the dashes of a UUID or without any"
            ) from None


class TaskSummary(Struct):
    """A task in a list; `counts` has only statuses that occur, `runnable`: it has such a node."""

    id: ResultId
    goal: str
    created_at: Timestamp
    counts: dict[str, int]
    runnable: bool

    @property
    def has_ended(self) -> bool:
        """Nothing can run any more: no node is runnable, and none RUNNING could make one so."""
        return not self.runnable and not self.counts.get("RUNNING")


class ListTasksResult(Struct):
    """A page of tasks, shorter than `limit` where they are large; `next` is null on the last."""

    tasks: list[TaskSummary]
    next: Annotated[int | None, Meta(description="`before` of the next page")]
