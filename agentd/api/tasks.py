"""TaskStatus and ListTasks: one task with its nodes, and which tasks there are."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from agentd.api.amounts import ResultAmounts
from agentd.api.forks import ForkOrigin
from agentd.api.moments import At, Moment, check_at, to_milliseconds
from agentd.api.nodes import NodeView
from agentd.api.pages import LARGEST_PLACE, Limit
from agentd.api.params import Params, TaskParams
from agentd.api.registration import Labels
from agentd.api.types import (
    Id,
    Json,
    OrNull,
    ResultId,
    Timestamp,
    canonical_id,
    canonical_prefix,
)
from agentd.events import StateOfTask

StatusField = Literal["counts", "nodes", "usage"]

_WhereSet = Meta(description="as registered; left out where it was not")


class TaskView(Struct):
    """A task as clients see it."""

    id: ResultId
    goal: str
    context: Json
    created_at: Timestamp
    parent_task_id: Annotated[ResultId | UnsetType, _WhereSet] = UNSET
    labels: Annotated[dict[str, str] | UnsetType, _WhereSet] = UNSET
    forked_from: Annotated[
        ForkOrigin | UnsetType, Meta(description="left out where it was registered")
    ] = UNSET
    traceparent: Annotated[str | UnsetType, _WhereSet] = UNSET
    imported_from: Annotated[
        str | UnsetType, Meta(description="the `source`, if ImportTask made it; else left out")
    ] = UNSET


class TaskStatusParams(TaskParams):
    """Show a task and all its nodes, or a page of them, or only some `fields`."""

    fields: Annotated[
        list[StatusField] | None,
        Meta(description="only these, with `task` and `state`; `usage` brings `budget`"),
    ] = None
    limit: Limit | None = None
    after: Annotated[
        Annotated[int, Meta(ge=0, le=LARGEST_PLACE)] | None,
        Meta(description="`next` of the page before this one"),
    ] = None
    at: At | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at(self.at)

    def has(self, field: StatusField) -> bool:
        """Whether the field is asked for."""
        return self.fields is None or field in self.fields


class TaskStatusResult(Struct):
    """A task with its nodes in registration order; `counts` has only statuses that occur.

    What was not asked for is left out.
    """

    task: TaskView
    counts: dict[str, int] = {}
    nodes: list[NodeView] = []
    state: StateOfTask | UnsetType = UNSET
    usage: ResultAmounts = {}
    budget: Annotated[ResultAmounts | None, Meta(description="null where there is none")] = None
    next: Annotated[int | None, Meta(description="`after` of the next page of nodes")] = None


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
        Meta(description="`next` of the page before this one, all else being the same"),
    ] = None
    state: StateOfTask | None = None
    label: Annotated[
        OrNull[Labels], Meta(description="only tasks that have all of these labels")
    ] = field(default_factory=dict)
    parent_task_id: Id | None = None
    goal_contains: Annotated[
        OrNull[str], Meta(description="a text in the goal, in either case")
    ] = ""
    since: Annotated[Moment | None, Meta(description="registered then or later")] = None
    until: Annotated[Moment | None, Meta(description="registered before that")] = None

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
        self.parent_task_id = self.parent_task_id and canonical_id(self.parent_task_id)
        for name in ("since", "until"):
            if (moment := getattr(self, name)) is not None:
                to_milliseconds(moment, f"$.{name}")  # it is kept as it was sent


class TaskSummary(Struct):
    """A task in a list; `counts` has only statuses that occur, `runnable`: it has such a node."""

    id: ResultId
    goal: str
    created_at: Timestamp
    counts: dict[str, int]
    runnable: bool
    state: StateOfTask | UnsetType = UNSET
    parent_task_id: Annotated[ResultId | UnsetType, _WhereSet] = UNSET
    labels: Annotated[dict[str, str] | UnsetType, _WhereSet] = UNSET

    @property
    def has_ended(self) -> bool:
        """Nothing is to be done: no node is runnable, and nothing that goes on could make one so.

        A daemon that tells no state has nothing that holds a task.
        """
        if self.runnable or self.counts.get("RUNNING"):
            return False
        return self.state not in ("ACTIVE", "PAUSED") or not self.counts


class ListTasksResult(Struct):
    """A page of tasks, shorter than `limit` where they are large; `next` is null on the last."""

    tasks: list[TaskSummary]
    next: Annotated[int | None, Meta(description="`before` of the next page")]
