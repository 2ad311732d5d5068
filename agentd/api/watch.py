"""WatchEvents: the journal as a cursor that waits for what happens."""

from typing import Annotated

from msgspec import Meta, Struct

from agentd.api.events import RecordedEventView
from agentd.api.leases import WaitSecs
from agentd.api.pages import LARGEST_PLACE, Limit
from agentd.api.params import Params
from agentd.api.types import Id, OrNull, canonical_id

Kind = Annotated[str, Meta(min_length=1, max_length=256)]


class WatchEventsParams(Params, forbid_unknown_fields=True):
    """Show the events of all tasks, or of one, behind a seq, or wait for the first that fits."""

    after_seq: Annotated[
        Annotated[int, Meta(ge=0, le=LARGEST_PLACE)] | None,
        Meta(
            description="only events behind this seq, such as `last_seq` of the answer before; "
            "where it is left out, behind the last one there is"
        ),
    ] = None
    task_id: Id | None = None
    kinds: Annotated[
        Annotated[list[Kind], Meta(min_length=1)] | None,
        Meta(description="only these action types; heartbeats only where they are named"),
    ] = None
    wait_secs: OrNull[WaitSecs] = 0
    limit: OrNull[Limit] = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        self.task_id = self.task_id and canonical_id(self.task_id)


class WatchEventsResult(Struct):
    """Events in the journal's order, fewer than `limit` where they are large or far between."""

    events: list[RecordedEventView]
    last_seq: Annotated[
        int, Meta(description="`after_seq` to go on from: nothing that fits was left out before it")
    ]

    def __bool__(self) -> bool:
        return bool(self.events)
