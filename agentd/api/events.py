"""CommitEvent, TaskEvents and WatchEvents: what agents write into the journal, and read of it."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, field

from agentd.api.amounts import Usage
from agentd.api.pages import LARGEST_PLACE, Limit
from agentd.api.params import NodeParams, TaskParams, one_payload
from agentd.api.types import (
    Id,
    Json,
    OptionalJson,
    OrNull,
    PayloadAlias,
    ResultId,
    Timestamp,
    canonical_id,
)


class CommitEventParams(NodeParams):
    """Journal an event about a node; needs the lease while the node is RUNNING."""

    lease_id: Id | None = None
    action_type: OrNull[str] = "COMMIT_EVENT"
    payload: OptionalJson = UNSET
    event_payload: PayloadAlias = UNSET
    usage: Usage = field(default_factory=dict)
    checkpoint: Annotated[
        OrNull[bool],
        Meta(description="the next holder of the node goes on from this; needs the lease"),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lease_id = self.lease_id and canonical_id(self.lease_id)
        self.payload = one_payload(self.payload, self.event_payload, "event_payload")
        self.event_payload = UNSET


class EventResult(Struct):
    """The id of the recorded event."""

    event_id: ResultId


class EventView(Struct):
    """What an agent committed, or how a node ended, as the context of a node shows it."""

    id: ResultId
    task_id: ResultId
    node_id: ResultId
    action_type: str
    payload: Json
    timestamp: Timestamp


class TaskEventsParams(TaskParams):
    """Show a task's events without heartbeats, oldest first: the newest, or those behind a seq."""

    after: Annotated[
        Annotated[int, Meta(ge=0, le=LARGEST_PLACE)] | None,
        Meta(
            description="only events behind this seq, such as `last_seq` of the page before; "
            "where it is left out, the newest `limit` of all"
        ),
    ] = None
    limit: OrNull[Limit] = 100


class RecordedEventView(Struct):
    """Any event, and its place in the journal of all tasks.

    `node_id` is null in what a task has of its own, and `task_id` too in what limits have.
    """

    id: ResultId
    task_id: ResultId | None
    node_id: ResultId | None
    action_type: str
    payload: Json
    timestamp: Timestamp
    seq: int
    by_client: Annotated[
        bool, Meta(description="CommitEvent wrote it, whatever it calls itself")
    ] = False


class TaskEventsResult(Struct):
    """A page of events, shorter than `limit` where they are large; `more`: it is not the last."""

    events: list[RecordedEventView]
    last_seq: Annotated[int, Meta(description="`after` of the next page")]
    more: bool
